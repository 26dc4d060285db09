/** TLS on both sides of the proxy, for requests and for WebSockets. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import {
  connect as connectHttp2,
  createSecureServer as createHttp2Server,
  type IncomingHttpHeaders,
} from "node:http2";
import { createServer, request } from "node:https";
import type { AddressInfo } from "node:net";
import { it, type TestContext } from "node:test";
import { connect as connectTls } from "node:tls";
import { startProxy } from "@fpzk/proxy";
import { WebSocket, WebSocketServer } from "ws";
import { type Authority, certificates } from "./certificates.js";
import { directoryOf } from "./one-instance-directory.js";

async function startSecured(t: TestContext, trusted: Authority, issuer: Authority) {
  const instance = createServer(await certificates.issue(issuer, "instance"));
  const sockets = new WebSocketServer({ server: instance });
  sockets.on("connection", (socket) => socket.on("message", (data) => socket.send(data)));
  instance.on("request", (incoming, response) => {
    response.end(`proto ${incoming.headers["x-forwarded-proto"]}`);
  });
  await new Promise<void>((resolve) => instance.listen(0, "127.0.0.1", resolve));
  t.after(() => instance.close());
  const proxy = await startProxy({
    port: 0,
    directory: directoryOf((instance.address() as AddressInfo).port, true),
    routes: [{ service: "secured" }],
    tls: await certificates.issue(trusted, "proxy"),
    instanceCa: trusted.certificate.toString("pem"),
  });
  t.after(() => proxy.close({ drainMs: 0 }));
  return { proxy, ca: trusted.certificate.toString("pem") };
}

async function get(url: string, ca: string): Promise<{ statusCode: number; text: string }> {
  const outgoing = request(url, { ca, agent: false }).end();
  const [answer] = (await once(outgoing, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of answer) text += String(chunk);
  return { statusCode: answer.statusCode ?? 0, text };
}

it("speaks TLS to callers and to instances", async (t) => {
  const authority = await certificates.createAuthority("ca");
  const { proxy, ca } = await startSecured(t, authority, authority);
  assert.deepEqual(await get(proxy.url, ca), { statusCode: 200, text: "proto https" });
  const caller = new WebSocket(proxy.url.replace("https:", "wss:"), { ca });
  await once(caller, "open");
  caller.send("hello");
  const [echo] = (await once(caller, "message")) as [Buffer];
  assert.equal(String(echo), "hello");
  caller.close(1_000);
  await once(caller, "close");
});

it("does not call an instance whose certificate it cannot trust", async (t) => {
  const trusted = await certificates.createAuthority("ca");
  const { proxy, ca } = await startSecured(t, trusted, await certificates.createAuthority("other"));
  const answer = await get(proxy.url, ca);
  assert.equal(answer.statusCode, 503);
  assert.match(answer.text, /"code":"unavailable"/);
  const caller = new WebSocket(proxy.url.replace("https:", "wss:"), { ca });
  const [error] = (await once(caller, "error")) as [Error];
  assert.match(error.message, /503/);
});

/** The name in the certificate that a caller of `servername` is shown. */
async function shownName(port: number, servername: string, ca: string): Promise<string> {
  const checkServerIdentity = (): undefined => undefined;
  const socket = connectTls({ port, host: "127.0.0.1", servername, ca, checkServerIdentity });
  await once(socket, "secureConnect");
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

it("shows the certificate of the name that is asked for, also after a change", async (t) => {
  const authority = await certificates.createAuthority("ca");
  const ca = authority.certificate.toString("pem");
  const issue = (name: string, dnsName: string) => certificates.issue(authority, name, dnsName);
  const proxy = await startProxy({
    port: 0,
    directory: directoryOf(1, false),
    routes: [{ service: "any" }],
    tls: await issue("main", "main.test"),
    certificates: [await issue("shop", "shop.test"), await issue("wild", "*.wild.test")],
  });
  t.after(() => proxy.close({ drainMs: 0 }));
  const shown = (name: string): Promise<string> => shownName(proxy.port, name, ca);
  assert.equal(await shown("shop.test"), "shop");
  assert.equal(await shown("a.wild.test"), "wild");
  assert.equal(await shown("a.b.wild.test"), "main");
  assert.equal(await shown("other.test"), "main");
  proxy.replaceCertificates({
    tls: await issue("main2", "main.test"),
    certificates: [await issue("shop2", "shop.test")],
  });
  assert.equal(await shown("shop.test"), "shop2");
  assert.equal(await shown("a.wild.test"), "main2");
  assert.throws(() => proxy.replaceCertificates({ tls: { cert: "no", key: "no" } }));
  assert.equal(await shown("shop.test"), "shop2");
});

it("speaks HTTP/2 where ALPN chose it, and shows instances its own certificate", async (t) => {
  const authority = await certificates.createAuthority("ca");
  const ca = authority.certificate.toString("pem");
  const asking = { requestCert: true, rejectUnauthorized: true, ca };
  const instance = createServer({ ...(await certificates.issue(authority, "i")), ...asking });
  instance.on("request", (_incoming, response) => response.end("known"));
  await new Promise<void>((resolve) => instance.listen(0, "127.0.0.1", resolve));
  t.after(() => instance.close());
  const common = {
    port: 0,
    directory: directoryOf((instance.address() as AddressInfo).port, true),
    routes: [{ service: "any" }],
    tls: await certificates.issue(authority, "proxy"),
    instanceCa: ca,
  };
  const statusBy = async (options: Parameters<typeof startProxy>[0]): Promise<number> => {
    const proxy = await startProxy(options);
    const session = connectHttp2(`https://localhost:${proxy.port}`, { ca });
    const stream = session.request({ ":path": "/" }).resume();
    const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders];
    assert.equal(session.alpnProtocol, "h2");
    session.destroy();
    await proxy.close({ drainMs: 0 });
    return Number(headers[":status"]);
  };
  const own = await certificates.issue(authority, "own");
  assert.equal(await statusBy({ ...common, instanceCertificate: own }), 200);
  assert.ok((await statusBy(common)) >= 502);
});

it("speaks the version to instances over TLS that their route says", async (t) => {
  const authority = await certificates.createAuthority("ca");
  const identity = await certificates.issue(authority, "instance");
  const instance = createHttp2Server({ ...identity, allowHTTP1: true });
  const connections = new Set<string>();
  instance.on("secureConnection", (socket) => connections.add(String(socket.alpnProtocol)));
  instance.on("request", async (incoming, response) => {
    let body = "";
    for await (const chunk of incoming) body += String(chunk);
    response.end(`${incoming.httpVersion} ${incoming.authority || incoming.headers.host} ${body}`);
  });
  await new Promise<void>((resolve) => instance.listen(0, "127.0.0.1", resolve));
  t.after(() => instance.close());
  const proxy = await startProxy({
    port: 0,
    directory: directoryOf((instance.address() as AddressInfo).port, true, "https"),
    routes: [
      { service: "secured", protocol: "h2" },
      { service: "secured", pathPrefix: "/one" },
      { service: "secured", pathPrefix: "/clear", protocol: "h2c" },
    ],
    instanceCa: authority.certificate.toString("pem"),
  });
  t.after(() => proxy.close({ drainMs: 0 }));
  const post = async (path: string): Promise<string> =>
    (await fetch(`${proxy.url}${path}`, { method: "POST", body: "hi" })).text();
  const host = `127.0.0.1:${proxy.port}`;
  assert.equal(await post("/"), `2.0 ${host} hi`);
  assert.deepEqual([...connections], ["h2"]);
  assert.equal(await post("/one"), `1.1 ${host} hi`);
  // It asks for HTTP/2 of endpoints in clear, and this one is not.
  assert.equal(await post("/clear"), `1.1 ${host} hi`);
});
