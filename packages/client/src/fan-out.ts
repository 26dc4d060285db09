/**
 * One call to every instance of a service: `broadcast` waits for all of them, `quorum` until enough
 * have succeeded or no longer enough can.
 *
 * Asked are the instances that could be picked at that moment, each once. Only for calls that may
 * be made several times. What is still under way when a quorum is reached is told to stop by its
 * signal, and may happen all the same.
 */
import { CallOutcome, ErrorCode, type FanOut, RegistryError } from "@fpzk/core";
import type { Picked, ServiceSubscription, ViewInstance } from "./api.js";

/** Instances that one call asks unless said otherwise; as many as FPZKProxy asks. */
export const FAN_OUT_COUNT_DEFAULT = 64;
const FAN_OUT_COUNT_MAX = 10_000;
const TIMEOUT_DEFAULT_MS = 30_000;
const TIMEOUT_MAX_MS = 86_400_000;

/** How many must succeed: all, one, more than half, or a number. */
export type Quorum = FanOut["quorum"];

export interface FanOutOptions {
  /** Until what is still under way is given up. Default 30000. */
  readonly timeoutMs?: number;
  /** Gives up what is under way. */
  readonly signal?: AbortSignal;
  /** Instances that may be asked, 1 to 10000; more are an error. Default 64. */
  readonly countMax?: number;
}

/**
 * The user's call to one instance. It should end soon after `signal` aborts. It may release what
 * was picked with a result of its own; otherwise success is told for a value and error for a throw.
 */
export type FanOutFunction<T> = (picked: Picked, signal: AbortSignal) => Promise<T>;

/** What became of one instance's call. */
export type InstanceResult<T> = { readonly instance: ViewInstance } & (
  | { readonly outcome: "success"; readonly value: T; readonly durationMs: number }
  | { readonly outcome: "failure"; readonly error: unknown; readonly durationMs: number }
  /** Under way when the result was told: it may still happen. */
  | { readonly outcome: "pending" }
);

export interface QuorumResult<T> {
  readonly isFulfilled: boolean;
  /** Successes that were needed. */
  readonly requiredCount: number;
  readonly successCount: number;
  /** Of every instance that was asked. */
  readonly results: readonly InstanceResult<T>[];
}

/**
 * Calls every instance and waits for all of them, or for the timeout.
 *
 * @throws RegistryError `out_of_range` when there are more than `countMax`; `invalid_argument`. What
 * instances do wrong is in their results. Without instances the result is empty.
 */
export async function broadcast<T>(
  subscription: ServiceSubscription,
  call: FanOutFunction<T>,
  options: FanOutOptions = {},
): Promise<readonly InstanceResult<T>[]> {
  const fanOut = new RunningFanOut<T>(subscription, options);
  await fanOut.run(call, Number.POSITIVE_INFINITY);
  return fanOut.results();
}

/**
 * Calls every instance until `wanted` of them have succeeded, no longer enough can, or the timeout.
 *
 * @throws RegistryError `unavailable` when there are fewer instances than that: nobody was asked;
 * `out_of_range` when there are more than `countMax`; `invalid_argument`. What instances do wrong is
 * in their results, with `isFulfilled` false.
 */
export async function quorum<T>(
  subscription: ServiceSubscription,
  wanted: Quorum,
  call: FanOutFunction<T>,
  options: FanOutOptions = {},
): Promise<QuorumResult<T>> {
  if (typeof wanted === "number" && !(Number.isSafeInteger(wanted) && wanted >= 1)) {
    const message = `quorum of ${subscription.service}: ${wanted} must be a whole number from 1`;
    throw new RegistryError(ErrorCode.invalidArgument, message);
  }
  const fanOut = new RunningFanOut<T>(subscription, options);
  const { instanceCount } = fanOut;
  const requiredCount = requiredOf(wanted, instanceCount);
  if (instanceCount < requiredCount) {
    fanOut.release();
    const message = `quorum of ${requiredCount} of ${subscription.service}: ${instanceCount} instances can be called`;
    throw new RegistryError(ErrorCode.unavailable, message);
  }
  await fanOut.run(call, requiredCount);
  const results = fanOut.results();
  const successCount = results.filter(({ outcome }) => outcome === "success").length;
  return { isFulfilled: successCount >= requiredCount, requiredCount, successCount, results };
}

function requiredOf(wanted: Quorum, count: number): number {
  if (wanted === "all") return Math.max(1, count);
  if (wanted === "any") return 1;
  return wanted === "majority" ? Math.floor(count / 2) + 1 : wanted;
}

class RunningFanOut<T> {
  readonly #options: FanOutOptions;
  readonly #picked: readonly Picked[];
  readonly #ended = new Map<Picked, InstanceResult<T>>();
  readonly #controller = new AbortController();

  constructor(subscription: ServiceSubscription, options: FanOutOptions) {
    const { timeoutMs = TIMEOUT_DEFAULT_MS, countMax = FAN_OUT_COUNT_DEFAULT } = options;
    const faults: string[] = [];
    if (!(timeoutMs >= 1 && timeoutMs <= TIMEOUT_MAX_MS)) {
      faults.push(`timeoutMs ${timeoutMs} must be 1 to ${TIMEOUT_MAX_MS}`);
    }
    if (!(Number.isSafeInteger(countMax) && countMax >= 1 && countMax <= FAN_OUT_COUNT_MAX)) {
      faults.push(`countMax ${countMax} must be a whole number from 1 to ${FAN_OUT_COUNT_MAX}`);
    }
    if (faults.length > 0) {
      const message = `call all of ${subscription.service}: ${faults.join("; ")}`;
      throw new RegistryError(ErrorCode.invalidArgument, message);
    }
    this.#options = options;
    this.#picked = pickAll(subscription, countMax);
  }

  get instanceCount(): number {
    return this.#picked.length;
  }

  /** Ends what was not begun. */
  release(): void {
    for (const picked of this.#picked) picked.release();
  }

  /** Resolves when enough have succeeded, when no longer enough can, or when nobody is asked. */
  async run(call: FanOutFunction<T>, requiredCount: number): Promise<void> {
    const { signal, timeoutMs = TIMEOUT_DEFAULT_MS } = this.#options;
    await new Promise<void>((resolve) => {
      const stop = (): void => resolve();
      const timer = setTimeout(stop, timeoutMs);
      signal?.addEventListener("abort", stop, { once: true });
      const judge = (): void => {
        if (this.#isDecided(requiredCount)) stop();
      };
      if (signal?.aborted === true) stop();
      else for (const picked of this.#picked) void this.#ask(picked, call).then(judge);
      judge();
      this.#controller.signal.addEventListener("abort", () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", stop);
      });
    });
    this.#controller.abort();
    for (const picked of this.#picked) {
      if (!this.#ended.has(picked)) picked.release(CallOutcome.cancelled);
    }
  }

  results(): readonly InstanceResult<T>[] {
    return this.#picked.map(
      (picked) =>
        this.#ended.get(picked) ?? { instance: picked.instance, outcome: "pending" as const },
    );
  }

  async #ask(picked: Picked, call: FanOutFunction<T>): Promise<void> {
    const { instance } = picked;
    const begin = performance.now();
    let result: InstanceResult<T>;
    try {
      const value = await call(picked, this.#controller.signal);
      result = { instance, outcome: "success", value, durationMs: performance.now() - begin };
    } catch (error) {
      result = { instance, outcome: "failure", error, durationMs: performance.now() - begin };
    }
    // What ends later was told as pending, and was given up.
    if (this.#controller.signal.aborted) return;
    picked.release(result.outcome === "success" ? CallOutcome.success : CallOutcome.error);
    this.#ended.set(picked, result);
  }

  #isDecided(requiredCount: number): boolean {
    const underWayCount = this.#picked.length - this.#ended.size;
    if (underWayCount === 0) return true;
    if (requiredCount === Number.POSITIVE_INFINITY) return false;
    let successCount = 0;
    for (const { outcome } of this.#ended.values()) if (outcome === "success") successCount += 1;
    return successCount >= requiredCount || successCount + underWayCount < requiredCount;
  }
}

/** Each instance once that could be picked now. */
function pickAll(subscription: ServiceSubscription, countMax: number): readonly Picked[] {
  const all: Picked[] = [];
  const excluded = new Set<string>();
  for (;;) {
    const picked = subscription.pick({ excluded });
    if (picked === undefined) return all;
    const { id } = picked.instance;
    // Exclusions are ignored when nobody else is left.
    if (excluded.has(id)) {
      picked.release();
      return all;
    }
    excluded.add(id);
    all.push(picked);
    if (all.length <= countMax) continue;
    for (const one of all) one.release();
    const message = `call all of ${subscription.service}: it has more than ${countMax} instances; raise countMax`;
    throw new RegistryError(ErrorCode.outOfRange, message);
  }
}
