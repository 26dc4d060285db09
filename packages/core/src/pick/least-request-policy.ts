import { type Random, randomBelow } from "../random.js";
import { AliasTable } from "./alias-table.js";
import { DRAW_COUNT_MAX, type GroupPolicy } from "./group-policy.js";
import type { ViewInstance } from "./picker.js";
import { pickRemainingByWeight } from "./weighted-policy.js";

/**
 * Draws two instances and picks the one with fewer requests in flight for its weight.
 *
 * Two choices bring the largest excess over the mean from log n / log log n down to log log n, and
 * unlike the plain minimum they do not send every caller to the same idle instance. Draws are by
 * weight and the loads compared are `activeCount / weight`; so weights hold when idle (ties go to
 * the first draw) and in-flight requests are proportional to weights when busy.
 *
 * @see Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001); gRFC A48.
 */
export class LeastRequestPolicy implements GroupPolicy {
  readonly #instances: readonly ViewInstance[];
  readonly #random: Random;
  /** Undefined when all weights are equal: then plain draws do. */
  readonly #table: AliasTable | undefined;

  constructor(instances: readonly ViewInstance[], random: Random) {
    this.#instances = instances;
    this.#random = random;
    const weight = instances[0]?.weight;
    this.#table = instances.every((instance) => instance.weight === weight)
      ? undefined
      : new AliasTable(instances.map((instance) => instance.weight));
  }

  pick(_key: string, excluded: ReadonlySet<string> | undefined): ViewInstance | undefined {
    const first = this.#drawOther(undefined, excluded);
    if (first === undefined) {
      return excluded && pickRemainingByWeight(this.#instances, excluded, this.#random);
    }
    const second = this.#drawOther(first, excluded);
    if (second === undefined) return first;
    const firstLoad = first.load.activeCount * second.weight;
    const secondLoad = second.load.activeCount * first.weight;
    if (firstLoad !== secondLoad || first.weight > 0)
      return secondLoad < firstLoad ? second : first;
    return second.load.activeCount < first.load.activeCount ? second : first;
  }

  /** An instance other than `first`; undefined when a few draws found none. */
  #drawOther(
    first: ViewInstance | undefined,
    excluded: ReadonlySet<string> | undefined,
  ): ViewInstance | undefined {
    const instances = this.#instances;
    for (let draw = 0; draw < DRAW_COUNT_MAX; draw += 1) {
      const index =
        this.#table === undefined
          ? randomBelow(this.#random, instances.length)
          : this.#table.draw(this.#random);
      const drawn = instances[index];
      if (drawn !== undefined && drawn !== first && excluded?.has(drawn.id) !== true) return drawn;
    }
    return undefined;
  }
}
