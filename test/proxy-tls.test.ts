/** TLS on both sides of the proxy, for requests and for WebSockets. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { createServer, request } from "node:https";
import type { AddressInfo } from "node:net";
import { it, type TestContext } from "node:test";
import { startProxy } from "@fpzk/proxy";
import { WebSocket, WebSocketServer } from "ws";
import { directoryOf } from "./one-instance-directory.js";

interface Authority {
  readonly certificate: { toString(format: "pem"): string };
}

interface Certificates {
  createAuthority(name: string): Promise<Authority>;
  issue(authority: Authority, name: string): Promise<{ cert: string; key: string }>;
}

// The server's own test support; packages do not export such files.
const certificates: Certificates = await import(
  new URL("../../packages/server/dist/certificates.test.support.js", import.meta.url).href
);

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
