import { assert } from "../assert.js";
import type { Random } from "../random.js";

/**
 * Draws an index with a probability proportional to its weight, in constant time.
 *
 * Every column of width 1/n holds its own index up to a threshold and one other index above it.
 * Weights that are all 0 (or not positive) count as equal.
 *
 * @see Walker, "An Efficient Method for Generating Discrete Random Variables" (1977); Vose, "A
 * Linear Algorithm for Generating Random Numbers with a Given Distribution" (1991).
 */
export class AliasTable {
  readonly #thresholds: Float64Array;
  readonly #aliases: Int32Array;

  constructor(weights: readonly number[]) {
    const count = weights.length;
    assert(count > 0, "an alias table needs at least one weight");
    let sum = 0;
    for (const weight of weights) sum += Math.max(0, weight);
    this.#thresholds = new Float64Array(count).fill(1);
    this.#aliases = new Int32Array(count);
    const scaled = weights.map((weight) => (sum > 0 ? (Math.max(0, weight) * count) / sum : 1));
    const small: number[] = [];
    const large: number[] = [];
    scaled.forEach((share, index) => void (share < 1 ? small : large).push(index));
    while (small.length > 0 && large.length > 0) {
      const poor = small.pop() ?? 0;
      const rich = large.pop() ?? 0;
      const poorShare = scaled[poor] ?? 0;
      this.#thresholds[poor] = poorShare;
      this.#aliases[poor] = rich;
      const restShare = (scaled[rich] ?? 0) - (1 - poorShare);
      scaled[rich] = restShare;
      (restShare < 1 ? small : large).push(rich);
    }
    // What is left in either list has a share of 1 but for rounding. A weight of 0 is never left:
    // the shares add up to the count, so some column above 1 stands against it.
  }

  /** An index, drawn with one random number. */
  draw(random: Random): number {
    const point = random.next() * this.#thresholds.length;
    const column = Math.floor(point);
    const isOwn = point - column < (this.#thresholds[column] ?? 1);
    return isOwn ? column : (this.#aliases[column] ?? column);
  }
}
