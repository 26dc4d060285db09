import type { ViewInstance } from "./picker.js";

/** Bounds of `keyLoadFactor`; at 1 every call would find all instances but one full. */
export const KEY_LOAD_FACTOR_MIN = 1.05;
export const KEY_LOAD_FACTOR_MAX = 100;

/** What is wrong with a `keyLoadFactor`; empty when nothing is. */
export function checkKeyLoadFactor(keyLoadFactor: number): string[] {
  if (keyLoadFactor === 0) return [];
  if (keyLoadFactor >= KEY_LOAD_FACTOR_MIN && keyLoadFactor <= KEY_LOAD_FACTOR_MAX) return [];
  const bounds = `${KEY_LOAD_FACTOR_MIN} to ${KEY_LOAD_FACTOR_MAX}`;
  return [`keyLoadFactor ${keyLoadFactor} must be 0 for no bound, or ${bounds}`];
}

/**
 * Keeps key affinity from burying one instance: none takes more than `factor` times its fair share
 * of the calls under way.
 *
 * With m calls under way, the new one included, the bound of an instance is ⌈factor · m · its share
 * of the weights⌉. Whoever is full is passed over, and the key goes to the next in its own order:
 * the same next for every key of that instance and every caller, for as long as it is full.
 *
 * Counted are the calls of this process; a caller knows of no others. The sum over the group is
 * taken anew for each pick, O(n): counting along would need to see every call's end.
 *
 * @see Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads" (2016), section 1;
 * Envoy `hash_balance_factor`.
 */
export class KeyLoadBound {
  readonly #instances: readonly ViewInstance[];
  readonly #factor: number;
  /** 1 / sum of the weights; undefined when all are 0: then all count the same. */
  readonly #inverseWeightSum: number | undefined;
  #callCount = 0;

  constructor(instances: readonly ViewInstance[], factor: number) {
    this.#instances = instances;
    this.#factor = factor;
    let weightSum = 0;
    for (const { weight } of instances) weightSum += weight;
    this.#inverseWeightSum = weightSum > 0 ? 1 / weightSum : undefined;
  }

  /** Counts the calls under way; before the first {@link isFull} of each pick. */
  count(): void {
    let callCount = 1;
    for (const { load } of this.#instances) callCount += load.activeCount;
    this.#callCount = callCount;
  }

  /** Whether one more call would lift the instance over its bound. */
  isFull({ load, weight }: ViewInstance): boolean {
    const share =
      this.#inverseWeightSum === undefined
        ? 1 / this.#instances.length
        : weight * this.#inverseWeightSum;
    return load.activeCount + 1 > Math.ceil(this.#factor * this.#callCount * share);
  }
}
