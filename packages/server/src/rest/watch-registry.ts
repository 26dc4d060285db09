/** The running HTTP watches of one node: bounded, and all ended when the server closes. */
import { HTTP_WATCH_COUNT_MAX } from "@fpzk/core";
import { RequestFault } from "./problem.js";
import {
  KEEP_ALIVE_INTERVAL_MS,
  STALLED_READER_MS,
  WatchStream,
  type WatchStreamOptions,
} from "./watch-stream.js";

export interface WatchRegistryOptions {
  /** Default {@link HTTP_WATCH_COUNT_MAX}. */
  readonly watchCountMax?: number;
  /** Default 15000. */
  readonly keepAliveIntervalMs?: number;
  /** Default 60000. */
  readonly stalledReaderMs?: number;
}

export class WatchRegistry {
  readonly #streams = new Set<WatchStream>();
  readonly #options: WatchRegistryOptions;
  #isClosed = false;

  constructor(options: WatchRegistryOptions = {}) {
    this.#options = options;
  }

  get count(): number {
    return this.#streams.size;
  }

  /** Throws `resource_exhausted` at the bound, `unavailable` once the server is closing. */
  checkRoom(): void {
    const bound = this.#options.watchCountMax ?? HTTP_WATCH_COUNT_MAX;
    if (this.#isClosed) {
      throw new RequestFault("unavailable", "this node is closing: watch at another one");
    }
    if (this.#streams.size < bound) return;
    const detail = `${this.#streams.size} HTTP watches run here, and at most ${bound} may`;
    throw new RequestFault("resource_exhausted", `${detail}: watch at another node`);
  }

  create(options: Pick<WatchStreamOptions, "format" | "feed">): WatchStream {
    const stream = new WatchStream({
      ...options,
      keepAliveIntervalMs: this.#options.keepAliveIntervalMs ?? KEEP_ALIVE_INTERVAL_MS,
      stalledReaderMs: this.#options.stalledReaderMs ?? STALLED_READER_MS,
      onEnd: () => this.#streams.delete(stream),
    });
    this.#streams.add(stream);
    return stream;
  }

  /** Ends all watches, telling their readers to go on elsewhere. */
  close(): void {
    this.#isClosed = true;
    for (const stream of [...this.#streams]) {
      stream.end("unavailable", "this node is closing: resume at another one");
    }
  }
}
