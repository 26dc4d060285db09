/**
 * The time that a caller gives its request, and what is left of it for an instance. Pure.
 *
 * gRPC says it in `grpc-timeout`, all others in {@link TIMEOUT_FIELD}, as whole milliseconds that
 * are left: clocks of two machines differ. A value that is none is passed on and means nothing. No
 * field is added where the caller sent none.
 *
 * @see gRPC "PROTOCOL-HTTP2.md", `grpc-timeout`; Envoy's `x-envoy-expected-rq-timeout-ms`.
 */
import {
  formatGrpcTimeout,
  formatTimeoutMs,
  parseGrpcTimeout,
  parseTimeoutMs,
  TIMEOUT_FIELD,
} from "@fpzk/core";
import type { Fields } from "./call.js";
import { firstValue } from "./headers.js";

const GRPC_TIMEOUT_FIELD = "grpc-timeout";

/** Milliseconds that the caller waits; undefined when it does not say. */
export function callerTimeoutMs(fields: Fields, isGrpc: boolean): number | undefined {
  const value = firstValue(fields, isGrpc ? GRPC_TIMEOUT_FIELD : TIMEOUT_FIELD);
  if (value === undefined) return undefined;
  return isGrpc ? parseGrpcTimeout(value) : parseTimeoutMs(value);
}

/** The same fields with what is left now; rounded down, for nobody is promised more. */
export function withTimeLeft(fields: Fields, isGrpc: boolean, leftMs: number): Fields {
  const name = isGrpc ? GRPC_TIMEOUT_FIELD : TIMEOUT_FIELD;
  const kept: string[] = [];
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const other = fields[index] ?? "";
    if (other.length === name.length && other.toLowerCase() === name) continue;
    kept.push(other, fields[index + 1] ?? "");
  }
  kept.push(name, isGrpc ? formatGrpcTimeout(leftMs) : formatTimeoutMs(leftMs));
  return kept;
}
