/** What the statuses of HTTP and gRPC say about the instance that sent them. */
import { CallOutcome, type CallResult } from "./call-result.js";

const TOO_MANY_REQUESTS = 429;
const SERVICE_UNAVAILABLE = 503;

/**
 * The result that an HTTP status stands for.
 *
 * 5xx is a fault of the instance. 429, and 503 with a `Retry-After`, is a rejection: the instance
 * works and asks to be spared (RFC 6585 §4, RFC 9110 §15.6.4).
 *
 * @param retryAfterMs - What {@link retryAfterOfField} read; undefined when there was none.
 */
export function resultOfHttpStatus(statusCode: number, retryAfterMs?: number): CallResult {
  const isRejection =
    statusCode === TOO_MANY_REQUESTS ||
    (statusCode === SERVICE_UNAVAILABLE && retryAfterMs !== undefined);
  if (isRejection) {
    return retryAfterMs === undefined
      ? CallOutcome.rejected
      : { outcome: CallOutcome.rejected, retryAfterMs };
  }
  return statusCode >= 500 ? CallOutcome.error : CallOutcome.success;
}

/**
 * The milliseconds that a `Retry-After` field asks for; undefined when it cannot be read.
 *
 * @param wallTimeMs - Now, in ms since 1970: the field may hold a date.
 * @see RFC 9110 §10.2.3.
 */
export function retryAfterOfField(field: string, wallTimeMs: number): number | undefined {
  const text = field.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  // A date names its day first; anything else would let Date.parse guess.
  if (!/^[A-Z][a-z]{2,8},? /.test(text)) return undefined;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - wallTimeMs);
}

/** Codes by which a gRPC server says that it is at fault: what HTTP's 5xx are mapped to. */
const GRPC_FAULTS: ReadonlySet<number> = new Set([
  2, // UNKNOWN: a handler threw.
  4, // DEADLINE_EXCEEDED
  13, // INTERNAL
  14, // UNAVAILABLE
  15, // DATA_LOSS
]);
const GRPC_CANCELLED = 1;
const GRPC_RESOURCE_EXHAUSTED = 8;

/**
 * The result that a gRPC status code stands for.
 *
 * @param pushbackMs - The trailer `grpc-retry-pushback-ms` (gRFC A6), when there was one.
 * @see https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
 */
export function resultOfGrpcStatus(code: number, pushbackMs?: number): CallResult {
  if (code === GRPC_CANCELLED) return CallOutcome.cancelled;
  if (code === GRPC_RESOURCE_EXHAUSTED) {
    return pushbackMs !== undefined && pushbackMs >= 0
      ? { outcome: CallOutcome.rejected, retryAfterMs: pushbackMs }
      : CallOutcome.rejected;
  }
  return GRPC_FAULTS.has(code) ? CallOutcome.error : CallOutcome.success;
}
