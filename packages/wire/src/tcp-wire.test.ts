import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { startWire, type Wire, type WireOptions } from "./tcp-wire.js";

interface Fixture {
  readonly wire: Wire;
  readonly targetSockets: Socket[];
  readonly server: Server;
  dial(): Promise<Socket>;
}

async function startFixture(
  t: TestContext,
  onConnection: (socket: Socket) => void,
  options: Partial<WireOptions> = {},
): Promise<Fixture> {
  const targetSockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    targetSockets.push(socket);
    socket.on("error", () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const targetPort = (server.address() as AddressInfo).port;
  const wire = await startWire({ targetPort, ...options });
  const dialed: Socket[] = [];
  t.after(async () => {
    for (const socket of [...dialed, ...targetSockets]) socket.destroy();
    await wire.close();
    server.close();
  });
  const dial = async (): Promise<Socket> => {
    const socket = connect({ host: "127.0.0.1", port: wire.port, allowHalfOpen: true });
    dialed.push(socket);
    await once(socket, "connect");
    return socket;
  };
  return { wire, targetSockets, server, dial };
}

function echo(socket: Socket): void {
  socket.pipe(socket);
}

async function text(socket: Socket, length: number): Promise<string> {
  let received = "";
  for (;;) {
    if (received.length >= length) return received;
    const [chunk] = (await once(socket, "data")) as [Buffer];
    received += String(chunk);
  }
}

function closed(socket: Socket): Promise<void> {
  socket.resume();
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

/** Resolves true when nothing arrived for a while. A silence can only be waited for. */
async function isSilent(socket: Socket): Promise<boolean> {
  const quiet = new AbortController();
  const timer = setTimeout(() => quiet.abort(), 60);
  try {
    await once(socket, "data", { signal: quiet.signal });
    return false;
  } catch {
    return true;
  } finally {
    clearTimeout(timer);
  }
}

describe("startWire", () => {
  it("delays each direction, and counts", async (t) => {
    const { wire, dial } = await startFixture(t, echo, { delayMs: 30 });
    const socket = await dial();
    socket.write("warm");
    await text(socket, 4);
    const startedMs = performance.now();
    socket.write("ping");
    assert.equal(await text(socket, 4), "ping");
    assert.ok(performance.now() - startedMs >= 59, "30 ms there and 30 ms back");
    const { acceptedCount, connectionCount, toTargetBytes, toCallerBytes } = wire.stats;
    assert.deepEqual([acceptedCount, connectionCount, toTargetBytes, toCallerBytes], [1, 1, 8, 8]);
  });

  it("keeps the order under jitter and a changing delay", async (t) => {
    const { wire, dial } = await startFixture(t, echo, { delayMs: 5, jitterMs: 10 });
    const socket = await dial();
    let sent = "";
    const received = text(socket, 6_000);
    for (let index = 0; index < 1_000; index += 1) {
      const piece = String(index).padStart(6, "0");
      sent += piece;
      socket.write(piece);
      if (index === 500) wire.setDelay(0);
      if (index % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(await received, sent);
  });

  it("holds no more than its bound when the target does not read", async (t) => {
    const queueMaxBytes = 256 * 1024;
    const { wire, dial } = await startFixture(t, (socket) => socket.pause(), { queueMaxBytes });
    const socket = await dial();
    const chunk = Buffer.alloc(64 * 1024);
    let acceptedBytes = 0;
    for (;;) {
      const isAccepted = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(false), 300);
        socket.write(chunk, () => {
          clearTimeout(timer);
          resolve(true);
        });
      });
      if (!isAccepted) break;
      acceptedBytes += chunk.length;
      assert.ok(acceptedBytes < 64 * 1024 * 1024, "the sender is never slowed");
    }
    assert.ok(wire.stats.queuedBytes <= queueMaxBytes + 64 * 1024, `${wire.stats.queuedBytes}`);
  });

  it("moves 20 MB through a small queue", async (t) => {
    const options = { delayMs: 1, queueMaxBytes: 512 * 1024 };
    const { dial } = await startFixture(t, echo, options);
    const socket = await dial();
    const totalBytes = 20 * 1024 * 1024;
    let receivedBytes = 0;
    socket.on("data", (chunk) => {
      receivedBytes += chunk.length;
    });
    socket.end(Buffer.alloc(totalBytes));
    await once(socket, "end");
    assert.equal(receivedBytes, totalBytes);
  });

  it("stalls one direction and loses nothing", async (t) => {
    const { wire, targetSockets, dial } = await startFixture(t, () => {});
    const socket = await dial();
    socket.write("a");
    while (wire.stats.toTargetBytes === 0) await new Promise((resolve) => setImmediate(resolve));
    wire.stall("to-caller");
    const target = targetSockets[0];
    assert.ok(target);
    target.resume();
    target.write("held");
    assert.equal(await isSilent(socket), true);
    socket.write("b");
    assert.equal(await text(target, 1), "b", "the other direction passes");
    const received = text(socket, 4);
    wire.resume();
    assert.equal(await received, "held");
  });

  it("swallows everything as a blackhole, new connections too", async (t) => {
    const { wire, targetSockets, dial } = await startFixture(t, echo);
    const socket = await dial();
    socket.write("x");
    await text(socket, 1);
    wire.blackhole(true);
    socket.write("held");
    const late = await dial();
    late.write("late");
    assert.equal(await isSilent(socket), true);
    assert.equal(targetSockets.length, 1, "no new connection reached the target");
    const received = Promise.all([text(socket, 4), text(late, 4)]);
    wire.blackhole(false);
    assert.deepEqual(await received, ["held", "late"]);
  });

  it("cuts one direction: what is connected half works, nothing new connects", async (t) => {
    const { wire, targetSockets, dial } = await startFixture(t, () => {});
    const socket = await dial();
    socket.write("x");
    while (wire.stats.toTargetBytes === 0) await new Promise((resolve) => setImmediate(resolve));
    wire.cut("to-target");
    await dial();
    targetSockets[0]?.write("y");
    assert.equal(await text(socket, 1), "y");
    assert.equal(targetSockets.length, 1);
  });

  it("resets both ends", async (t) => {
    const { wire, targetSockets, dial } = await startFixture(t, echo);
    const socket = await dial();
    socket.write("x");
    await text(socket, 1);
    socket.on("error", () => {});
    const target = targetSockets[0];
    assert.ok(target);
    const both = Promise.all([closed(socket), closed(target)]);
    wire.reset();
    await both;
    assert.equal(wire.stats.connectionCount, 0);
  });

  it("ends when the target's last bytes have arrived, and takes nothing new", async (t) => {
    const bye = (socket: Socket) => socket.end("bye");
    const { wire, dial } = await startFixture(t, bye, { delayMs: 20 });
    const { port } = wire;
    const socket = await dial();
    while (wire.stats.queuedBytes === 0) await new Promise((resolve) => setImmediate(resolve));
    const ended = wire.end(60_000);
    assert.equal(await text(socket, 3), "bye");
    await once(socket, "end");
    socket.end();
    await ended;
    const late = connect({ host: "127.0.0.1", port });
    await assert.rejects(once(late, "connect"));
  });

  it("breaks off what does not end in time", async (t) => {
    const { wire, dial } = await startFixture(t, echo);
    const socket = await dial();
    socket.on("error", () => {});
    socket.write("x");
    await text(socket, 1);
    const over = closed(socket);
    await wire.end(20);
    await over;
  });

  it("passes a reset of one end, an orderly end, and a refused target", async (t) => {
    const { wire, server, targetSockets, dial } = await startFixture(t, echo, { delayMs: 2 });
    const first = await dial();
    first.on("error", () => {});
    first.write("x");
    await text(first, 1);
    const firstClosed = closed(first);
    targetSockets[0]?.resetAndDestroy();
    await firstClosed;
    const second = await dial();
    second.end("bye");
    assert.equal(await text(second, 3), "bye");
    await closed(second);
    while (wire.stats.connectionCount > 0) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => server.close(resolve));
    const third = await dial();
    third.on("error", () => {});
    await closed(third);
  });
});
