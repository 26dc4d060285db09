import { type Random, randomBelow } from "../random.js";
import type { Instant } from "../time.js";
import { AliasTable } from "./alias-table.js";
import { DRAW_COUNT_MAX, type GroupPolicy } from "./group-policy.js";
import type { ViewInstance } from "./picker.js";
import { pickRemainingByWeight } from "./weighted-policy.js";

/**
 * Draws two instances by weight and lets a comparison decide.
 *
 * Two choices bring the largest excess over the mean from log n / log log n down to log log n, and
 * unlike the plain minimum they do not send every caller to the same idle instance.
 *
 * @see Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001).
 */
export abstract class TwoChoicesPolicy implements GroupPolicy {
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

  /** The one to pick of two different instances; the first when they are equally good. */
  protected abstract better(first: ViewInstance, second: ViewInstance, now: Instant): ViewInstance;

  pick(
    _key: string,
    excluded: ReadonlySet<string> | undefined,
    now: Instant,
  ): ViewInstance | undefined {
    const instances = this.#instances;
    if (this.#table === undefined && excluded === undefined && instances.length > 1) {
      const firstIndex = randomBelow(this.#random, instances.length);
      const otherIndex = randomBelow(this.#random, instances.length - 1);
      const first = instances[firstIndex];
      const second = instances[otherIndex < firstIndex ? otherIndex : otherIndex + 1];
      return first && second && this.better(first, second, now);
    }
    const first = this.#drawOther(undefined, excluded);
    if (first === undefined) {
      return excluded && pickRemainingByWeight(instances, excluded, this.#random);
    }
    const second = this.#drawOther(first, excluded);
    return second === undefined ? first : this.better(first, second, now);
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
