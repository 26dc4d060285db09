import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect, type Socket } from "node:net";
import test from "node:test";
import { connect as tlsConnect } from "node:tls";
import {
  type Authority,
  createAuthority,
  issue,
  writeTlsFiles,
} from "./certificates.test.support.js";
import { echoScript, RawClient, startEdge } from "./edge.test.support.js";
import { silentLogger } from "./logger.js";
import { isLoopback, PortMux } from "./port-mux.js";
import { TlsServer } from "./tls-server.js";

const caOf = (authority: Authority) => authority.certificate.toString("pem");

function get(port: number, path: string, ca?: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const send = ca === undefined ? httpRequest : httpsRequest;
    const options = { host: "127.0.0.1", port, path, agent: false as const, ca };
    send(options, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on("error", reject)
      .end();
  });
}

/** Resolves with what came until the other side closed. */
async function untilClosed(socket: Socket): Promise<string> {
  let text = "";
  // What is written after the other side has closed makes it reset the connection; `once` would
  // reject then, although all that was sent has been read.
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  await new Promise((resolve) => socket.once("close", resolve));
  return text;
}

test("one port speaks HTTP and WebSocket, inside and outside of TLS", async () => {
  const authority = await createAuthority("test ca");
  await using files = await writeTlsFiles(await issue(authority, "node"), undefined);
  await using edge = await startEdge({ tls: files });
  const ca = caOf(authority);
  assert.equal(await get(edge.port, "/healthz"), 200);
  assert.equal(await get(edge.port, "/healthz", ca), 200);
  for (const [scheme, options] of [
    ["ws", {}],
    ["wss", { ca }],
  ] as const) {
    const client = await RawClient.open(edge.port, options, scheme);
    client.hello({ clientId: scheme });
    await client.receive("welcome");
    client.ws.terminate();
  }
});

test("a certificate that changes on disk is shown without a restart", async () => {
  const authority = await createAuthority("test ca");
  const [first, second] = await Promise.all([issue(authority, "one"), issue(authority, "two")]);
  await using files = await writeTlsFiles(first, undefined);
  const server = await TlsServer.open(files, silentLogger);
  assert.equal(await server.reload(), false);
  await files.replace(second);
  assert.equal(await server.reload(), true);
  assert.equal(server.material.cert.toString(), second.cert);
  await files.replace({ cert: "broken", key: "broken", serialNumber: "" });
  assert.equal(await server.reload(), false);
  assert.equal(server.material.cert.toString(), second.cert);
  server.close();
});

test("a running port shows the new certificate to new connections", async () => {
  const authority = await createAuthority("test ca");
  const [first, second] = await Promise.all([issue(authority, "one"), issue(authority, "two")]);
  await using files = await writeTlsFiles(first, undefined);
  await using edge = await startEdge({ tls: files }, echoScript, { tlsPollIntervalMs: 10 });
  const commonName = async () => {
    const socket = tlsConnect({ host: "127.0.0.1", port: edge.port, ca: caOf(authority) });
    await once(socket, "secureConnect");
    const name = socket.getPeerCertificate().subject.CN;
    socket.destroy();
    return name;
  };
  assert.equal(await commonName(), "one");
  await files.replace(second);
  while (!edge.logs.some((line) => line.event === "tls.reloaded")) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal(await commonName(), "two");
});

test("a TLS hello on a port without TLS is refused at once", async () => {
  await using edge = await startEdge();
  const socket = connect(edge.port, "127.0.0.1");
  socket.write(Buffer.from([0x16, 3, 1, 0, 10, 1, 2, 3]));
  assert.equal(await untilClosed(socket), "");
});

test("silence, slow first bytes and garbage end the connection, others go on", async () => {
  const authority = await createAuthority("test ca");
  await using files = await writeTlsFiles(await issue(authority, "node"), undefined);
  await using edge = await startEdge({ tls: files }, echoScript, { firstByteTimeoutMs: 20 });
  assert.equal(await untilClosed(connect(edge.port, "127.0.0.1")), "");
  const garbage = connect(edge.port, "127.0.0.1");
  garbage.write(Buffer.from([0, 1, 2, 3, 255, 254]));
  assert.match(await untilClosed(garbage), /^HTTP\/1\.1 400/);
  const brokenTls = connect(edge.port, "127.0.0.1");
  brokenTls.write(Buffer.from([0x16, 3, 1, 0, 5, 9, 9, 9, 9, 9]));
  await untilClosed(brokenTls);
  const longHeader = connect(edge.port, "127.0.0.1");
  longHeader.write(`GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(40_000)}\r\n\r\n`);
  assert.match(await untilClosed(longHeader), /^HTTP\/1\.1 431/);
  assert.equal(await get(edge.port, "/healthz"), 200);
});

test("a header that drips is given up on", async () => {
  await using edge = await startEdge({}, echoScript, { headersTimeoutMs: 50 });
  const socket = connect(edge.port, "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nHost: a\r\n");
  const drip = setInterval(() => socket.write("X: y\r\n"), 20);
  const answer = await untilClosed(socket).finally(() => clearInterval(drip));
  assert.match(answer, /^HTTP\/1\.1 408/);
});

test("mutual TLS keeps peers without a certificate out, and lets sessions in", async () => {
  const authority = await createAuthority("cluster ca");
  const foreign = await createAuthority("cluster ca");
  await using files = await writeTlsFiles(await issue(authority, "b"), authority);
  await using strangerFiles = await writeTlsFiles(await issue(foreign, "x"), authority);
  await using peerFiles = await writeTlsFiles(await issue(authority, "a"), authority);
  await using edge = await startEdge({ nodeId: "b", tls: files });
  const client = await RawClient.open(edge.port, { ca: caOf(authority) }, "wss");
  client.hello();
  await client.receive("welcome");
  client.ws.terminate();
  const dialer = (nodeId: string, tls: NonNullable<typeof files>) => {
    let isFirst = true;
    return startEdge({ nodeId, tls }, (event) => {
      if (event.type !== "tick" || !isFirst) return [];
      isFirst = false;
      return [{ type: "dial", address: edge.server.address, expectedNodeId: "b" }];
    });
  };
  await using stranger = await dialer("x", strangerFiles);
  assert.equal((await stranger.node.expect("dial-failed")).cause, "rejected");
  await using peer = await dialer("a", peerFiles);
  assert.equal((await peer.node.expect("link-open")).peer.nodeId, "b");
  assert.equal((await edge.node.expect("link-open")).peer.nodeId, "a");
});

test("connections over the bound are closed at once, and room comes back", async () => {
  const refused: string[] = [];
  const httpServer = createHttpServer((_request, response) => response.end("ok"));
  const mux = new PortMux({
    httpServer,
    tlsServer: undefined,
    connectionCountMax: 2,
    connectionCountMaxPerAddress: 1,
    onRefused: (reason) => refused.push(reason),
  });
  httpServer.listen(0, "127.0.0.1");
  await once(httpServer, "listening");
  const { port } = httpServer.address() as { port: number };
  // Held until the mux is open: connections that come early are not lost.
  const early = get(port, "/");
  const first = connect(port, "127.0.0.1");
  await once(first, "connect");
  while (mux.connectionCount < 2) await new Promise(setImmediate);
  assert.equal(await untilClosed(connect(port, "127.0.0.1")), "");
  assert.deepEqual(refused, ["connections"]);
  mux.open();
  assert.equal(await early, 200);
  while (mux.connectionCount > 1) await new Promise(setImmediate);
  assert.equal(await get(port, "/"), 200);
  mux.destroyAll();
  httpServer.close();
});

test("with TLS, plain text is served to loopback alone", async () => {
  const authority = await createAuthority("test ca");
  await using files = await writeTlsFiles(await issue(authority, "node"), undefined);
  const tlsServer = await TlsServer.open(files, silentLogger);
  const httpServer = createHttpServer((_request, response) => response.end("ok"));
  const refused: string[] = [];
  let address = "10.1.2.3";
  const mux = new PortMux({
    httpServer,
    tlsServer,
    connectionCountMax: 10,
    connectionCountMaxPerAddress: 10,
    onRefused: (reason, from) => refused.push(`${reason} ${from}`),
    addressOf: () => address,
  });
  mux.open();
  httpServer.listen(0, "127.0.0.1");
  await once(httpServer, "listening");
  const { port } = httpServer.address() as { port: number };
  for (const request of ["GET /v1/services HTTP/1.1\r\nHost: a\r\n\r\n", "\u0000garbage"]) {
    const stranger = connect(port, "127.0.0.1");
    stranger.write(request);
    assert.match(await untilClosed(stranger), /^HTTP\/1\.1 426 .*"failed_precondition"/s);
  }
  assert.deepEqual(refused, ["plain-text 10.1.2.3", "plain-text 10.1.2.3"]);
  assert.equal(await get(port, "/", caOf(authority)), 200);
  address = "127.0.0.1";
  assert.equal(await get(port, "/"), 200);
  assert.equal(refused.length, 2);
  mux.destroyAll();
  httpServer.close();
  tlsServer.close();
});

test("loopback addresses", () => {
  for (const address of ["127.0.0.1", "::1", "::ffff:127.0.0.1"]) {
    assert.equal(isLoopback(address), true, address);
  }
  for (const address of ["", "10.0.0.1", "::ffff:10.0.0.1", "127.0.0.1.example"]) {
    assert.equal(isLoopback(address), false, address);
  }
});
