/**
 * A hybrid logical clock: wall time where it moves forward, a counter where it does not.
 *
 * Reading it after seeing another machine's value always gives a higher value, whatever the two
 * wall clocks say, so "later in cause" is "higher". Used to order operators' words
 * (last writer wins), instances by age, and lives of one id whose nodes do not know of each other;
 * never to measure a duration (P11).
 *
 * Packed into one safe integer: wall milliseconds times {@link HLC_COUNTER_SPAN} plus a counter.
 *
 * @see Kulkarni et al., "Logical Physical Clocks" (2014).
 */
import { assert } from "./assert.js";
import { hashText } from "./hash.js";
import type { WallTime } from "./time.js";

/** Values per wall millisecond. Enough until the year 2109 within 2^53. */
export const HLC_COUNTER_SPAN = 2048;
/**
 * A value further ahead of this machine's wall clock is not followed: one machine whose clock is a
 * year ahead, or a lie, must not take all others with it.
 */
export const HLC_AHEAD_MAX_MS = 86_400_000;

export class HybridClock {
  readonly #wallNow: () => WallTime;
  readonly #salt: number;
  #last = 0;

  /**
   * @param name - Of the machine: two that read within one millisecond seldom read the same.
   */
  constructor(wallNow: () => WallTime, name = "") {
    this.#wallNow = wallNow;
    this.#salt = name === "" ? 0 : hashText(name, 0) % (HLC_COUNTER_SPAN / 2);
  }

  /** The next value: above everything read or seen before. */
  next(): number {
    this.#last = Math.max(this.#last + 1, this.#wall() + this.#salt);
    assert(Number.isSafeInteger(this.#last), `hybrid clock ${this.#last} must be a safe integer`);
    return this.#last;
  }

  /** Takes note of another machine's value, up to {@link HLC_AHEAD_MAX_MS} ahead. */
  observe(value: number): void {
    const most = this.#wall() + HLC_AHEAD_MAX_MS * HLC_COUNTER_SPAN;
    if (value > this.#last && value <= most) this.#last = value;
  }

  #wall(): number {
    return Math.max(0, Math.floor(this.#wallNow())) * HLC_COUNTER_SPAN;
  }
}
