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
    const instances = this.#instances;
    if (this.#table === undefined && excluded === undefined && instances.length > 1) {
      const firstIndex = randomBelow(this.#random, instances.length);
      const otherIndex = randomBelow(this.#random, instances.length - 1);
      const secondIndex = otherIndex < firstIndex ? otherIndex : otherIndex + 1;
      return lessLoaded(instances[firstIndex], instances[secondIndex]);
    }
    const first = this.#drawOther(undefined, excluded);
    if (first === undefined) {
      return excluded && pickRemainingByWeight(instances, excluded, this.#random);
    }
    return lessLoaded(first, this.#drawOther(first, excluded));
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

/** The one with fewer requests in flight for its weight; the first when equal. */
function lessLoaded(
  first: ViewInstance | undefined,
  second: ViewInstance | undefined,
): ViewInstance | undefined {
  if (first === undefined || second === undefined) return first;
  const firstCount = first.load.activeCount;
  const secondCount = second.load.activeCount;
  if (first.weight === second.weight) return secondCount < firstCount ? second : first;
  return secondCount * first.weight < firstCount * second.weight ? second : first;
}
