/**
 * Passive health of the instances of one service: who fails is ejected for a time that grows with
 * each ejection.
 *
 * Three rules of Envoy's outlier detection: failed connections in a row, errors in a row, and a
 * success rate far below that of the others ({@link CallTally}), which may also look at latency. At
 * most a share of the instances is out at once, so that a fault of the service as a whole ejects
 * nobody's last half. Ejection is a preference: the picker ignores it when nothing else is left.
 * Who returns is on probation: its next failure ejects it again, until it has succeeded once, so
 * that an instance which is still broken costs one call and not another row of them.
 * Pure: time is passed in.
 *
 * @see Envoy "Outlier detection" (`consecutive_5xx`, `consecutive_local_origin_failure`,
 * `success_rate_stdev_factor`, `base_ejection_time`, `max_ejection_percent`); gRFC A50.
 */
import { JUDGED_INSTANCE_COUNT_MAX } from "../limits.js";
import { after, type Instant } from "../time.js";
import { CallOutcome, type CallResult, outcomeOf } from "./call-result.js";
import { CallTally } from "./call-tally.js";

export interface OutlierOptions {
  /** Failed connections in a row that eject. Default 2. */
  readonly connectFailureCountMax: number;
  /** 5xx answers or broken answers in a row that eject. Default 5. */
  readonly errorCountMax: number;
  /** First ejection; the n-th lasts n times as long. Default 5000. */
  readonly ejectionBaseMs: number;
  /** Default 300000. */
  readonly ejectionMaxMs: number;
  /** Share of the instances that may be out at once, 0 to 100. Default 50. */
  readonly maxEjectionPercent: number;
  /**
   * Every so often the success rates of those with 100 calls or more are compared. Default 10000.
   */
  readonly comparisonIntervalMs: number;
  /**
   * Mean latencies above this many times the median of all eject, 2 to 1000; 0: latency does not.
   * Off by default: instances far away are slow, and `ewma` avoids slow ones anyway. Default 0.
   */
  readonly latencyFactor: number;
}

export const OUTLIER_DEFAULTS: OutlierOptions = {
  connectFailureCountMax: 2,
  errorCountMax: 5,
  ejectionBaseMs: 5_000,
  ejectionMaxMs: 300_000,
  maxEjectionPercent: 50,
  comparisonIntervalMs: 10_000,
  latencyFactor: 0,
};

const COUNT_MAX = 2_147_483_647;

/** What is wrong with options, each fault with its bound; empty when nothing is. */
export function checkOutlierOptions(options: OutlierOptions, at = "outlier"): string[] {
  const faults: string[] = [];
  for (const [name, value] of Object.entries(options)) {
    if (name === "latencyFactor") continue;
    const [min, max] = name === "maxEjectionPercent" ? [0, 100] : [1, COUNT_MAX];
    if (!Number.isSafeInteger(value) || value < min || value > max) {
      faults.push(`${at}.${name} ${value} must be a whole number, ${min} to ${max}`);
    }
  }
  if (options.ejectionMaxMs < options.ejectionBaseMs) {
    const base = `${at}.ejectionBaseMs ${options.ejectionBaseMs}`;
    faults.push(`${at}.ejectionMaxMs ${options.ejectionMaxMs} must be at least ${base}`);
  }
  const { latencyFactor } = options;
  if (latencyFactor !== 0 && !(latencyFactor >= 2 && latencyFactor <= 1_000)) {
    faults.push(`${at}.latencyFactor ${latencyFactor} must be 0 for none, or 2 to 1000`);
  }
  return faults;
}

/** How a call to an instance ended. */
export interface JudgedCall {
  readonly id: string;
  readonly result: CallResult;
  readonly latencyMs: number;
}

/** Which of the three rules ejected. */
export const EjectionReason = {
  connectFailures: "connect-failures",
  errors: "errors",
  /** Its success rate or its latency stood out from those of the others. */
  comparison: "comparison",
} as const;
export type EjectionReason = (typeof EjectionReason)[keyof typeof EjectionReason];

/** One instance that is out, and why. */
export interface Ejection {
  readonly reason: EjectionReason;
  readonly until: Instant;
}

const NOBODY: readonly string[] = [];

interface Health {
  connectFailureCount: number;
  errorCount: number;
  /** Ejections so far, less one for each base time spent in service since. */
  ejectionCount: number;
  /** Returns at this instant; at or before now when in service. */
  ejectedUntil: Instant;
  /** Of the last ejection; undefined when there was none. */
  reason: EjectionReason | undefined;
}

interface Ejectable {
  readonly id: string;
  readonly health: Health;
  /** Of the service. */
  readonly instanceCount: number;
}

export class OutlierDetector {
  readonly #options: OutlierOptions;
  readonly #healths = new Map<string, Health>();
  readonly #ejected = new Set<string>();
  /** Rises whenever the set of the ejected changes. */
  changeCount = 0;
  readonly #tally = new CallTally();
  #nextComparison = Number.NEGATIVE_INFINITY;
  /** No ejected instance returns before this. */
  #nextReturn = Number.POSITIVE_INFINITY;

  constructor(options: OutlierOptions = OUTLIER_DEFAULTS) {
    this.#options = options;
  }

  /**
   * Learns how a call went.
   *
   * @param instanceCount - Instances of the service now, for the share that may be out.
   * @returns Whom this ejected: the instance itself, and those that a comparison, which may be due,
   * found.
   */
  onResult(call: JudgedCall, instanceCount: number, now: Instant): readonly string[] {
    const outcome = outcomeOf(call.result);
    // Who rejects works, and sending its share to the others would only topple them too.
    if (outcome === CallOutcome.cancelled || outcome === CallOutcome.rejected) return NOBODY;
    const isSuccess = outcome === CallOutcome.success;
    this.#tally.add(call.id, isSuccess, call.latencyMs);
    const compared = now >= this.#nextComparison ? this.#compare(instanceCount, now) : NOBODY;
    const known = this.#healths.get(call.id);
    if (isSuccess) {
      if (known !== undefined) this.#recover(call.id, known, now);
      return compared;
    }
    const health = known ?? this.#remember(call.id, now);
    if (health.ejectedUntil > now) return compared;
    if (outcome === CallOutcome.connectFailure) health.connectFailureCount += 1;
    else health.errorCount += 1;
    const reason = this.#outlierReason(health);
    const ejectable = { id: call.id, health, instanceCount };
    const isEjected = reason !== undefined && this.#eject(ejectable, reason, now);
    return isEjected ? [...compared, call.id] : compared;
  }

  /** Until when and why an id is out; undefined when it is in service. */
  ejection(id: string, now: Instant): Ejection | undefined {
    const health = this.#healths.get(id);
    if (health?.reason === undefined || health.ejectedUntil <= now) return undefined;
    return { reason: health.reason, until: health.ejectedUntil };
  }

  /** Forgets what is known of an id: it is another process now, or gone. */
  forget(id: string): void {
    this.#healths.delete(id);
    if (this.#ejected.delete(id)) this.changeCount += 1;
  }

  /** Ids that should not be picked now. The set is the detector's own: read it, do not keep it. */
  ejected(now: Instant): ReadonlySet<string> {
    if (now >= this.#nextReturn) this.#returnDue(now);
    return this.#ejected;
  }

  #compare(instanceCount: number, now: Instant): readonly string[] {
    const isFirst = this.#nextComparison === Number.NEGATIVE_INFINITY;
    this.#nextComparison = now + this.#options.comparisonIntervalMs;
    if (isFirst) return NOBODY;
    return this.#tally.takeOutliers(this.#options.latencyFactor).filter((id) => {
      const health = this.#healths.get(id) ?? this.#remember(id, now);
      const ejectable = { id, health, instanceCount };
      return health.ejectedUntil <= now && this.#eject(ejectable, EjectionReason.comparison, now);
    });
  }

  #outlierReason({ connectFailureCount, errorCount }: Health): EjectionReason | undefined {
    const { connectFailureCountMax, errorCountMax } = this.#options;
    if (connectFailureCount >= connectFailureCountMax) return EjectionReason.connectFailures;
    return errorCount >= errorCountMax ? EjectionReason.errors : undefined;
  }

  #eject({ id, health, instanceCount }: Ejectable, reason: EjectionReason, now: Instant): boolean {
    const ejectedMax = Math.floor((instanceCount * this.#options.maxEjectionPercent) / 100);
    if (this.ejected(now).size + 1 > ejectedMax) return false;
    const idleMs = now - health.ejectedUntil;
    const forgiven = Math.floor(idleMs / this.#options.ejectionBaseMs);
    health.ejectionCount = Math.max(0, health.ejectionCount - forgiven) + 1;
    const durationMs = Math.min(
      this.#options.ejectionBaseMs * health.ejectionCount,
      this.#options.ejectionMaxMs,
    );
    health.ejectedUntil = after(now, durationMs);
    health.reason = reason;
    health.connectFailureCount = 0;
    health.errorCount = 0;
    this.#ejected.add(id);
    this.changeCount += 1;
    this.#nextReturn = Math.min(this.#nextReturn, health.ejectedUntil);
    return true;
  }

  #returnDue(now: Instant): void {
    this.#nextReturn = Number.POSITIVE_INFINITY;
    for (const id of this.#ejected) {
      const until = this.#healths.get(id)?.ejectedUntil ?? 0;
      if (until <= now) {
        this.#ejected.delete(id);
        this.#beginProbation(id);
        this.changeCount += 1;
      } else this.#nextReturn = Math.min(this.#nextReturn, until);
    }
  }

  #beginProbation(id: string): void {
    const health = this.#healths.get(id);
    if (health === undefined) return;
    health.connectFailureCount = this.#options.connectFailureCountMax - 1;
    health.errorCount = this.#options.errorCountMax - 1;
  }

  #recover(id: string, health: Health, now: Instant): void {
    if (health.ejectedUntil > now) return;
    health.connectFailureCount = 0;
    health.errorCount = 0;
    const forgiven = Math.floor((now - health.ejectedUntil) / this.#options.ejectionBaseMs);
    if (forgiven >= health.ejectionCount) this.#healths.delete(id);
  }

  /** Makes room by forgetting the oldest entry that is in service. */
  #remember(id: string, now: Instant): Health {
    if (this.#healths.size >= JUDGED_INSTANCE_COUNT_MAX) {
      const ejected = this.ejected(now);
      for (const oldest of this.#healths.keys()) {
        if (ejected.has(oldest)) continue;
        this.#healths.delete(oldest);
        break;
      }
    }
    const health: Health = {
      connectFailureCount: 0,
      errorCount: 0,
      ejectionCount: 0,
      ejectedUntil: now,
      reason: undefined,
    };
    this.#healths.set(id, health);
    return health;
  }
}
