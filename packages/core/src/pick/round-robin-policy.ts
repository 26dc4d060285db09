import { type Random, randomBelow } from "../random.js";
import type { GroupPolicy } from "./group-policy.js";
import type { ViewInstance } from "./picker.js";

/**
 * Picks one instance after the other.
 *
 * The start is drawn at random, so that many callers who got the same view at the same moment do
 * not march over the instances in step.
 *
 * @see gRPC `round_robin` (grpc/doc/load-balancing.md); gRFC A61 for its randomised order.
 */
export class RoundRobinPolicy implements GroupPolicy {
  readonly #instances: readonly ViewInstance[];
  /** Index of the next one. Invariant: below the length of `#instances`. */
  #nextIndex: number;

  constructor(instances: readonly ViewInstance[], random: Random) {
    this.#instances = instances;
    this.#nextIndex = randomBelow(random, instances.length);
  }

  pick(_key: string, excluded: ReadonlySet<string> | undefined): ViewInstance | undefined {
    for (let step = 0; step < this.#instances.length; step += 1) {
      const instance = this.#instances[this.#nextIndex];
      this.#nextIndex += 1;
      if (this.#nextIndex >= this.#instances.length) this.#nextIndex = 0;
      if (instance !== undefined && excluded?.has(instance.id) !== true) return instance;
    }
    return undefined;
  }
}
