/**
 * What a heartbeat costs: processor time of a whole node per heartbeat and pong.
 *
 * Run with `node packages/server/dist/heartbeat.bench.js [connections] [heartbeats in flight...]`.
 * Sketch: one in flight is one `read` and one `write` per heartbeat, 3 to 7 us each on a virtual
 * machine; decode, step, encode and frame 2 us; so 8 to 16 us. With 32 in flight the system calls
 * are shared and the 2 us remain. The load comes from a process of its own.
 */
import { fork } from "node:child_process";
import { connect, type Socket } from "node:net";
import { cpus } from "node:os";
import { argv } from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { encodeSessionRequest } from "@fpzk/protocol";
import { localClusterOptions, localNodeOptions } from "./local-options.js";
import { silentLogger } from "./logger.js";
import { startServer } from "./start-server.js";

export interface HeartbeatMeasure {
  readonly connectionCount: number;
  readonly inFlightCount: number;
  readonly heartbeatsPerSecond: number;
  /** Share of one core that the node used. */
  readonly cpuShare: number;
  readonly heartbeatsPerCoreSecond: number;
  readonly microsPerHeartbeat: number;
}

/** Bytes of a pong's frame for the sequence that is sent. */
const PONG_FRAME_BYTES = 10;
const SEQUENCE = 70_000;
const LOAD_ARGUMENT = "--load";
const UPGRADE =
  "GET /v1/session HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/** Measures one node in this process under load from another. */
export async function measureHeartbeats(
  connectionCount: number,
  inFlightCount: number,
  durationMs: number,
): Promise<HeartbeatMeasure> {
  const server = await startServer({
    cluster: localClusterOptions({ name: "bench" }),
    node: localNodeOptions(),
    logger: silentLogger,
  });
  const port = server.address.split(":")[1] ?? "";
  const load = fork(fileURLToPath(import.meta.url), [
    LOAD_ARGUMENT,
    port,
    String(connectionCount),
    String(inFlightCount),
  ]);
  const answer = () =>
    new Promise<number>((resolve) => load.once("message", (count) => resolve(Number(count))));
  await answer();
  // Warm up first: what is measured is a node that has run for a while.
  await sleep(durationMs);
  const ask = () => {
    const asked = answer();
    load.send("count");
    return asked;
  };
  const before = await ask();
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  await sleep(durationMs);
  const count = (await ask()) - before;
  const elapsedMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpuBefore);
  load.kill();
  await server.close();
  return {
    connectionCount,
    inFlightCount,
    heartbeatsPerSecond: Math.round((count / elapsedMs) * 1_000),
    cpuShare: (user + system) / 1_000 / elapsedMs,
    heartbeatsPerCoreSecond: Math.round((count / (user + system)) * 1e6),
    microsPerHeartbeat: (user + system) / count,
  };
}

/** The other process: connections that answer each pong with a heartbeat. */
function generateLoad(port: number, connectionCount: number, inFlightCount: number): void {
  const heartbeat = masked(
    encodeSessionRequest({ type: "heartbeat", sequence: SEQUENCE, wantsDigests: false }),
  );
  const many = (count: number) => Buffer.concat(Array.from({ length: count }, () => heartbeat));
  const full = many(inFlightCount);
  let pongCount = 0;
  const sockets: Socket[] = [];
  for (let index = 0; index < connectionCount; index += 1) {
    const socket = connect(port, "127.0.0.1");
    socket.setNoDelay(true);
    socket.write(UPGRADE);
    sockets.push(socket);
    socket.once("data", () => socket.write(hello(index)));
  }
  process.on("message", () => process.send?.(pongCount));
  // Welcome and members have come by then; what follows is pongs alone.
  setTimeout(() => {
    for (const socket of sockets) {
      let restBytes = 0;
      socket.on("data", (chunk) => {
        const count = Math.floor((restBytes + chunk.length) / PONG_FRAME_BYTES);
        restBytes = (restBytes + chunk.length) % PONG_FRAME_BYTES;
        pongCount += count;
        if (count > 0) socket.write(count === inFlightCount ? full : many(count));
      });
      socket.write(full);
    }
    process.send?.(0);
  }, 1_000);
}

function hello(index: number): Buffer {
  return masked(
    encodeSessionRequest({
      type: "hello",
      protocolVersion: 1,
      namespace: "default",
      token: "",
      clientId: `bench-${index}`,
      sessionNumber: 1,
      region: "",
      zone: "",
      agent: "bench",
    }),
  );
}

/** A client's frame with the mask 0, which leaves the payload as it is (RFC 6455, 5.3). */
function masked(payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([0x82, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

if (import.meta.url === pathToFileURL(argv[1] ?? "").href) {
  const [first, ...rest] = argv.slice(2);
  if (first === LOAD_ARGUMENT) {
    const [port = 0, connectionCount = 0, inFlightCount = 0] = rest.map(Number);
    generateLoad(port, connectionCount, inFlightCount);
  } else {
    console.log(`${cpus()[0]?.model ?? "?"} x ${cpus().length}, Node ${process.version}`);
    const depths = rest.length === 0 ? [1, 4, 32] : rest.map(Number);
    for (const depth of depths) {
      console.log(await measureHeartbeats(Number(first ?? 64), depth, 2_000));
    }
  }
}
