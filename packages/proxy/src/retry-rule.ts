/**
 * Which requests may be sent again, elsewhere. Pure.
 *
 * Only what is safe or idempotent (RFC 9110 §9.2) and has no body, so that nothing is buffered
 * and nothing happens twice. The caller of these rules has forwarded no byte of an answer.
 */

import type { RetryCause } from "@fpzk/core";

const RETRYABLE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/** Whether a request may be repeated at all. */
export function isRepeatable(method: string, hasBody: boolean): boolean {
  return !hasBody && RETRYABLE_METHODS.has(method);
}

/** Whether an instance's answer of this status is worth asking another. */
export function isRetryableStatus(statusCode: number, retryOn: ReadonlySet<RetryCause>): boolean {
  return statusCode >= 500 && statusCode <= 504 && retryOn.has(String(statusCode) as RetryCause);
}
