import { assert } from "../assert.js";

/** Buckets to each doubling: a quantile is at most a fifth too high. */
const BUCKETS_PER_DOUBLING = 4;
const LATENCY_MIN_MS = 0.1;
/** Up to 0.1 ms · 2^(96/4), more than a week. */
const BUCKET_COUNT = 97;
/** From here on old observations weigh half of what they did. */
const COUNT_MAX = 2_000;

/**
 * Quantiles of recent latencies, in constant space.
 *
 * Counts in buckets whose bounds grow by a fifth; when there are 2,000 of them all are halved, so
 * that the last few thousand calls count.
 */
export class LatencyHistogram {
  readonly #counts = new Float64Array(BUCKET_COUNT);
  #total = 0;

  get total(): number {
    return this.#total;
  }

  add(latencyMs: number): void {
    const doublings = Math.log2(Math.max(latencyMs, LATENCY_MIN_MS) / LATENCY_MIN_MS);
    const bucket = Math.min(BUCKET_COUNT - 1, Math.ceil(doublings * BUCKETS_PER_DOUBLING));
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#total += 1;
    if (this.#total < COUNT_MAX) return;
    this.#total = 0;
    for (let index = 0; index < BUCKET_COUNT; index += 1) {
      const half = (this.#counts[index] ?? 0) / 2;
      this.#counts[index] = half;
      this.#total += half;
    }
  }

  /**
   * The latency that this share of calls (0 to 1) did not exceed, rounded up to its bucket's bound;
   * undefined when there were none.
   */
  quantileMs(ratio: number): number | undefined {
    assert(ratio >= 0 && ratio <= 1, `ratio ${ratio} must be 0 to 1`);
    if (this.#total === 0) return undefined;
    let left = ratio * this.#total;
    let highest = 0;
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket += 1) {
      const count = this.#counts[bucket] ?? 0;
      if (count === 0) continue;
      highest = bucket;
      left -= count;
      if (left <= 0) break;
    }
    return LATENCY_MIN_MS * 2 ** (highest / BUCKETS_PER_DOUBLING);
  }
}
