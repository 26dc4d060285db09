/**
 * A hybrid logical clock: wall time where it moves forward, a counter where it does not.
 *
 * Reading it after seeing another machine's value always gives a higher value, whatever the two
 * wall clocks say, so "later in cause" is "higher". Used to order operators' words
 * (last writer wins) and instances by age; never to measure a duration (P11).
 *
 * Packed into one safe integer: wall milliseconds times {@link HLC_COUNTER_SPAN} plus a counter.
 *
 * @see Kulkarni et al., "Logical Physical Clocks" (2014).
 */
import { assert } from "./assert.js";
import type { WallTime } from "./time.js";

/** Values per wall millisecond. Enough until the year 2109 within 2^53. */
export const HLC_COUNTER_SPAN = 2048;

export class HybridClock {
  readonly #wallNow: () => WallTime;
  #last = 0;

  constructor(wallNow: () => WallTime) {
    this.#wallNow = wallNow;
  }

  /** The next value: above everything read or seen before. */
  next(): number {
    const wall = Math.max(0, Math.floor(this.#wallNow())) * HLC_COUNTER_SPAN;
    this.#last = Math.max(this.#last + 1, wall);
    assert(Number.isSafeInteger(this.#last), `hybrid clock ${this.#last} must be a safe integer`);
    return this.#last;
  }

  /** Takes note of another machine's value. */
  observe(value: number): void {
    if (value > this.#last && value < Number.MAX_SAFE_INTEGER / 2) this.#last = value;
  }
}
