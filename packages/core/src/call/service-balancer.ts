/**
 * The state behind the picks of one subscription: it makes the picker of each view, counts calls,
 * and learns from how they end.
 *
 * The same for FPZKClient and FPZKProxy. Pure: the owner passes views, results and `now` in, and
 * keeps nothing but this object. What is learned of single instances lives in two places: what was
 * measured in their {@link InstanceLoad}, shared by all subscriptions of the process; what was
 * judged (ejections) here, since the options that judge belong to a subscription.
 */
import { aperture, aperturePlace } from "../pick/aperture.js";
import { createPicker, isKeyed } from "../pick/create-picker.js";
import { localityRank } from "../pick/locality.js";
import {
  type PickContext,
  type Picker,
  type PickerOptions,
  PolicyName,
  type ViewInstance,
} from "../pick/picker.js";
import { TierShares } from "../pick/tier-shares.js";
import type { Instant } from "../time.js";
import { CallOutcome, type CallResult } from "./call-result.js";
import { HedgeDelay } from "./hedge.js";
import type { InstanceStanding } from "./instance-standing.js";
import { OutlierDetector, type OutlierOptions } from "./outlier-detector.js";
import { RetryBudget, type RetryBudgetOptions } from "./retry-budget.js";
import { SlowStart } from "./slow-start.js";

export interface ServiceBalancerOptions extends Omit<PickerOptions, "ejected"> {
  readonly outlier: OutlierOptions;
  readonly retryBudget: RetryBudgetOptions;
  /** Over this an instance that begins (anew) comes to its share of the load; 0: at once. */
  readonly slowStartMs: number;
  /** Calls of this process under way at one instance; more go elsewhere. Infinity: no bound. */
  readonly instanceCallCountMax: number;
}

export const SLOW_START_DEFAULT_MS = 10_000;
export const SLOW_START_MAX_MS = 3_600_000;

/** What is wrong with the options that no part checks itself; empty when nothing is. */
export function checkBalancerOptions(
  options: Pick<ServiceBalancerOptions, "slowStartMs" | "instanceCallCountMax">,
): string[] {
  const { slowStartMs, instanceCallCountMax } = options;
  const faults: string[] = [];
  if (!(slowStartMs >= 0 && slowStartMs <= SLOW_START_MAX_MS)) {
    faults.push(`slowStartMs ${slowStartMs} must be 0 to ${SLOW_START_MAX_MS}`);
  }
  const isCount = Number.isSafeInteger(instanceCallCountMax) && instanceCallCountMax >= 1;
  if (!isCount && instanceCallCountMax !== Number.POSITIVE_INFINITY) {
    const value = instanceCallCountMax;
    faults.push(`instanceCallCountMax ${value} must be a whole number from 1, or Infinity`);
  }
  return faults;
}

/** A call that is over. */
export interface EndedCall {
  readonly instance: ViewInstance;
  /** Undefined when nothing is known of how it went. */
  readonly result: CallResult | undefined;
  /** From the pick to the answer, or to the end when there was none. */
  readonly latencyMs: number;
}

/** Who shares the load with this caller, see `pick/aperture.ts`. */
export interface ApertureCallers {
  readonly ownId: string;
  readonly instances: readonly ViewInstance[];
  /** Instances of each place that a caller connects to at least. */
  readonly sizeMin: number;
}

/** After so many failures of one call its next attempt goes to another place. */
export const PLACE_FAILURE_COUNT = 2;

/** Picks anew, for those that get less than a whole share, before one of them gets the call. */
const REPICK_COUNT_MAX = 4;
const NO_PARTS: ReadonlyMap<string, number> = new Map();
const NOBODY: readonly ViewInstance[] = [];

export class ServiceBalancer {
  readonly #options: ServiceBalancerOptions;
  readonly #detector: OutlierDetector;
  readonly #budget: RetryBudget;
  readonly #slowStart: SlowStart;
  readonly #hedge = new HedgeDelay();
  readonly #shares = new TierShares();
  /** Whether any instance may take any call: keys and leaders stay where they belong. */
  readonly #isSpread: boolean;
  /** Of those that an aperture covers in part. */
  #partShares: ReadonlyMap<string, number> = NO_PARTS;
  #instances: readonly ViewInstance[] = [];
  /** Undefined after a change: made by the next pick, so that a burst of changes costs one. */
  #picker: Picker | undefined;
  /** Who was ejected when the picker was made, and the detector's count of changes then. */
  #pickerEjected: ReadonlySet<string> = new Set();
  #pickerChangeCount = 0;

  constructor(options: ServiceBalancerOptions) {
    this.#options = options;
    this.#detector = new OutlierDetector(options.outlier);
    this.#budget = new RetryBudget(options.retryBudget);
    this.#isSpread = !isKeyed(options.policy) && options.policy !== PolicyName.oldest;
    this.#slowStart = new SlowStart(this.#isSpread ? options.slowStartMs : 0);
  }

  /**
   * Takes a new view.
   *
   * @param instances - Those that may be called if they are up.
   * @param callers - For an aperture: the instances of the caller's own service, itself included.
   * Absent, or without the caller: all instances are called.
   */
  update(instances: readonly ViewInstance[], now: Instant, callers?: ApertureCallers): void {
    for (const id of this.#slowStart.update(instances, now)) this.#detector.forget(id);
    this.#forgetGone(instances, now);
    const subset =
      callers === undefined || !this.#isSpread ? undefined : this.#narrow(instances, callers);
    this.#instances = subset?.instances ?? instances;
    this.#partShares = subset?.partShares ?? NO_PARTS;
    this.#picker = undefined;
  }

  /**
   * One instance, now counted as called until {@link end}.
   *
   * @returns Undefined when there is none, or when all have as many calls as they may have.
   */
  pick(context: PickContext | undefined, now: Instant): ViewInstance | undefined {
    // A pick that excludes somebody is a retry or a hedge; the budget is a share of the others.
    if (!context?.excluded?.size) this.#budget.onRequest(now);
    const picked = this.#pickByShare(context, now);
    if (picked === undefined) return undefined;
    const chosen = this.#isFull(picked) ? this.#pickWithRoom(context, now) : picked;
    chosen?.load.begin();
    return chosen;
  }

  /** Whether {@link pick} gives nobody only because none has room. */
  isBusy(now: Instant): boolean {
    return this.#currentPicker(now).pick(undefined, now) !== undefined;
  }

  /**
   * Ends a call that {@link pick} counted and learns from it.
   *
   * @returns Whom this ejected.
   */
  end({ instance, result, latencyMs }: EndedCall, now: Instant): readonly ViewInstance[] {
    instance.load.end(result, latencyMs, now);
    if (result === undefined) return NOBODY;
    if (result === CallOutcome.success) this.#hedge.add(latencyMs);
    const { length } = this.#instances;
    const ids = this.#detector.onResult({ id: instance.id, result, latencyMs }, length, now);
    if (ids.length === 0) return NOBODY;
    return this.#instances.filter(({ id }) => ids.includes(id));
  }

  /** Takes one retry or hedge from the budget; false when there is none left. */
  tryRetry(now: Instant): boolean {
    return this.#budget.tryRetry(now);
  }

  /** See {@link HedgeDelay}; a hedge also needs {@link tryRetry}. */
  get hedgeDelayMs(): number | undefined {
    return this.#hedge.delayMs;
  }

  /** Ids that are ejected now. The set is the detector's own: read it, do not keep it. */
  ejected(now: Instant): ReadonlySet<string> {
    return this.#detector.ejected(now);
  }

  /** What is known of an instance of the view, for people to look at. */
  standing(instance: ViewInstance, now: Instant): InstanceStanding {
    const { id, load } = instance;
    const ejection = this.#detector.ejection(id, now);
    return {
      instance,
      activeCount: load.activeCount,
      endedCount: load.endedCount,
      failedCount: load.failedCount,
      failureRatio: load.failureRatio(now),
      latencyMs: load.latencyMs(now),
      latencyP50Ms: load.latencyQuantileMs(0.5),
      latencyP99Ms: load.latencyQuantileMs(0.99),
      slowStartRatio: this.#slowStart.share(id, now),
      ejection: ejection && { reason: ejection.reason, remainingMs: ejection.until - now },
    };
  }

  #pickByShare(context: PickContext | undefined, now: Instant): ViewInstance | undefined {
    const picker = this.#currentPicker(now);
    let picked = picker.pick(context, now);
    for (let repick = 0; repick < REPICK_COUNT_MAX; repick += 1) {
      if (picked === undefined) return undefined;
      const part = this.#partShares.get(picked.id) ?? 1;
      const share = part * this.#slowStart.share(picked.id, now);
      if (share >= 1 || this.#options.random.next() < share) return picked;
      picked = picker.pick(context, now);
    }
    return picked;
  }

  /** Each place by itself: the callers that are as near to it as this one share its instances. */
  #narrow(
    instances: readonly ViewInstance[],
    { ownId, instances: callers, sizeMin }: ApertureCallers,
  ): { instances: ViewInstance[]; partShares: Map<string, number> } {
    const rankOf = (instance: ViewInstance): number => localityRank(instance, this.#options);
    const chosen: ViewInstance[] = [];
    const partShares = new Map<string, number>();
    for (const [rank, group] of groupedBy(instances, rankOf)) {
      const place = aperturePlace(
        ownId,
        callers.filter((caller) => caller.id === ownId || rankOf(caller) <= rank),
      );
      if (place === undefined) {
        chosen.push(...group);
        continue;
      }
      for (const { member, share } of aperture(group, place, sizeMin)) {
        chosen.push(member);
        if (share < 1) partShares.set(member.id, share);
      }
    }
    return { instances: chosen, partShares };
  }

  #isFull({ load }: ViewInstance): boolean {
    return load.activeCount >= this.#options.instanceCallCountMax;
  }

  /** The rare case: whoever is full is excluded, and so are those of the context. */
  #pickWithRoom(context: PickContext | undefined, now: Instant): ViewInstance | undefined {
    const excluded = new Set(context?.excluded);
    for (const instance of this.#instances) if (this.#isFull(instance)) excluded.add(instance.id);
    const picked = this.#currentPicker(now).pick({ ...context, excluded }, now);
    return picked === undefined || this.#isFull(picked) ? undefined : picked;
  }

  #currentPicker(now: Instant): Picker {
    const ejected = this.#detector.ejected(now);
    const { changeCount } = this.#detector;
    if (this.#picker !== undefined && this.#pickerChangeCount === changeCount) return this.#picker;
    for (const id of this.#pickerEjected) {
      if (!ejected.has(id)) this.#slowStart.begin(id, now);
    }
    this.#pickerEjected = new Set(ejected);
    this.#pickerChangeCount = changeCount;
    const options = { ...this.#options, ejected: this.#pickerEjected };
    this.#picker = createPicker(this.#instances, options, { shares: this.#shares, now });
    return this.#picker;
  }

  /** Who is gone takes no place among those that may be ejected. */
  #forgetGone(instances: readonly ViewInstance[], now: Instant): void {
    const ejected = this.#detector.ejected(now);
    if (ejected.size === 0) return;
    const present = new Set(instances.map(({ id }) => id));
    for (const id of [...ejected]) if (!present.has(id)) this.#detector.forget(id);
  }
}

function groupedBy<T>(members: readonly T[], rankOf: (member: T) => number): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const member of members) {
    const rank = rankOf(member);
    const group = groups.get(rank);
    if (group === undefined) groups.set(rank, [member]);
    else group.push(member);
  }
  return groups;
}
