/** The running drains of many on one node: bounded, and given up when the server closes. */
import type { ServerResponse } from "node:http";
import type { DrainLine } from "./operator-answers.js";
import { RequestFault } from "./problem.js";

/** Requests at once; each runs at most `batch` drains. */
export const DRAIN_STREAM_COUNT_MAX = 16;
/** A sign of life, so that a long wait is not taken for a broken connection. */
const ALIVE_INTERVAL_MS = 15_000;

export interface DrainStream {
  /** Aborted when the reader went away or the server closes. */
  readonly signal: AbortSignal;
  /** Bounded: a few lines for each of the instances that one request may select. */
  write(line: DrainLine): void;
  end(): void;
}

export class DrainStreams {
  readonly #open = new Set<AbortController>();

  /** Throws `resource_exhausted` at the bound. */
  checkRoom(): void {
    if (this.#open.size < DRAIN_STREAM_COUNT_MAX) return;
    const detail = `${this.#open.size} drains of many run here, and at most ${DRAIN_STREAM_COUNT_MAX} may`;
    throw new RequestFault("resource_exhausted", `${detail}: wait, or ask another node`);
  }

  open(response: ServerResponse): DrainStream {
    const given = new AbortController();
    this.#open.add(given);
    response.writeHead(200, {
      "content-type": "application/x-ndjson",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
      "x-content-type-options": "nosniff",
    });
    response.flushHeaders();
    const write = (line: DrainLine): void => {
      if (!response.destroyed) response.write(`${JSON.stringify(line)}\n`);
    };
    const alive = setInterval(() => write({ type: "alive" }), ALIVE_INTERVAL_MS);
    response.on("error", () => {
      // `close` follows.
    });
    response.once("close", () => {
      clearInterval(alive);
      this.#open.delete(given);
      given.abort();
    });
    return { signal: given.signal, write, end: () => response.end() };
  }

  /** Nothing further begins; what has begun is answered by the port, which is closing too. */
  close(): void {
    for (const given of this.#open) given.abort();
  }
}
