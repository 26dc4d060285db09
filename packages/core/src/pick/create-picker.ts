/**
 * Makes the picker of one view: who may be picked, in which order of groups, by which policy.
 *
 * Five steps, each a module of its own: eligibility (state, weight 0), health (suspects, panic),
 * locality (near before far), shares (how much of the load each tier takes), policy (within the
 * tier that takes the call, or the next that has an instance left). The first three run here, once
 * per view; a pick runs only the last two.
 */
import { assert } from "../assert.js";
import { hashText } from "../hash.js";
import { type Instant, instant } from "../time.js";
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
import { TierShares } from "./tier-shares.js";
import { arrangeTiers, type Tier } from "./tiers.js";
import { WeightedPolicy } from "./weighted-policy.js";

/** One tier's instances and their policy, which is made when first needed: most never are. */
interface Group {
  readonly instances: readonly ViewInstance[];
  policy: GroupPolicy | undefined;
}

/** What a picker learns from those before it. */
export interface PickerPast {
  readonly shares: TierShares;
  readonly now: Instant;
}

/** Seed of the hash that places a key on a tier; its place within the tier is another matter. */
const TIER_SEED = 1;
const HASH_SPAN = 4294967296;

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
 * @param past - Absent: shares of tiers take effect at once.
 */
export function createPicker(
  instances: readonly ViewInstance[],
  options: PickerOptions,
  past: PickerPast = { shares: new TierShares(), now: instant(0) },
): Picker {
  assert(
    options.panicRatio >= 0 && options.panicRatio <= 1,
    `panicRatio ${options.panicRatio} must be from 0 to 1`,
  );
  for (const fault of checkKeyLoadFactor(options.keyLoadFactor ?? 0)) assert(false, fault);
  const isLeaderChoice = options.policy === PolicyName.oldest;
  const eligible = eligibleInstances(instances, !isLeaderChoice);
  const tierOptions = isLeaderChoice ? { ...options, prefersNear: false, panicRatio: 0 } : options;
  const tiers = arrangeTiers(instances, eligible, tierOptions);
  past.shares.update(tiers, past.now);
  return new TieredPicker(tiers, options, past.shares);
}

/** Whether a policy picks by the call's key. */
export function isKeyed(policy: PolicyName): boolean {
  return KEYED_POLICIES.has(policy);
}

const KEYED_POLICIES: ReadonlySet<PolicyName> = new Set([
  PolicyName.rendezvous,
  PolicyName.ringHash,
  PolicyName.maglev,
]);

class TieredPicker implements Picker {
  readonly #groups: readonly Group[];
  /** Groups of usable instances: they come first. */
  readonly #usableCount: number;
  readonly #options: PickerOptions;
  readonly #shares: TierShares;
  readonly #isKeyed: boolean;

  constructor(tiers: readonly Tier[], options: PickerOptions, shares: TierShares) {
    this.#groups = tiers.map(({ instances }) => ({ instances, policy: undefined }));
    this.#usableCount = tiers.filter(({ availability }) => availability > 0).length;
    this.#options = options;
    this.#shares = shares;
    this.#isKeyed = isKeyed(options.policy);
  }

  pick(context: PickContext | undefined, now: Instant): ViewInstance | undefined {
    const key = context?.key ?? "";
    const excluded = context?.excluded?.size ? context.excluded : undefined;
    const elsewhere =
      excluded !== undefined && context?.prefersElsewhere === true
        ? this.#pickElsewhere(key, excluded, now)
        : undefined;
    if (elsewhere !== undefined) return elsewhere;
    const chosen = this.#groups[this.#chooseTier(key, now)];
    if (chosen === undefined) return undefined;
    const picked = this.#policyOf(chosen).pick(key, excluded, now);
    if (picked !== undefined || excluded === undefined) return picked;
    for (const group of this.#groups) {
      const other = group === chosen ? undefined : this.#policyOf(group).pick(key, excluded, now);
      if (other !== undefined) return other;
    }
    return this.#policyOf(chosen).pick(key, undefined, now);
  }

  /** Of the usable: the nearest place that failed in nothing yet. */
  #pickElsewhere(
    key: string,
    excluded: ReadonlySet<string>,
    now: Instant,
  ): ViewInstance | undefined {
    const other = this.#groups
      .slice(0, this.#usableCount)
      .find(({ instances }) => !instances.some(({ id }) => excluded.has(id)));
    return other === undefined ? undefined : this.#policyOf(other).pick(key, excluded, now);
  }

  /** By its hash a key stays with its tier while shares stay. */
  #chooseTier(key: string, now: Instant): number {
    if (this.#shares.isNearestOnly(now)) return 0;
    const point = this.#isKeyed
      ? hashText(key, TIER_SEED) / HASH_SPAN
      : this.#options.random.next();
    return this.#shares.choose(point, now);
  }

  #policyOf(group: Group): GroupPolicy {
    group.policy ??= POLICIES[this.#options.policy](group.instances, this.#options);
    return group.policy;
  }
}
