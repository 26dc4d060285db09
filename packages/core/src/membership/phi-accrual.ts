/**
 * How suspicious a link's silence is: the φ-accrual failure detector.
 *
 * Idea: learn how a link's messages are spaced, and rate the present silence by how unlikely it
 * is: φ = -log10 P(a message comes later than now). φ 8 means that one silence in 10^8 is wrongly
 * suspected, if spacing is normal. A link with jitter thus gets more patience than a quiet one,
 * without anybody configuring either.
 *
 * Departures from the paper, with reason:
 * 1. A least standard deviation and an acceptable pause (Akka): spacing is not normal, and a
 *    perfectly regular link must not be suspected for one late message or one garbage collection.
 * 2. A link may carry other traffic than heartbeats. All of it proves life, but gaps shorter than
 *    half of the expected interval are not learned, and the mean is never taken below it: a burst
 *    must not teach the detector that silence of a heartbeat's length is odd.
 * 3. A gap longer than the detector's patience is learned as that patience, not in full: a healed
 *    partition of an hour must not make the next crash take an hour to notice, and yet a link that
 *    really became slower is learned step by step.
 *
 * It does **not** say that a node is dead (others must confirm that), nor that the listener itself
 * is the slow one: a driver that was stalled must not ask before it has read what waits.
 *
 * @see Hayashibara, Défago, Yared, Katayama, "The φ Accrual Failure Detector" (2004).
 */
import { assert } from "../assert.js";
import { after, type Instant, instant } from "../time.js";

export interface PhiAccrualOptions {
  /** The peer promises to be heard at least this often. */
  readonly expectedIntervalMs: number;
  /**
   * φ from which a link is suspect, default 8. Raised: fewer false suspicions, later true ones.
   */
  readonly threshold?: number;
  /** Gaps that are remembered, 2 to {@link PHI_WINDOW_COUNT_MAX}. Default 200. */
  readonly windowCount?: number;
  /** Floor of the learned standard deviation. Default 100. */
  readonly stdDeviationMinMs?: number;
  /** Silence that is always forgiven, on top of what was learned. Default 1000. */
  readonly acceptablePauseMs?: number;
}

export const PHI_THRESHOLD_DEFAULT = 8;
/** Bounds the memory of one link: 8 bytes a gap. */
export const PHI_WINDOW_COUNT_MAX = 10_000;

const WINDOW_COUNT_DEFAULT = 200;
const STD_DEVIATION_MIN_DEFAULT_MS = 100;
const ACCEPTABLE_PAUSE_DEFAULT_MS = 1_000;
/** Above it, the crossing would be beyond what the bisection looks at. */
const PHI_THRESHOLD_MAX = 100;

/** The detector of one link. Local to its observer: nothing of it is replicated. */
export class PhiAccrualDetector {
  readonly #expectedIntervalMs: number;
  readonly #stdDeviationMinMs: number;
  readonly #acceptablePauseMs: number;
  /** Standard deviations above the mean at which φ reaches the threshold. */
  readonly #thresholdDeviations: number;
  /** Remembered gaps, a ring. */
  readonly #gapsMs: Float64Array;
  #gapIndex = 0;
  #gapCount = 0;
  #sumMs = 0;
  #squareSum = 0;
  #lastHeard: Instant;

  /** @param now - The link came up; counts as heard. */
  constructor(now: Instant, options: PhiAccrualOptions) {
    const threshold = options.threshold ?? PHI_THRESHOLD_DEFAULT;
    const windowCount = options.windowCount ?? WINDOW_COUNT_DEFAULT;
    this.#expectedIntervalMs = options.expectedIntervalMs;
    this.#stdDeviationMinMs = options.stdDeviationMinMs ?? STD_DEVIATION_MIN_DEFAULT_MS;
    this.#acceptablePauseMs = options.acceptablePauseMs ?? ACCEPTABLE_PAUSE_DEFAULT_MS;
    assert(
      this.#expectedIntervalMs > 0,
      `expectedIntervalMs ${this.#expectedIntervalMs} must be > 0`,
    );
    assert(this.#stdDeviationMinMs > 0, `stdDeviationMinMs ${this.#stdDeviationMinMs} must be > 0`);
    assert(
      this.#acceptablePauseMs >= 0,
      `acceptablePauseMs ${this.#acceptablePauseMs} must be >= 0`,
    );
    assert(
      threshold > 0 && threshold <= PHI_THRESHOLD_MAX,
      `threshold ${threshold} must be > 0 and <= ${PHI_THRESHOLD_MAX}`,
    );
    assert(
      Number.isInteger(windowCount) && windowCount >= 2 && windowCount <= PHI_WINDOW_COUNT_MAX,
      `windowCount ${windowCount} must be a whole number from 2 to ${PHI_WINDOW_COUNT_MAX}`,
    );
    this.#thresholdDeviations = deviationsOfPhi(threshold);
    this.#gapsMs = new Float64Array(windowCount);
    this.#lastHeard = now;
    // Before anything is learned, expect the promised interval give or take a quarter.
    const spreadMs = this.#expectedIntervalMs / 4;
    this.#learn(this.#expectedIntervalMs - spreadMs);
    this.#learn(this.#expectedIntervalMs + spreadMs);
  }

  /** Anything came over the link. */
  heard(now: Instant): void {
    const gapMs = now - this.#lastHeard;
    if (gapMs <= 0) return;
    if (gapMs >= this.#expectedIntervalMs / 2) this.#learn(Math.min(gapMs, this.#patienceMs()));
    this.#lastHeard = now;
  }

  /**
   * The listener stood still for so long: that time is no silence, and no gap is learned of it. What
   * was silent before stays so, or one that stands still again and again would suspect nobody.
   */
  forgive(pauseMs: number, now: Instant): void {
    this.#lastHeard = instant(Math.min(now, this.#lastHeard + pauseMs));
  }

  /** When something last came. */
  get lastHeard(): Instant {
    return this.#lastHeard;
  }

  /** -log10 of the chance that the link is merely late; 0.3 when a message is just due. */
  phi(now: Instant): number {
    const lateMs = now - this.#lastHeard - this.#meanMs() - this.#acceptablePauseMs;
    return phiOfDeviations(lateMs / this.#stdDeviationMs());
  }

  /** True from the instant of {@link nextCheck} on, until something is heard. */
  isSuspect(now: Instant): boolean {
    return now >= this.nextCheck();
  }

  /** The instant at which φ reaches the threshold if nothing is heard until then. */
  nextCheck(): Instant {
    return after(this.#lastHeard, this.#patienceMs());
  }

  /** Silence that is not yet suspect: φ is monotone, so the threshold is one point of time. */
  #patienceMs(): number {
    return (
      this.#meanMs() + this.#acceptablePauseMs + this.#thresholdDeviations * this.#stdDeviationMs()
    );
  }

  #meanMs(): number {
    return Math.max(this.#expectedIntervalMs, this.#sumMs / this.#gapCount);
  }

  #stdDeviationMs(): number {
    const meanMs = this.#sumMs / this.#gapCount;
    const variance = Math.max(0, this.#squareSum / this.#gapCount - meanMs * meanMs);
    return Math.max(this.#stdDeviationMinMs, Math.sqrt(variance));
  }

  #learn(gapMs: number): void {
    const forgottenMs = this.#gapsMs[this.#gapIndex] ?? 0;
    this.#gapsMs[this.#gapIndex] = gapMs;
    this.#gapIndex = (this.#gapIndex + 1) % this.#gapsMs.length;
    this.#gapCount = Math.min(this.#gapCount + 1, this.#gapsMs.length);
    this.#sumMs += gapMs - forgottenMs;
    this.#squareSum += gapMs * gapMs - forgottenMs * forgottenMs;
    if (this.#gapIndex === 0) this.#addUp();
  }

  /** Sums afresh once per turn of the ring, so that rounding errors do not pile up. */
  #addUp(): void {
    this.#sumMs = 0;
    this.#squareSum = 0;
    for (const gapMs of this.#gapsMs) {
      this.#sumMs += gapMs;
      this.#squareSum += gapMs * gapMs;
    }
  }
}

/**
 * -log10 of the upper tail of the standard normal distribution.
 *
 * In logarithms throughout, so it stays finite and monotone where the tail itself is 0.
 *
 * @see Press et al., "Numerical Recipes in C", 2nd ed., section 6.2, `erfcc`: relative error below
 * 1.2e-7 everywhere.
 */
function phiOfDeviations(deviations: number): number {
  const x = Math.abs(deviations) / Math.SQRT2;
  const t = 1 / (1 + x / 2);
  let sum = 0;
  for (const coefficient of ERFC_COEFFICIENTS) sum = sum * t + coefficient;
  const lnTail = Math.log(t / 2) - x * x + sum;
  return deviations >= 0 ? -lnTail / Math.LN10 : -Math.log1p(-Math.exp(lnTail)) / Math.LN10;
}

/** From the highest power of t down. */
const ERFC_COEFFICIENTS = [
  0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196,
  1.00002368, -1.26551223,
];

/** The last threshold asked for: all links of a process have the same. */
let lastDeviations = { phi: Number.NaN, deviations: Number.NaN };

/** The inverse of {@link phiOfDeviations}. */
function deviationsOfPhi(phi: number): number {
  if (phi !== lastDeviations.phi) lastDeviations = { phi, deviations: searchDeviations(phi) };
  return lastDeviations.deviations;
}

/** By bisection. */
function searchDeviations(phi: number): number {
  let low = -40;
  let high = 40;
  for (let step = 0; step < 100; step += 1) {
    const middle = (low + high) / 2;
    if (phiOfDeviations(middle) < phi) low = middle;
    else high = middle;
  }
  return high;
}
