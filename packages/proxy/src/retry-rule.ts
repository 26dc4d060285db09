/**
 * Which requests may be sent again, elsewhere. Pure.
 *
 * Only what is safe or idempotent (RFC 9110 §9.2) and has no body, so that nothing is buffered
 * and nothing happens twice. The caller of these rules has forwarded no byte of an answer.
 */

const RETRYABLE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);
const RETRYABLE_STATUS: ReadonlySet<number> = new Set([502, 503, 504]);

/** Whether a request may be repeated at all. */
export function isRepeatable(method: string, hasBody: boolean): boolean {
  return !hasBody && RETRYABLE_METHODS.has(method);
}

/** Whether an instance's answer of this status is worth asking another. */
export function isRetryableStatus(statusCode: number): boolean {
  return RETRYABLE_STATUS.has(statusCode);
}
