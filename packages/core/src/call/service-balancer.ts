/**
 * The state behind the picks of one subscription: it makes the picker of each view, counts calls,
 * and learns from how they end.
 *
 * The same for FPZKClient and FPZKProxy. Pure: the owner passes views, results and `now` in, and
 * keeps nothing but this object. What is learned of single instances lives in two places: what was
 * measured in their {@link InstanceLoad}, shared by all subscriptions of the process; what was
 * judged (ejections) here, since the options that judge belong to a subscription.
 */
import { createPicker } from "../pick/create-picker.js";
import type { PickContext, Picker, PickerOptions, ViewInstance } from "../pick/picker.js";
import type { Instant } from "../time.js";
import type { CallResult } from "./call-result.js";
import { OutlierDetector, type OutlierOptions } from "./outlier-detector.js";
import { RetryBudget, type RetryBudgetOptions } from "./retry-budget.js";

export interface ServiceBalancerOptions extends Omit<PickerOptions, "ejected"> {
  readonly outlier: OutlierOptions;
  readonly retryBudget: RetryBudgetOptions;
}

/** A call that is over. */
export interface EndedCall {
  readonly instance: ViewInstance;
  /** Undefined when nothing is known of how it went. */
  readonly result: CallResult | undefined;
  /** From the pick to the answer, or to the end when there was none. */
  readonly latencyMs: number;
}

export class ServiceBalancer {
  readonly #options: ServiceBalancerOptions;
  readonly #detector: OutlierDetector;
  readonly #budget: RetryBudget;
  #instances: readonly ViewInstance[] = [];
  /** Undefined after a change: made by the next pick, so that a burst of changes costs one. */
  #picker: Picker | undefined;
  /** The detector's {@link OutlierDetector.changeCount} that the picker was made with. */
  #pickerChangeCount = 0;

  constructor(options: ServiceBalancerOptions) {
    this.#options = options;
    this.#detector = new OutlierDetector(options.outlier);
    this.#budget = new RetryBudget(options.retryBudget);
  }

  /** Takes a new view: the instances that may be called if they are up. */
  update(instances: readonly ViewInstance[]): void {
    this.#instances = instances;
    this.#picker = undefined;
  }

  /** One instance, now counted as called until {@link end}; undefined when there is none. */
  pick(context: PickContext | undefined, now: Instant): ViewInstance | undefined {
    // A pick that excludes somebody is a retry or a hedge; the budget is a share of the others.
    if (!context?.excluded?.size) this.#budget.onRequest(now);
    const picked = this.#currentPicker(now).pick(context, now);
    picked?.load.begin();
    return picked;
  }

  /**
   * Ends a call that {@link pick} counted and learns from it.
   *
   * @returns Whether this ejected the instance.
   */
  end({ instance, result, latencyMs }: EndedCall, now: Instant): boolean {
    instance.load.end(result, latencyMs, now);
    if (result === undefined) return false;
    return this.#detector.onResult(instance.id, result, this.#instances.length, now);
  }

  /** Takes one retry or hedge from the budget; false when there is none left. */
  tryRetry(now: Instant): boolean {
    return this.#budget.tryRetry(now);
  }

  /** Ids that are ejected now. The set is the detector's own: read it, do not keep it. */
  ejected(now: Instant): ReadonlySet<string> {
    return this.#detector.ejected(now);
  }

  #currentPicker(now: Instant): Picker {
    const ejected = this.#detector.ejected(now);
    const { changeCount } = this.#detector;
    if (this.#picker === undefined || this.#pickerChangeCount !== changeCount) {
      this.#picker = createPicker(this.#instances, { ...this.#options, ejected });
      this.#pickerChangeCount = changeCount;
    }
    return this.#picker;
  }
}
