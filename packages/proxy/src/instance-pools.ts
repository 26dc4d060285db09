/**
 * Kept-open connections to instances: one undici `Pool` per origin, closed when unused for a while.
 */
import type { Instant } from "@fpzk/core";
import { Pool } from "undici";

export interface InstancePoolOptions {
  readonly connectTimeoutMs: number;
  readonly answerIdleTimeoutMs: number;
  readonly headerMaxBytes: number;
  readonly connectionCountMax: number;
  readonly ca: string | undefined;
}

/** A connection without a request is closed after this, before most servers do it themselves. */
const KEEP_ALIVE_MS = 4_000;
const KEEP_ALIVE_MAX_MS = 60_000;
/** A pool without a request is closed after this. */
const POOL_IDLE_MS = 60_000;
/** Pools at once; above it the longest unused are closed. */
const POOL_COUNT_MAX = 10_000;

interface Entry {
  readonly pool: Pool;
  lastUsed: Instant;
}

export class InstancePools {
  readonly #options: InstancePoolOptions;
  /** In order of creation. */
  readonly #entries = new Map<string, Entry>();

  constructor(options: InstancePoolOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(origin: string, now: Instant): Pool {
    const known = this.#entries.get(origin);
    if (known !== undefined) {
      known.lastUsed = now;
      return known.pool;
    }
    if (this.#entries.size >= POOL_COUNT_MAX) this.#closeUnused(now, 0);
    const pool = new Pool(origin, {
      connections: this.#options.connectionCountMax,
      pipelining: 1,
      connectTimeout: this.#options.connectTimeoutMs,
      // The exchange has its own timer for the header, which counts from the end of the request.
      headersTimeout: 0,
      bodyTimeout: this.#options.answerIdleTimeoutMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MAX_MS,
      maxHeaderSize: this.#options.headerMaxBytes,
      strictContentLength: true,
      allowH2: false,
      ...(this.#options.ca === undefined ? {} : { connect: { ca: this.#options.ca } }),
    });
    this.#entries.set(origin, { pool, lastUsed: now });
    return pool;
  }

  /** Closes pools that nobody used lately. */
  sweep(now: Instant): void {
    this.#closeUnused(now, POOL_IDLE_MS);
  }

  /** Breaks off whatever is still under way. */
  async destroy(): Promise<void> {
    const pools = [...this.#entries.values()].map((entry) => entry.pool);
    this.#entries.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  #closeUnused(now: Instant, idleMs: number): void {
    for (const [origin, { pool, lastUsed }] of this.#entries) {
      const { running, pending, queued } = pool.stats;
      if (now - lastUsed < idleMs || running + pending + queued > 0) continue;
      this.#entries.delete(origin);
      pool.close().catch(() => {
        // Already closed: nothing is left to do.
      });
    }
  }
}
