/**
 * How many retries a caller may add to the load, so that a failing service is not drowned.
 *
 * Finagle's RetryBudget: over a sliding window, retries may be a share of requests, plus a small
 * floor per second for services with little traffic. Counted in buckets of a second; pure.
 *
 * @see Finagle `finagle-core/src/main/scala/com/twitter/finagle/service/RetryBudget.scala`.
 */
import type { Instant } from "../time.js";

export interface RetryBudgetOptions {
  /** Retries per request over the window, 0 to 1. Default 0.2. */
  readonly retryRatio: number;
  /** Retries per second that are always allowed. Default 10. */
  readonly retryPerSecondMin: number;
}

export const RETRY_BUDGET_DEFAULTS: RetryBudgetOptions = { retryRatio: 0.2, retryPerSecondMin: 10 };

const RETRY_PER_SECOND_MAX = 100_000;

/** What is wrong with options, each fault with its bound; empty when nothing is. */
export function checkRetryBudgetOptions(options: RetryBudgetOptions, at = "retryBudget"): string[] {
  const { retryRatio, retryPerSecondMin } = options;
  const faults: string[] = [];
  if (!(retryRatio >= 0 && retryRatio <= 1)) {
    faults.push(`${at}.retryRatio ${retryRatio} must be 0 to 1`);
  }
  if (!(retryPerSecondMin >= 0 && retryPerSecondMin <= RETRY_PER_SECOND_MAX)) {
    faults.push(
      `${at}.retryPerSecondMin ${retryPerSecondMin} must be 0 to ${RETRY_PER_SECOND_MAX}`,
    );
  }
  return faults;
}

const WINDOW_SECOND_COUNT = 10;

export class RetryBudget {
  readonly #options: RetryBudgetOptions;
  readonly #requestCounts = new Float64Array(WINDOW_SECOND_COUNT);
  readonly #retryCounts = new Float64Array(WINDOW_SECOND_COUNT);
  /** The second that the newest bucket counts. */
  #second = Number.NEGATIVE_INFINITY;

  constructor(options: RetryBudgetOptions = RETRY_BUDGET_DEFAULTS) {
    this.#options = options;
  }

  /** Counts one request (not its retries). */
  onRequest(now: Instant): void {
    const bucket = this.#advance(now);
    this.#requestCounts[bucket] = (this.#requestCounts[bucket] ?? 0) + 1;
  }

  /** Takes one retry from the budget; false when there is none left. */
  tryRetry(now: Instant): boolean {
    const bucket = this.#advance(now);
    if (this.#left() < 1) return false;
    this.#retryCounts[bucket] = (this.#retryCounts[bucket] ?? 0) + 1;
    return true;
  }

  /** Retries that may be made now. */
  leftCount(now: Instant): number {
    this.#advance(now);
    return Math.max(0, Math.floor(this.#left()));
  }

  #left(): number {
    const allowed =
      sum(this.#requestCounts) * this.#options.retryRatio +
      this.#options.retryPerSecondMin * WINDOW_SECOND_COUNT;
    return allowed - sum(this.#retryCounts);
  }

  /** Empties the buckets that fell out of the window; returns the index of the current one. */
  #advance(now: Instant): number {
    const second = Math.floor(now / 1_000);
    if (second > this.#second) {
      const first = Math.max(this.#second + 1, second - WINDOW_SECOND_COUNT + 1);
      for (let passed = first; passed <= second; passed += 1) {
        const bucket = passed % WINDOW_SECOND_COUNT;
        this.#requestCounts[bucket] = 0;
        this.#retryCounts[bucket] = 0;
      }
      this.#second = second;
    }
    return this.#second % WINDOW_SECOND_COUNT;
  }
}

function sum(counts: Float64Array): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}
