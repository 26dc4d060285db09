/**
 * A hybrid logical clock: wall time where it moves forward, a counter where it does not.
 *
 * Reading it after seeing another machine's value always gives a higher value, whatever the two
 * wall clocks say, so "later in cause" is "higher". And it goes on from there at the pace of time:
 * machines that have heard of each other read alike, also when they are cut off from each other
 * later, and the one whose wall clock is furthest ahead leads. (In the paper such a clock stands
 * still until the wall clock has caught up.) Used to order operators' words (last writer wins),
 * instances by age, and processes of one id by when they began; never to measure a duration (P11).
 *
 * Packed into one safe integer: wall milliseconds times {@link HLC_COUNTER_SPAN} plus a counter.
 *
 * @see Kulkarni et al., "Logical Physical Clocks" (2014).
 */
import { assert } from "./assert.js";
import { hashText } from "./hash.js";
import type { Instant, WallTime } from "./time.js";

/** Values per wall millisecond. Enough until the year 2109 within 2^53. */
export const HLC_COUNTER_SPAN = 2048;
/**
 * A value further ahead of this machine's wall clock is not followed: one machine whose clock is a
 * year ahead, or a lie, must not take all others with it.
 */
export const HLC_AHEAD_MAX_MS = 86_400_000;

export interface HybridClockOptions {
  readonly wallNow: () => WallTime;
  /** For the pace at which it goes on from what it has seen. */
  readonly now: () => Instant;
  /** Of the machine: two that read within one millisecond seldom read the same. */
  readonly name: string;
}

export class HybridClock {
  readonly #options: HybridClockOptions;
  readonly #salt: number;
  #last = 0;
  /** The furthest reading so far, own or seen, and when that was. */
  #lead = 0;
  #leadAt: Instant;

  constructor(options: HybridClockOptions) {
    this.#options = options;
    this.#salt = hashText(options.name, 0) % (HLC_COUNTER_SPAN / 2);
    this.#leadAt = options.now();
  }

  /** The next value: above everything read or seen before. */
  next(): number {
    this.#setLead(this.#reading());
    this.#last = Math.max(this.#last + 1, this.#lead + this.#salt);
    assert(Number.isSafeInteger(this.#last), `hybrid clock ${this.#last} must be a safe integer`);
    return this.#last;
  }

  /** Takes note of another machine's value, up to {@link HLC_AHEAD_MAX_MS} ahead. */
  observe(value: number): void {
    if (value > this.#wall() + HLC_AHEAD_MAX_MS * HLC_COUNTER_SPAN) return;
    if (value > this.#last) this.#last = value;
    // Within a millisecond it is the other's salt: to follow that, each in turn, would be a race.
    if (value > this.#reading() + HLC_COUNTER_SPAN) this.#setLead(value);
  }

  #reading(): number {
    const elapsedMs = Math.max(0, this.#options.now() - this.#leadAt);
    return Math.max(this.#wall(), this.#lead + Math.floor(elapsedMs * HLC_COUNTER_SPAN));
  }

  #setLead(value: number): void {
    this.#lead = value;
    this.#leadAt = this.#options.now();
  }

  #wall(): number {
    return Math.max(0, Math.floor(this.#options.wallNow())) * HLC_COUNTER_SPAN;
  }
}
