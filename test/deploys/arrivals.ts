/**
 * When requests are to be sent: an open loop, which does not wait for answers.
 *
 * Arrivals are random and independent (a Poisson process) at a fixed rate, as those of many users
 * are. Latency counts from the intended time, so that a caller which stands still does not hide
 * what its users would have waited (coordinated omission; G. Tene, "How NOT to Measure Latency").
 */
import type { Random } from "@fpzk/core";

export class Arrivals {
  readonly #meanGapMs: number;
  readonly #random: Random;
  #nextMs: number;

  constructor(ratePerSecond: number, random: Random, startMs: number) {
    this.#meanGapMs = 1_000 / ratePerSecond;
    this.#random = random;
    this.#nextMs = startMs + this.#gapMs();
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
    return -Math.log(1 - this.#random.next()) * this.#meanGapMs;
  }
}
