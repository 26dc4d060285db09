/** How a program's calls to a service are made, complete and checked. */
import {
  ErrorCode,
  RETRY_COUNT_DEFAULT,
  RETRY_COUNT_MAX,
  RETRY_ON_DEFAULT,
  RegistryError,
  RetryCause,
} from "@fpzk/core";
import type { CallOptions } from "../api.js";

export const CALL_TIMEOUT_DEFAULT_MS = 30_000;
/** A day: timers overflow above 24 of them. */
const TIMEOUT_MAX_MS = 86_400_000;
/** Methods that may be repeated (RFC 9110 §9.2.2) and that callers use. */
const IDEMPOTENT_METHODS: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "PUT",
  "DELETE",
]);

export type CompleteCallOptions = Required<CallOptions>;

const DEFAULTS: CompleteCallOptions = {
  timeoutMs: CALL_TIMEOUT_DEFAULT_MS,
  attemptTimeoutMs: Number.POSITIVE_INFINITY,
  retryCount: RETRY_COUNT_DEFAULT,
  retryOn: RETRY_ON_DEFAULT,
};

/**
 * What is not given comes from `base`.
 *
 * @throws RegistryError `invalid_argument` that names every fault.
 */
export function completeCallOptions(
  service: string,
  options: CallOptions,
  base: CompleteCallOptions = DEFAULTS,
): CompleteCallOptions {
  const complete: CompleteCallOptions = {
    timeoutMs: options.timeoutMs ?? base.timeoutMs,
    attemptTimeoutMs: options.attemptTimeoutMs ?? base.attemptTimeoutMs,
    retryCount: options.retryCount ?? base.retryCount,
    retryOn: options.retryOn ?? base.retryOn,
  };
  const faults = [
    ...timeoutFaults("timeoutMs", complete.timeoutMs),
    ...timeoutFaults("attemptTimeoutMs", complete.attemptTimeoutMs),
  ];
  const { retryCount } = complete;
  if (!(Number.isSafeInteger(retryCount) && retryCount >= 0 && retryCount <= RETRY_COUNT_MAX)) {
    faults.push(`retryCount ${retryCount} must be a whole number from 0 to ${RETRY_COUNT_MAX}`);
  }
  const causes: readonly string[] = Object.values(RetryCause);
  for (const cause of complete.retryOn) {
    if (!causes.includes(cause))
      faults.push(`retryOn ${cause} must be one of ${causes.join(", ")}`);
  }
  if (faults.length === 0) return complete;
  throw new RegistryError(ErrorCode.invalidArgument, `call ${service}: ${faults.join("; ")}`);
}

/** Whether a call that failed so may be made once more; `isIdempotent` and a body to be sent again. */
export function mayRepeat(
  cause: RetryCause | undefined,
  request: { readonly isIdempotent: boolean; readonly isReplayable: boolean },
  { retryOn }: CompleteCallOptions,
): boolean {
  if (cause === undefined || !request.isReplayable || !retryOn.includes(cause)) return false;
  return request.isIdempotent || cause === RetryCause.connectFailure;
}

export function isIdempotent(method: string): boolean {
  return IDEMPOTENT_METHODS.has(method.toUpperCase());
}

/** An answer's status as a reason to ask elsewhere; undefined for all others. */
export function retryCauseOfStatus(statusCode: number): RetryCause | undefined {
  const text = String(statusCode);
  return Object.values(RetryCause).find((cause) => cause === text);
}

function timeoutFaults(name: string, value: number): string[] {
  const isGood = value === Number.POSITIVE_INFINITY || (value >= 1 && value <= TIMEOUT_MAX_MS);
  return isGood ? [] : [`${name} ${value} must be 1 to ${TIMEOUT_MAX_MS}, or Infinity`];
}
