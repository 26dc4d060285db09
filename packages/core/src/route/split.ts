/**
 * Chooses one destination by weight: by chance, or by a key whose requests then stay together.
 *
 * Destinations lie side by side on [0, 1) in the order given, each as wide as its share, and a
 * key's hash is a place there. So when the last destination, the canary, is given more, keys only
 * move to it from its neighbour, and none between the others: a caller who saw the new version
 * goes on seeing it while its share grows.
 */
import { assert } from "../assert.js";
import { hashText } from "../hash.js";
import type { Random } from "../random.js";

const HASH_RANGE = 4_294_967_296;

export class Split<T> {
  readonly #choices: readonly T[];
  /** Upper ends of the choices on [0, 1), ascending. */
  readonly #ends: readonly number[];

  /** @param choices - At least one; a weight of 0 is never chosen unless all are 0. */
  constructor(choices: readonly { readonly value: T; readonly weight: number }[]) {
    assert(choices.length > 0, "a split must have at least one choice");
    const isAllZero = choices.every(({ weight }) => weight === 0);
    const weights = choices.map(({ weight }) => (isAllZero ? 1 : weight));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    let sum = 0;
    this.#choices = choices.map(({ value }) => value);
    this.#ends = weights.map((weight) => {
      sum += weight;
      return sum / total;
    });
  }

  /** @param key - Equal keys give equal choices; undefined chooses by chance. */
  choose(key: string | undefined, random: Random): T {
    const place = key === undefined ? random.next() : hashText(key, SPLIT_SEED) / HASH_RANGE;
    const index = this.#ends.findIndex((end) => place < end);
    // Only rounding could leave a place above the last end.
    return this.#choices[index === -1 ? this.#choices.length - 1 : index] as T;
  }
}

/** Other than those of pickers: who is on one side must not all be on the same instances. */
const SPLIT_SEED = 0x5117;
