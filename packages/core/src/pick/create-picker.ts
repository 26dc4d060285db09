/**
 * Makes the picker of one view: who may be picked, in which order of groups, by which policy.
 *
 * Four steps, each a module of its own: eligibility (state, weight 0), health (suspects, panic),
 * locality (near before far), policy (within the first group that has an instance left). The first
 * three run here, once per view; a pick runs only the last.
 */
import { assert } from "../assert.js";
import type { Instant } from "../time.js";
import { eligibleInstances } from "./eligibility.js";
import { EwmaPolicy } from "./ewma-policy.js";
import type { GroupPolicy } from "./group-policy.js";
import { checkKeyLoadFactor } from "./key-load-bound.js";
import { LeastRequestPolicy } from "./least-request-policy.js";
import { MaglevPolicy } from "./maglev-policy.js";
import { OldestPolicy } from "./oldest-policy.js";
import {
  type PickContext,
  type Picker,
  type PickerOptions,
  PolicyName,
  type ViewInstance,
} from "./picker.js";
import { RandomPolicy } from "./random-policy.js";
import { RendezvousPolicy } from "./rendezvous-policy.js";
import { RingHashPolicy } from "./ring-hash-policy.js";
import { RoundRobinPolicy } from "./round-robin-policy.js";
import { arrangeTiers } from "./tiers.js";
import { WeightedPolicy } from "./weighted-policy.js";

/** One group and its policy, which is made when first needed: most groups never are. */
interface Tier {
  readonly instances: readonly ViewInstance[];
  policy: GroupPolicy | undefined;
}

type PolicyFactory = (instances: readonly ViewInstance[], options: PickerOptions) => GroupPolicy;

const POLICIES: Readonly<Record<PolicyName, PolicyFactory>> = {
  random: (instances, options) => new RandomPolicy(instances, options.random),
  "round-robin": (instances, options) => new RoundRobinPolicy(instances, options.random),
  weighted: (instances, options) => new WeightedPolicy(instances, options.random),
  "least-request": (instances, options) => new LeastRequestPolicy(instances, options.random),
  ewma: (instances, options) => new EwmaPolicy(instances, options.random),
  rendezvous: (instances, options) => new RendezvousPolicy(instances, options),
  "ring-hash": (instances, options) => new RingHashPolicy(instances, options),
  maglev: (instances, options) => new MaglevPolicy(instances, options),
  oldest: (instances) => new OldestPolicy(instances),
};

/**
 * A picker over the instances of one view, which must not change while it is used.
 *
 * `oldest` ignores locality and weight: a leader must be the same one for every caller, wherever
 * it is; only state and health count. It never panics: there is no load to spread, and a suspect
 * leader is worse than a younger one.
 *
 * @param instances - In any order; ids differ.
 */
export function createPicker(instances: readonly ViewInstance[], options: PickerOptions): Picker {
  assert(
    options.panicRatio >= 0 && options.panicRatio <= 1,
    `panicRatio ${options.panicRatio} must be from 0 to 1`,
  );
  for (const fault of checkKeyLoadFactor(options.keyLoadFactor ?? 0)) assert(false, fault);
  const isLeaderChoice = options.policy === PolicyName.oldest;
  const eligible = eligibleInstances(instances, !isLeaderChoice);
  const tierOptions = isLeaderChoice ? { ...options, prefersNear: false, panicRatio: 0 } : options;
  return new TieredPicker(arrangeTiers(eligible, tierOptions), options);
}

class TieredPicker implements Picker {
  readonly #tiers: readonly Tier[];
  readonly #options: PickerOptions;

  constructor(groups: readonly ViewInstance[][], options: PickerOptions) {
    this.#tiers = groups.map((instances) => ({ instances, policy: undefined }));
    this.#options = options;
  }

  pick(context: PickContext | undefined, now: Instant): ViewInstance | undefined {
    const key = context?.key ?? "";
    const excluded = context?.excluded?.size ? context.excluded : undefined;
    for (const tier of this.#tiers) {
      const picked = this.#policyOf(tier).pick(key, excluded, now);
      if (picked !== undefined) return picked;
    }
    const nearest = this.#tiers[0];
    return nearest && this.#policyOf(nearest).pick(key, undefined, now);
  }

  #policyOf(tier: Tier): GroupPolicy {
    tier.policy ??= POLICIES[this.#options.policy](tier.instances, this.#options);
    return tier.policy;
  }
}
