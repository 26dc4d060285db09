/**
 * What this process knows of one instance from its own calls: how many are under way, how long
 * they take, how many of them fail.
 *
 * It belongs to the instance and not to a picker: it outlives changes of the view, and all
 * subscriptions of a process share it. Constant space, no clock: `now` is passed in.
 *
 * **Latency** is Finagle's peak EWMA: a longer latency is taken over at once, a shorter one only as
 * time passes, so that a caller retreats quickly and returns with care. Without calls it decays
 * towards 0, which makes an instance that was slow long ago worth a try.
 *
 * **Failures** do not count as fast answers. What counts is the share of failed calls: each call
 * moves it by an eighth, and it decays with time. {@link InstanceLoad.failureFactor} is
 * 1 / (1 - share): the calls that it takes on average until one succeeds. Policies multiply an
 * instance's load with it. Linkerd adds a penalty to the load instead; a factor needs no guess of
 * what is a long time for a service, and 1 % of errors weighs 1 %.
 *
 * @see Finagle `finagle-core/src/main/scala/com/twitter/finagle/loadbalancer/PeakEwma.scala`;
 * linkerd2-proxy, crates `linkerd/ewma` and `linkerd/load-biaser`.
 */
import type { Instant } from "../time.js";
import {
  CallOutcome,
  type CallResult,
  outcomeOf,
  RETRY_AFTER_MAX_MS,
  retryAfterOf,
} from "./call-result.js";
import { LatencyHistogram } from "./latency-histogram.js";

/** After this, an observation weighs 1/e. Finagle's default. */
export const LOAD_DECAY_MS = 10_000;
/** Share by which one call moves the share of failures, however quickly calls follow. */
const FAILURE_STEP = 1 / 8;
/** An instance that always fails, or asked to be spared, looks this many times as loaded. */
export const FAILURE_FACTOR_MAX = 100;

export class InstanceLoad {
  /** Calls of this process that are not over. Invariant: at least 0. */
  activeCount: number;
  /** Calls that ended and taught something, and those of them that failed. For people to look at. */
  #endedCount = 0;
  #failedCount = 0;
  /** Of successes; made by the first, since most instances of a view may never be called. */
  #latencies: LatencyHistogram | undefined;
  /** Peak EWMA at {@link #latencyInstant}; 0 until an answer was seen. */
  #latencyMs = 0;
  #latencyInstant = 0;
  /** At {@link #failureInstant}; 0 to 1. */
  #failureShare = 0;
  #failureInstant = 0;
  /** The instance asked not to be called before. */
  #spareUntil = Number.NEGATIVE_INFINITY;

  /** @param activeCount - Default 0. */
  constructor(activeCount = 0) {
    this.activeCount = activeCount;
  }

  /** A call begins. */
  begin(): void {
    this.activeCount += 1;
  }

  /**
   * A call that {@link begin} counted is over.
   *
   * @param result - Undefined when nothing is known of how it went.
   * @param latencyMs - From its begin to its answer, or to its end when there was none.
   */
  end(result: CallResult | undefined, latencyMs: number, now: Instant): void {
    this.activeCount -= 1;
    if (result === undefined) return;
    const outcome = outcomeOf(result);
    const isSuccess = outcome === CallOutcome.success;
    // A call that failed or was given up tells at best that an answer takes longer than was known.
    const known = this.latencyMs(now);
    if (isSuccess || (known > 0 && latencyMs > known)) this.#observeLatency(latencyMs, now);
    if (outcome === CallOutcome.cancelled) return;
    this.#endedCount += 1;
    if (isSuccess) {
      this.#latencies ??= new LatencyHistogram();
      this.#latencies.add(latencyMs);
    } else this.#failedCount += 1;
    const before = this.#decayedFailureShare(now);
    this.#failureShare = before + ((isSuccess ? 0 : 1) - before) * FAILURE_STEP;
    this.#failureInstant = now;
    const retryAfterMs = retryAfterOf(result);
    if (retryAfterMs > 0) {
      this.#spareUntil = Math.max(
        this.#spareUntil,
        now + Math.min(retryAfterMs, RETRY_AFTER_MAX_MS),
      );
    }
  }

  /** Peak EWMA of latencies; 0 when none is known. */
  latencyMs(now: Instant): number {
    if (this.#latencyMs === 0) return 0;
    return this.#latencyMs * Math.exp((this.#latencyInstant - now) / LOAD_DECAY_MS);
  }

  /** Calls whose end said something of the instance, since this process knows it. */
  get endedCount(): number {
    return this.#endedCount;
  }

  /** Those of {@link endedCount} that were no success. */
  get failedCount(): number {
    return this.#failedCount;
  }

  /** Latency that this share (0 to 1) of recent successes stayed below; undefined: there were none. */
  latencyQuantileMs(ratio: number): number | undefined {
    return this.#latencies?.quantileMs(ratio);
  }

  /** Share of recent calls that failed, 0 to 1. */
  failureRatio(now: Instant): number {
    return this.#decayedFailureShare(now);
  }

  /** Calls until one succeeds, on average: 1 when none fails, at most {@link FAILURE_FACTOR_MAX}. */
  failureFactor(now: Instant): number {
    if (now < this.#spareUntil) return FAILURE_FACTOR_MAX;
    if (this.#failureShare === 0) return 1;
    return 1 / Math.max(1 - this.#decayedFailureShare(now), 1 / FAILURE_FACTOR_MAX);
  }

  #observeLatency(latencyMs: number, now: Instant): void {
    if (latencyMs >= this.#latencyMs) {
      this.#latencyMs = latencyMs;
    } else {
      const weight = Math.exp((this.#latencyInstant - now) / LOAD_DECAY_MS);
      this.#latencyMs = this.#latencyMs * weight + latencyMs * (1 - weight);
    }
    this.#latencyInstant = now;
  }

  #decayedFailureShare(now: Instant): number {
    if (this.#failureShare === 0) return 0;
    return this.#failureShare * Math.exp((this.#failureInstant - now) / LOAD_DECAY_MS);
  }
}
