import type { Random } from "../random.js";
import { AliasTable } from "./alias-table.js";
import { DRAW_COUNT_MAX, type GroupPolicy } from "./group-policy.js";
import type { ViewInstance } from "./picker.js";

/**
 * Picks each instance in proportion to its weight, at random.
 *
 * Random rather than smooth weighted round robin: constant time for any number of instances, and
 * callers never fall into step.
 *
 * @see Vose (1991), as in {@link AliasTable}; gRFC A58 for weights in gRPC.
 */
export class WeightedPolicy implements GroupPolicy {
  readonly #instances: readonly ViewInstance[];
  readonly #random: Random;
  readonly #table: AliasTable;

  constructor(instances: readonly ViewInstance[], random: Random) {
    this.#instances = instances;
    this.#random = random;
    this.#table = new AliasTable(instances.map((instance) => instance.weight));
  }

  pick(_key: string, excluded: ReadonlySet<string> | undefined): ViewInstance | undefined {
    for (let draw = 0; draw < DRAW_COUNT_MAX; draw += 1) {
      const drawn = this.#instances[this.#table.draw(this.#random)];
      if (drawn !== undefined && excluded?.has(drawn.id) !== true) return drawn;
    }
    return excluded && pickRemainingByWeight(this.#instances, excluded, this.#random);
  }
}

/** One of the instances that are not excluded, by weight; walks them all. */
export function pickRemainingByWeight(
  instances: readonly ViewInstance[],
  excluded: ReadonlySet<string>,
  random: Random,
): ViewInstance | undefined {
  let weightSum = 0;
  for (const instance of instances) if (!excluded.has(instance.id)) weightSum += instance.weight;
  let left = random.next() * weightSum;
  let last: ViewInstance | undefined;
  for (const instance of instances) {
    if (excluded.has(instance.id)) continue;
    if (weightSum > 0 && instance.weight <= 0) continue;
    last = instance;
    left -= instance.weight;
    if (left < 0) return instance;
  }
  return last;
}
