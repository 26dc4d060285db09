import { type Random, randomBelow } from "../random.js";
import type { Instant } from "../time.js";
import { AliasTable } from "./alias-table.js";
import type { GroupPolicy } from "./group-policy.js";
import type { ViewInstance } from "./picker.js";
import { pickRemainingByWeight } from "./weighted-policy.js";

/**
 * Draws a few instances by weight and lets a comparison decide.
 *
 * Two choices bring the largest excess over the mean from log n / log log n down to log log n, and
 * unlike the plain minimum they do not send every caller to the same idle instance. But of two
 * choices no instance gets more than 2/n of the calls, nor the slowest less than 1/n², however fast
 * and slow they are. Five still do not herd, and where speeds differ they bring the 99th percentile
 * down to a half or less: see the comparison in `docs/balancing.md`.
 *
 * @see Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001); gRFC A48, which
 * allows 2 to 10 choices.
 */
export abstract class FewChoicesPolicy implements GroupPolicy {
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

  /**
   * Draws where weights differ. The comparison of some policies does not heed weights: there each
   * further draw would make less of them.
   */
  protected get weightedChoiceCount(): number {
    return CHOICE_COUNT;
  }

  pick(
    _key: string,
    excluded: ReadonlySet<string> | undefined,
    now: Instant,
  ): ViewInstance | undefined {
    const isSmall = this.#instances.length <= CHOICE_COUNT;
    if (this.#table === undefined && isSmall && excluded === undefined) return this.#pickOfAll(now);
    const choiceCount = this.#table === undefined ? CHOICE_COUNT : this.weightedChoiceCount;
    const picked = this.#pickDrawn(choiceCount, excluded, now);
    if (picked !== undefined || excluded === undefined) return picked;
    return pickRemainingByWeight(this.#instances, excluded, this.#random);
  }

  #pickDrawn(
    choiceCount: number,
    excluded: ReadonlySet<string> | undefined,
    now: Instant,
  ): ViewInstance | undefined {
    const instances = this.#instances;
    let best: ViewInstance | undefined;
    for (let draw = 0; draw < choiceCount; draw += 1) {
      const index =
        this.#table === undefined
          ? randomBelow(this.#random, instances.length)
          : this.#table.draw(this.#random);
      best = this.#betterOf(best, instances[index], excluded, now);
    }
    return best;
  }

  /** From a start drawn at random, so that ties go to each equally often. */
  #pickOfAll(now: Instant): ViewInstance | undefined {
    const instances = this.#instances;
    const start = randomBelow(this.#random, instances.length);
    let best: ViewInstance | undefined;
    for (let step = 0; step < instances.length; step += 1) {
      best = this.#betterOf(best, instances[(start + step) % instances.length], undefined, now);
    }
    return best;
  }

  #betterOf(
    best: ViewInstance | undefined,
    other: ViewInstance | undefined,
    excluded: ReadonlySet<string> | undefined,
    now: Instant,
  ): ViewInstance | undefined {
    if (other === undefined || other === best || excluded?.has(other.id) === true) return best;
    return best === undefined ? other : this.better(best, other, now);
  }
}

/** Instances that are compared for a pick. */
const CHOICE_COUNT = 5;
