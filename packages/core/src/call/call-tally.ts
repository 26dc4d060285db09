/**
 * Compares instances of one service with each other over an interval: who fails more often, or
 * answers more slowly, than the others do?
 *
 * A count of failures in a row does not see an instance that fails every third call. Here each is
 * held against the mean of all, so that a fault of the service as a whole blames nobody.
 *
 * @see Envoy "Outlier detection", success rate; gRFC A50, "Success Rate Algorithm".
 */
import { JUDGED_INSTANCE_COUNT_MAX } from "../limits.js";

/** Calls that an instance must have had in the interval for its numbers to say something. */
export const TALLY_CALL_COUNT_MIN = 100;
/** Instances with so many calls that are needed for a comparison. */
export const TALLY_INSTANCE_COUNT_MIN = 5;
/** A success rate is low when it is this many standard deviations below the mean. */
const STDEV_FACTOR = 1.9;
/**
 * And below it by at least this much. Envoy and gRPC lack this: among n instances a single one that
 * differs at all is √(n-1) deviations away, so one error in a thousand calls would eject it.
 */
const SUCCESS_RATE_GAP = 0.05;

interface Tally {
  callCount: number;
  successCount: number;
  latencySumMs: number;
}

export class CallTally {
  #tallies = new Map<string, Tally>();

  add(id: string, isSuccess: boolean, latencyMs: number): void {
    let tally = this.#tallies.get(id);
    if (tally === undefined) {
      if (this.#tallies.size >= JUDGED_INSTANCE_COUNT_MAX) return;
      tally = { callCount: 0, successCount: 0, latencySumMs: 0 };
      this.#tallies.set(id, tally);
    }
    tally.callCount += 1;
    if (!isSuccess) return;
    tally.successCount += 1;
    tally.latencySumMs += latencyMs;
  }

  /**
   * Those that stand out, the worst first; the next interval begins.
   *
   * @param latencyFactor - Mean latencies above this many times their median stand out; 0: none.
   */
  takeOutliers(latencyFactor: number): string[] {
    const compared = [...this.#tallies].filter(
      ([, { callCount }]) => callCount >= TALLY_CALL_COUNT_MIN,
    );
    this.#tallies = new Map();
    if (compared.length < TALLY_INSTANCE_COUNT_MIN) return [];
    const failing = failingOf(compared);
    const slow = latencyFactor > 0 ? slowOf(compared, latencyFactor) : [];
    return [...new Set([...failing, ...slow])];
  }
}

function failingOf(tallies: readonly [string, Tally][]): string[] {
  const rates = tallies.map(([id, tally]) => ({ id, rate: tally.successCount / tally.callCount }));
  const mean = rates.reduce((sum, { rate }) => sum + rate, 0) / rates.length;
  const variance = rates.reduce((sum, { rate }) => sum + (rate - mean) ** 2, 0) / rates.length;
  const bound = Math.min(mean - STDEV_FACTOR * Math.sqrt(variance), mean - SUCCESS_RATE_GAP);
  const low = rates.filter(({ rate }) => rate < bound);
  return low.sort((a, b) => a.rate - b.rate).map(({ id }) => id);
}

function slowOf(tallies: readonly [string, Tally][], latencyFactor: number): string[] {
  const means = tallies
    .filter(([, { successCount }]) => successCount > 0)
    .map(([id, tally]) => ({ id, ms: tally.latencySumMs / tally.successCount }))
    .sort((a, b) => b.ms - a.ms);
  const median = means[means.length >>> 1]?.ms ?? 0;
  return means.filter(({ ms }) => ms > median * latencyFactor).map(({ id }) => id);
}
