/** Upgrades through the proxy with real sockets. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { describe, it } from "node:test";
import {
  closed,
  deferred,
  rawConnect,
  rawExchange,
  readAll,
  refusingPort,
  startFixture,
  startInstance,
} from "./proxy-fixture.test.util.js";

const UPGRADE = "GET /ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n";
const SWITCHED = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";

describe("upgrade", () => {
  it("joins the two connections, and passes a half-close", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t);
    const instance = await startInstance(t, () => {});
    instance.server.on("upgrade", (request, socket, head) => {
      assert.equal(request.url, "/ws");
      assert.equal(request.headers["x-forwarded-for"], "127.0.0.1");
      socket.write(SWITCHED);
      let received = String(head);
      socket.on("data", (chunk) => {
        received += String(chunk);
      });
      // Only after the caller's end: proof that it was passed while this side still sends.
      socket.on("end", () => socket.end(`got ${received}`));
    });
    directory.set("echo", { id: "a", port: instance.port });
    const socket = rawConnect(proxy.port);
    socket.write(`${UPGRADE}\r\nearly `);
    const [head] = (await once(socket, "data")) as [Buffer];
    assert.match(String(head), /^HTTP\/1\.1 101 Switching Protocols\r\n/);
    assert.match(String(head), /upgrade: echo\r\n/i);
    socket.end("late");
    assert.equal(await readAll(socket), "got early late");
    const entry = await nextEntry();
    assert.deepEqual([entry.outcome, entry.statusCode], ["upgraded", 101]);
    assert.equal(directory.heldCount, 0);
  });

  it("goes on to pass what the caller sends when the instance has ended", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const received = deferred<string>();
    const instance = await startInstance(t, () => {});
    instance.server.on("upgrade", (_request, socket) => {
      let text = "";
      socket.on("data", (chunk) => {
        text += String(chunk);
      });
      socket.on("end", () => received.resolve(text));
      socket.end(SWITCHED);
    });
    directory.set("echo", { id: "a", port: instance.port });
    const socket = rawConnect(proxy.port);
    socket.write(`${UPGRADE}\r\n`);
    socket.resume();
    await once(socket, "end");
    socket.write("still ");
    socket.end("here");
    assert.equal(await received.promise, "still here");
  });

  it("relays a large stream under backpressure", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const instance = await startInstance(t, () => {});
    instance.server.on("upgrade", (_request, socket) => {
      socket.write(SWITCHED);
      socket.pipe(socket);
    });
    directory.set("echo", { id: "a", port: instance.port });
    const socket = rawConnect(proxy.port);
    socket.write(`${UPGRADE}\r\n`);
    await once(socket, "data");
    const totalBytes = 20 * 1024 * 1024;
    let receivedBytes = 0;
    socket.on("data", (chunk: Buffer) => {
      receivedBytes += chunk.length;
    });
    const chunk = Buffer.alloc(64 * 1024);
    for (let sentBytes = 0; sentBytes < totalBytes; sentBytes += chunk.length) {
      if (!socket.write(chunk)) await once(socket, "drain");
    }
    socket.end();
    await closed(socket);
    assert.equal(receivedBytes, totalBytes);
  });

  it("passes an ordinary answer of an instance that declines", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t);
    const instance = await startInstance(t, (_request, response) => {
      response.writeHead(403, { "x-why": "no" }).end("declined");
    });
    directory.set("echo", { id: "a", port: instance.port });
    const answer = await rawExchange(proxy.port, `${UPGRADE}\r\n`);
    assert.match(answer, /^HTTP\/1\.1 403 Forbidden\r\n/);
    assert.match(answer, /x-why: no\r\n/);
    assert.match(answer, /declined/);
    assert.equal((await nextEntry()).statusCode, 403);
    assert.equal(directory.heldCount, 0);
  });

  it("tries another instance, and says so when there is none", async (t) => {
    const { proxy, directory, nextEntry } = await startFixture(t);
    const none = await rawExchange(proxy.port, `${UPGRADE}\r\n`);
    assert.match(none, /^HTTP\/1\.1 503 /);
    assert.match(none, /"code":"unavailable"/);
    const instance = await startInstance(t, () => {});
    instance.server.on("upgrade", (_request, socket) => socket.end(`${SWITCHED}hello`));
    directory.set(
      "echo",
      { id: "a", port: await refusingPort() },
      { id: "b", port: instance.port },
    );
    for (let index = 0; index < 3; index += 1) {
      assert.match(await rawExchange(proxy.port, `${UPGRADE}\r\n`), /101[\s\S]*hello$/);
    }
    for (let index = 0; index < 4; index += 1) await nextEntry();
    assert.equal(directory.heldCount, 0);
  });

  it("ends the caller's connection when the instance's breaks, and the other way", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const sockets: Socket[] = [];
    const instance = await startInstance(t, () => {});
    instance.server.on("upgrade", (_request, socket) => {
      sockets.push(socket as Socket);
      socket.on("error", () => {});
      socket.write(SWITCHED);
    });
    directory.set("echo", { id: "a", port: instance.port });
    const first = rawConnect(proxy.port);
    first.write(`${UPGRADE}\r\n`);
    await once(first, "data");
    const firstClosed = closed(first);
    sockets[0]?.resetAndDestroy();
    await firstClosed;
    const second = rawConnect(proxy.port);
    second.write(`${UPGRADE}\r\n`);
    await once(second, "data");
    assert.ok(sockets[1]);
    const secondClosed = closed(sockets[1]);
    second.resetAndDestroy();
    await secondClosed;
  });

  it("ignores an offer of h2c", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const instance = await startInstance(t, (request, response) => {
      response.end(`upgrade=${request.headers.upgrade}`);
    });
    directory.set("echo", { id: "a", port: instance.port });
    const offer =
      "connection: upgrade, http2-settings, close\r\nupgrade: h2c\r\nhttp2-settings: AA\r\n";
    const answer = await rawExchange(proxy.port, `GET / HTTP/1.1\r\nhost: x\r\n${offer}\r\n`);
    assert.match(answer, /^HTTP\/1\.1 200 OK/);
    assert.match(answer, /upgrade=undefined/);
  });

  it("breaks upgraded connections off at the end of a drain", async (t) => {
    const { proxy, directory } = await startFixture(t);
    const instance = await startInstance(t, () => {});
    instance.server.on("upgrade", (_request, socket) => {
      socket.on("error", () => {});
      socket.write(SWITCHED);
    });
    directory.set("echo", { id: "a", port: instance.port });
    const socket = rawConnect(proxy.port);
    socket.write(`${UPGRADE}\r\n`);
    await once(socket, "data");
    assert.equal(proxy.activeCount, 1);
    const ended = closed(socket);
    await proxy.close({ drainMs: 20 });
    await ended;
    assert.equal(proxy.activeCount, 0);
  });
});
