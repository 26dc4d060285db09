/**
 * When a second call, to another instance, is worth its cost although the first has not failed.
 *
 * After the time that 95 of 100 calls stay below: then one call in twenty is made twice, and the
 * slowest hundredth becomes about as fast as two tries in parallel would. Every hedge is taken from
 * the retry budget, so that a service that became slow as a whole is not asked twice as much.
 *
 * Only for calls that may be made twice. Who asks cancels the slower of the two.
 *
 * @see Dean & Barroso, "The Tail at Scale" (2013), "Hedged requests"; gRFC A6.
 */
import { LatencyHistogram } from "./latency-histogram.js";

export const HEDGE_QUANTILE = 0.95;
/** Answers that must have been seen before their quantiles say something. */
export const HEDGE_SAMPLE_COUNT_MIN = 100;
/** Sooner than this no second call helps: timers are not finer. */
const HEDGE_DELAY_MIN_MS = 1;

export class HedgeDelay {
  readonly #latencies = new LatencyHistogram();
  #delayMs: number | undefined;
  /** Observations until the quantile is taken anew. */
  #leftCount = HEDGE_SAMPLE_COUNT_MIN;

  /** A call succeeded. */
  add(latencyMs: number): void {
    this.#latencies.add(latencyMs);
    this.#leftCount -= 1;
    if (this.#leftCount > 0) return;
    this.#leftCount = HEDGE_SAMPLE_COUNT_MIN;
    const quantileMs = this.#latencies.quantileMs(HEDGE_QUANTILE) ?? 0;
    this.#delayMs = Math.max(HEDGE_DELAY_MIN_MS, quantileMs);
  }

  /** After so much without an answer a second call is worth it; undefined while too little is known. */
  get delayMs(): number | undefined {
    return this.#delayMs;
  }
}
