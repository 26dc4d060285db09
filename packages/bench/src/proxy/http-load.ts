/**
 * A small load of our own, as a program: for machines without `wrk`, and at a fixed rate.
 *
 * At a rate, requests start when they are due, whatever became of those before (an open loop), and
 * times count from when they were due: slowness is not hidden by asking less.
 */
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { Latencies } from "../latencies.js";
import { runProgram } from "./programs.js";

export interface HttpLoad {
  readonly port: number;
  readonly path: string;
  readonly connectionCount: number;
  readonly durationMs: number;
  /** Loaded before that without being counted, 0 unless told: all programs start cold. */
  readonly warmMs?: number;
  /** Requests a second; absent: each connection asks again once it was answered. */
  readonly rate?: number;
}

export interface HttpLoadResult {
  readonly requestCount: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errorCount: number;
}

/** Of the open loop: this late a request is sent, and its answer seen, at most. */
const PACE_MS = 0.05;
/** Nobody wakes it. */
const sleeping = new Int32Array(new SharedArrayBuffer(4));

/** Runs it in a process of its own. */
export async function runHttpLoad(load: HttpLoad): Promise<HttpLoadResult> {
  const script = fileURLToPath(new URL("./http-load-program.js", import.meta.url));
  const text = await runProgram([process.execPath, script, JSON.stringify(load)]);
  return JSON.parse(text) as HttpLoadResult;
}

/** One connection with one request at a time. */
class Asker {
  readonly #socket: Socket;
  readonly #request: string;
  readonly #onAnswer: (asker: Asker) => void;
  #received: Buffer = Buffer.alloc(0);
  #leftBytes = -1;

  constructor(load: HttpLoad, onAnswer: (asker: Asker) => void, onError: () => void) {
    this.#request = `GET ${load.path} HTTP/1.1\r\nhost: bench\r\n\r\n`;
    this.#onAnswer = onAnswer;
    this.#socket = connect({ port: load.port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("data", (chunk) => this.#take(chunk));
    this.#socket.on("error", onError);
  }

  ask(): void {
    this.#socket.write(this.#request, "latin1");
  }

  end(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    let body = chunk.length;
    if (this.#leftBytes < 0) {
      const all = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
      const headEnd = all.indexOf("\r\n\r\n");
      if (headEnd < 0) {
        this.#received = all;
        return;
      }
      this.#received = Buffer.alloc(0);
      const length = /\r\ncontent-length: (\d+)/i.exec(all.toString("latin1", 0, headEnd))?.[1];
      this.#leftBytes = Number(length ?? 0);
      body = all.length - headEnd - 4;
    }
    this.#leftBytes -= body;
    if (this.#leftBytes > 0) return;
    this.#leftBytes = -1;
    this.#onAnswer(this);
  }
}

/** Runs it here; resolves when the time is over. */
export async function httpLoad(load: HttpLoad): Promise<HttpLoadResult> {
  const latencies = new Latencies();
  const dueMs = new Map<Asker, number>();
  const free: Asker[] = [];
  /** When requests that found every connection in use were due. */
  const waitingMs: number[] = [];
  let errorCount = 0;
  const begin = (asker: Asker, fromMs: number): void => {
    dueMs.set(asker, fromMs);
    asker.ask();
  };
  const onAnswer = (asker: Asker): void => {
    const nowMs = performance.now();
    const fromMs = dueMs.get(asker) ?? nowMs;
    if (fromMs >= countedFromMs) latencies.record(nowMs - fromMs);
    if (load.rate === undefined) begin(asker, nowMs);
    else {
      const nextMs = waitingMs.shift();
      if (nextMs === undefined) free.push(asker);
      else begin(asker, nextMs);
    }
  };
  const onError = (): void => {
    errorCount += 1;
  };
  const askers = Array.from(
    { length: load.connectionCount },
    () => new Asker(load, onAnswer, onError),
  );
  const startMs = performance.now();
  const countedFromMs = startMs + (load.warmMs ?? 0);
  const { rate } = load;
  let isOver = false;
  if (rate === undefined) for (const asker of askers) begin(asker, startMs);
  else {
    free.push(...askers);
    let sentCount = 0;
    const send = (): void => {
      const dueCount = ((performance.now() - startMs) / 1_000) * rate;
      for (; sentCount < dueCount; sentCount += 1) {
        const atMs = startMs + (sentCount / rate) * 1_000;
        const asker = free.pop();
        if (asker === undefined) waitingMs.push(atMs);
        else begin(asker, atMs);
      }
      if (isOver) return;
      // Timers wake once a millisecond, and what was due by then would come as one burst.
      Atomics.wait(sleeping, 0, 0, PACE_MS);
      setImmediate(send);
    };
    send();
  }
  await new Promise((resolve) => setTimeout(resolve, (load.warmMs ?? 0) + load.durationMs));
  isOver = true;
  const elapsedMs = performance.now() - countedFromMs;
  for (const asker of askers) asker.end();
  return {
    requestCount: latencies.count,
    requestsPerSecond: (latencies.count / elapsedMs) * 1_000,
    p50Ms: latencies.percentile(50),
    p99Ms: latencies.percentile(99),
    errorCount,
  };
}
