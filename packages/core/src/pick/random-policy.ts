import { type Random, randomBelow } from "../random.js";
import { DRAW_COUNT_MAX, type GroupPolicy } from "./group-policy.js";
import type { ViewInstance } from "./picker.js";

/**
 * Picks each instance equally often, without memory.
 *
 * The most loaded of n instances then has about log n / log log n calls more than the mean.
 *
 * @see Azar, Broder, Karlin, Upfal, "Balanced Allocations" (1994), section 1.
 */
export class RandomPolicy implements GroupPolicy {
  readonly #instances: readonly ViewInstance[];
  readonly #random: Random;

  constructor(instances: readonly ViewInstance[], random: Random) {
    this.#instances = instances;
    this.#random = random;
  }

  pick(_key: string, excluded: ReadonlySet<string> | undefined): ViewInstance | undefined {
    const instances = this.#instances;
    if (excluded === undefined) return instances[randomBelow(this.#random, instances.length)];
    for (let draw = 0; draw < DRAW_COUNT_MAX; draw += 1) {
      const drawn = instances[randomBelow(this.#random, instances.length)];
      if (drawn !== undefined && !excluded.has(drawn.id)) return drawn;
    }
    return pickRemaining(instances, excluded, this.#random);
  }
}

/** One of the instances that are not excluded, each equally likely; walks them all. */
function pickRemaining(
  instances: readonly ViewInstance[],
  excluded: ReadonlySet<string>,
  random: Random,
): ViewInstance | undefined {
  let remainingCount = 0;
  for (const instance of instances) if (!excluded.has(instance.id)) remainingCount += 1;
  if (remainingCount === 0) return undefined;
  let skip = randomBelow(random, remainingCount);
  for (const instance of instances) {
    if (excluded.has(instance.id)) continue;
    if (skip === 0) return instance;
    skip -= 1;
  }
  return undefined;
}
