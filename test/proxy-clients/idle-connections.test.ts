/**
 * Thousands of callers that connect and then do nothing, while one goes on asking.
 *
 * FPZK_IDLE_COUNT says how many, 900 unless it is set; 10,000 need `ulimit -n` above that. A third
 * of them never says a word, a third keeps its connection after an answer, a third speaks HTTP/2.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, type IncomingMessage, request } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { Registry } from "../integrations/registry.js";
import { startProxyProcess } from "./stage.js";
import { createWebInstance, WebState } from "./web-instance.js";

const IDLE_COUNT = Number(process.env["FPZK_IDLE_COUNT"] ?? 900);
/** Above the time in which they are all opened: the last to come would find the first gone. */
const IDLE_TIMEOUT_MS = Math.max(3_000, 2 * IDLE_COUNT);
/** As many as wait for their connection at once: listening sockets have a short queue. */
const BATCH_COUNT = 100;
/** Each address of the loopback has ports of its own. */
const PER_ADDRESS_COUNT = 2_000;
const BYTES_PER_CONNECTION_MAX = 65_536;
/** What a process grows by between two full collections, however few the connections are. */
const COLLECTOR_SWING_BYTES = 33_554_432;

const HTTP2_BEGIN = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);
const KINDS = [
  { name: "silent", first: undefined },
  { name: "kept alive", first: Buffer.from("GET /hello HTTP/1.1\r\nhost: x\r\n\r\n") },
  { name: "HTTP/2", first: HTTP2_BEGIN },
];

interface Idle {
  readonly quietSinceMs: number;
  /** Resolves with how the proxy ended it. */
  readonly ended: Promise<{ atMs: number; isReset: boolean }>;
}

test(`${IDLE_COUNT} idle connections`, { timeout: 240_000 }, async (t) => {
  const { port, pid } = await startAll(t);
  const bystander = new Bystander(port);
  // What it has after its first requests is not the connections' cost.
  await bystander.ask(200);
  const going = bystander.goOn();
  const all: Idle[] = [];
  for (const { name, first } of KINDS) {
    const before = residentBytes(pid);
    const count = Math.ceil(IDLE_COUNT / KINDS.length);
    for (let opened = 0; opened < count; opened += BATCH_COUNT) {
      const batch = Array.from({ length: Math.min(BATCH_COUNT, count - opened) }, (_, index) =>
        openIdle(t, port, { number: all.length + index, first }),
      );
      all.push(...(await Promise.all(batch)));
    }
    const grownBytes = residentBytes(pid) - before;
    t.diagnostic(`${count} ${name}: ${(grownBytes / count / 1_024).toFixed(1)} KB each`);
    const allowedBytes = COLLECTOR_SWING_BYTES + count * BYTES_PER_CONNECTION_MAX;
    assert.ok(grownBytes < allowedBytes, `${grownBytes} > ${allowedBytes} bytes for the ${name}`);
  }
  for (const { quietSinceMs, ended } of all) {
    const { atMs, isReset } = await ended;
    // Clocks of both sides are read a little apart, and the proxy's ticks.
    assert.ok(atMs - quietSinceMs > IDLE_TIMEOUT_MS - 500, `after ${atMs - quietSinceMs} ms`);
    assert.equal(isReset, false, "ended in order");
  }
  bystander.stop();
  await going;
  const { count, slowestMs } = bystander;
  t.diagnostic(`a bystander's ${count} requests meanwhile: slowest ${slowestMs.toFixed(0)} ms`);
  assert.ok(count > 200);
});

async function startAll(t: TestContext): Promise<{ port: number; pid: number }> {
  const folder = await mkdtemp(join(tmpdir(), "fpzk-idle-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const registry = await Registry.start(t);
  const server = createWebInstance(new WebState());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  await registry.register("web", "web-1", { port: (server.address() as AddressInfo).port });
  const { port, process } = await startProxyProcess(t, join(folder, "proxy.yaml"), {
    registry: { servers: [registry.address] },
    routes: [{ service: "web" }],
    accessLog: "off",
    limits: { idleTimeout: IDLE_TIMEOUT_MS },
  });
  const { pid } = process.child;
  assert.ok(pid !== undefined);
  return { port, pid };
}

/** Connects, says the first words if any, and is quiet from their answer on. */
async function openIdle(
  t: TestContext,
  port: number,
  { number, first }: { number: number; first: Buffer | undefined },
): Promise<Idle> {
  const localAddress = `127.0.0.${2 + Math.floor(number / PER_ADDRESS_COUNT)}`;
  const socket: Socket = connect({ port, host: "127.0.0.1", localAddress });
  t.after(() => socket.destroy());
  await once(socket, "connect");
  let isReset = false;
  socket.on("error", () => {
    isReset = true;
  });
  const quietSinceMs = performance.now();
  const ended = new Promise<{ atMs: number; isReset: boolean }>((resolve) => {
    socket.once("close", () => resolve({ atMs: performance.now(), isReset }));
  });
  if (first !== undefined) {
    socket.write(first);
    await once(socket, "data");
  }
  socket.resume();
  return { quietSinceMs, ended };
}

/** One who asks again and again; the first request that fails fails the test. */
class Bystander {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #isOver = false;
  count = 0;
  slowestMs = 0;

  constructor(port: number) {
    this.#port = port;
  }

  async ask(count: number): Promise<void> {
    for (let done = 0; done < count && !this.#isOver; done += 1) {
      const startMs = performance.now();
      const asked = request({ port: this.#port, path: "/hello", agent: this.#agent }).end();
      const [answer] = (await once(asked, "response")) as [IncomingMessage];
      assert.equal(await text(answer), "hello");
      this.count += 1;
      this.slowestMs = Math.max(this.slowestMs, performance.now() - startMs);
    }
  }

  async goOn(): Promise<void> {
    while (!this.#isOver) {
      await this.ask(10);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.#agent.destroy();
  }

  stop(): void {
    this.#isOver = true;
  }
}

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1_024;
}
