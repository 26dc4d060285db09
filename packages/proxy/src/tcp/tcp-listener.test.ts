/** Plain TCP through the proxy, by port and by the name in a ClientHello. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { connect as connectTls } from "node:tls";
import {
  closed,
  deferred,
  rawConnect,
  readAll,
  refusingPort,
  startFixture,
} from "../proxy-fixture.test.util.js";
import { readServerName } from "./client-hello.js";

async function startTcp(t: TestContext, onSocket: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    t.after(() => socket.destroy());
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** The first bytes that a TLS client of this name sends. */
async function helloOf(t: TestContext, servername: string): Promise<Buffer> {
  const hello = deferred<Buffer>();
  const port = await startTcp(t, (socket) => socket.once("data", (data) => hello.resolve(data)));
  const socket = connectTls({ port, host: "127.0.0.1", servername });
  socket.on("error", () => {});
  t.after(() => socket.destroy());
  return hello.promise;
}

function portOf(ports: readonly number[]): number {
  const [port] = ports;
  assert.ok(port);
  return port;
}

describe("plain TCP", () => {
  it("counts what moved, and says of each connection where it went and how it ended", async (t) => {
    const tcp = [{ port: 0, service: "db" }];
    const { proxy, directory, nextEntry } = await startFixture(t, { tcp });
    const port = await startTcp(t, (socket) => {
      socket.on("data", () => socket.write("pong!"));
      socket.on("end", () => socket.end());
    });
    directory.set("db", { id: "a", port: await refusingPort() }, { id: "b", port });
    const socket = rawConnect(portOf(proxy.tcpPorts));
    socket.write("ping");
    await once(socket, "data");
    const metrics = () => proxy.metrics.registry.metrics();
    const open = await metrics();
    assert.match(open, /proxy_tcp_connections_active\{service="db"\} 1/);
    assert.match(open, /proxy_tcp_bytes_total\{service="db",direction="received"\} 4/);
    socket.end();
    const { durationMs, ...entry } = await nextEntry();
    assert.ok(durationMs > 0);
    assert.deepEqual(entry, {
      ...{ method: "TCP", host: "", route: "tcp:0", path: "tcp:0", statusCode: 0 },
      ...{ service: "db", instanceId: "b" },
      ...{ attemptCount: 2, requestBodyBytes: 4, responseBodyBytes: 5, outcome: "completed" },
      reason: "connect",
    });
    directory.set("db");
    await closed(rawConnect(portOf(proxy.tcpPorts)));
    assert.equal((await nextEntry()).outcome, "refused");
    const ended = await metrics();
    assert.match(ended, /proxy_tcp_connections_total\{.*outcome="completed"\} 1/);
    assert.match(ended, /proxy_tcp_bytes_total\{service="db",direction="sent"\} 5/);
    assert.match(ended, /proxy_tcp_failures_total\{service="db",reason="connect"\} 1/);
    assert.match(ended, /proxy_tcp_failures_total\{service="db",reason="no-instance"\} 1/);
    const [latest] = proxy.diagnostics().failures.recent;
    assert.deepEqual([latest?.service, latest?.reason], ["db", "no-instance"]);
  });

  it("chooses by the port's filter and policy, with the caller's address as key", async (t) => {
    const chosen = { filter: { version: "2" }, policy: "rendezvous" } as const;
    const tcp = [{ port: 0, service: "db", ...chosen }];
    const { proxy, directory } = await startFixture(t, { tcp });
    assert.ok(
      directory.requests.some(
        ({ service, filter, policy }) =>
          service === "db" && filter?.version === "2" && policy === "rendezvous",
      ),
    );
    const port = await startTcp(t, (socket) => socket.end("hi"));
    directory.set("db", { id: "a", port });
    const socket = rawConnect(portOf(proxy.tcpPorts));
    assert.equal(await readAll(socket), "hi");
    assert.deepEqual(directory.pickedKeys, ["127.0.0.1"]);
  });

  it("goes to the port's service, by another instance when one is away, with half-closes", async (t) => {
    const { proxy, directory } = await startFixture(t, { tcp: [{ port: 0, service: "db" }] });
    const port = await startTcp(t, (socket) => {
      let received = "";
      socket.on("data", (data) => {
        received += String(data);
      });
      // Only after the caller's end: proof that it was passed while this side still sends.
      socket.on("end", () => socket.end(`got ${received}`));
    });
    directory.set("db", { id: "a", port: await refusingPort() }, { id: "b", port });
    for (let index = 0; index < 3; index += 1) {
      const socket = rawConnect(portOf(proxy.tcpPorts));
      socket.end("hello");
      assert.equal(await readAll(socket), "got hello");
    }
    assert.equal(directory.heldCount, 0);
    directory.set("db");
    const refused = rawConnect(portOf(proxy.tcpPorts));
    await closed(refused);
  });

  it("goes by the name that TLS asks for, all bytes as they came", async (t) => {
    const tcp = [{ port: 0, serverNames: { "shop.test": "shop" } }];
    const { proxy, directory } = await startFixture(t, { tcp });
    const received = deferred<Buffer>();
    const port = await startTcp(t, (socket) =>
      socket.once("data", (data) => received.resolve(data)),
    );
    directory.set("shop", { id: "a", port });
    const hello = await helloOf(t, "shop.test");
    const socket = rawConnect(portOf(proxy.tcpPorts));
    // In two reads.
    socket.write(hello.subarray(0, 50));
    await new Promise((resolve) => setImmediate(resolve));
    socket.write(hello.subarray(50));
    assert.deepEqual(await received.promise, hello);
    socket.destroy();
    for (const first of [await helloOf(t, "other.test"), Buffer.from("GET / HTTP/1.1\r\n\r\n")]) {
      const other = rawConnect(portOf(proxy.tcpPorts));
      other.write(first);
      await closed(other);
    }
  });

  it("is waited for by a drain, and broken off after it", async (t) => {
    const { proxy, directory } = await startFixture(t, { tcp: [{ port: 0, service: "db" }] });
    const port = await startTcp(t, (socket) => socket.pipe(socket));
    directory.set("db", { id: "a", port });
    const socket = rawConnect(portOf(proxy.tcpPorts));
    socket.write("ping");
    await once(socket, "data");
    assert.equal(proxy.activeCount, 1);
    const ended = closed(socket);
    await proxy.close({ drainMs: 50 });
    await ended;
  });
});

describe("readServerName", () => {
  it("waits for the whole, at every cut, and finds the name", async (t) => {
    const hello = await helloOf(t, "Shop.Test");
    for (let length = 0; length < hello.length; length += 1) {
      assert.equal(readServerName(hello.subarray(0, length)).type, "more", String(length));
    }
    assert.deepEqual(readServerName(hello), { type: "name", name: "shop.test" });
    assert.equal(readServerName(Buffer.from("SSH-2.0-x")).type, "fault");
  });
});
