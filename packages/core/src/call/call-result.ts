/**
 * What a caller learned from one call to an instance: the one thing that clients and proxies of
 * every kind tell the balancer.
 *
 * Five outcomes and no status codes: what HTTP, gRPC and others mean by theirs is said in
 * `result-of-status.ts`, next to the protocols' documents.
 */
export const CallOutcome = {
  /** The instance answered, also when the answer blames the caller (4xx). */
  success: "success",
  /** It answered with a fault of its own, broke off, or did not answer in time. */
  error: "error",
  /** No connection: nothing of the call was sent, so that it may be repeated whatever it is. */
  connectFailure: "connect-failure",
  /** It has too much to do and said so (429, `RESOURCE_EXHAUSTED`): not broken, but to be spared. */
  rejected: "rejected",
  /** The caller gave up: says nothing about the instance. */
  cancelled: "cancelled",
} as const;
export type CallOutcome = (typeof CallOutcome)[keyof typeof CallOutcome];

/** A rejection that names how long the instance wants to be spared. */
export interface RejectedCall {
  readonly outcome: typeof CallOutcome.rejected;
  /** As the instance said (`Retry-After`); heeded up to {@link RETRY_AFTER_MAX_MS}. */
  readonly retryAfterMs: number;
}

/** How a call ended. A plain text for all but rejections with a time, so that nothing is allocated. */
export type CallResult = CallOutcome | RejectedCall;

export function outcomeOf(result: CallResult): CallOutcome {
  return typeof result === "string" ? result : result.outcome;
}

/** How long the instance wants to be spared; 0 when it named no time. */
export function retryAfterOf(result: CallResult): number {
  return typeof result === "string" ? 0 : result.retryAfterMs;
}

/** Longest time that an instance's own word keeps calls away from it. */
export const RETRY_AFTER_MAX_MS = 60_000;
