/**
 * When requests are to be sent: an open loop, which does not wait for answers.
 *
 * Arrivals are random and independent (a Poisson process) at a fixed rate, as those of many users
 * are; the rate rises to it from a tenth in the first moments, as it does where users come to a
 * new version of everything. Latency counts from the intended time, so that a caller which stands still does not hide
 * what its users would have waited (coordinated omission; G. Tene, "How NOT to Measure Latency").
 */
import type { Random } from "@fpzk/core";

const FIRST_SHARE = 0.1;

export class Arrivals {
  readonly #meanGapMs: number;
  readonly #startMs: number;
  readonly #rampMs: number;
  readonly #random: Random;
  #nextMs: number;

  constructor(
    { ratePerSecond, rampMs = 0 }: { ratePerSecond: number; rampMs?: number },
    random: Random,
    startMs: number,
  ) {
    this.#meanGapMs = 1_000 / ratePerSecond;
    this.#startMs = startMs;
    this.#rampMs = rampMs;
    this.#random = random;
    this.#nextMs = startMs;
    this.#nextMs += this.#gapMs();
  }

  /** The intended times up to now that were not given yet, in order. */
  due(nowMs: number): number[] {
    const times: number[] = [];
    while (this.#nextMs <= nowMs) {
      times.push(this.#nextMs);
      this.#nextMs += this.#gapMs();
    }
    return times;
  }

  #gapMs(): number {
    const risen = this.#rampMs === 0 ? 1 : (this.#nextMs - this.#startMs) / this.#rampMs;
    const share = Math.min(1, FIRST_SHARE + (1 - FIRST_SHARE) * risen);
    return (-Math.log(1 - this.#random.next()) * this.#meanGapMs) / share;
  }
}
