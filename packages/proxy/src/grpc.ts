/**
 * What the proxy knows of gRPC: which calls are of it, and how it says that one failed.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md (Trailers-Only, Percent-Encoded)
 */
import { ErrorCode } from "@fpzk/core";
import type { Fields } from "./call.js";
import { firstValue } from "./headers.js";

/** Numbers of the codes (grpc/doc/statuscodes.md). */
const GRPC_STATUS: Readonly<Record<ErrorCode, number>> = {
  [ErrorCode.cancelled]: 1,
  [ErrorCode.unknown]: 2,
  [ErrorCode.invalidArgument]: 3,
  [ErrorCode.deadlineExceeded]: 4,
  [ErrorCode.notFound]: 5,
  [ErrorCode.alreadyExists]: 6,
  [ErrorCode.permissionDenied]: 7,
  [ErrorCode.resourceExhausted]: 8,
  [ErrorCode.failedPrecondition]: 9,
  [ErrorCode.aborted]: 10,
  [ErrorCode.outOfRange]: 11,
  [ErrorCode.unimplemented]: 12,
  [ErrorCode.internal]: 13,
  [ErrorCode.unavailable]: 14,
  [ErrorCode.dataLoss]: 15,
  [ErrorCode.unauthenticated]: 16,
};

/** Whether a request is one of gRPC. gRPC-Web, which needs no trailers, is not. */
export function isGrpc(fields: Fields): boolean {
  const type = firstValue(fields, "content-type");
  if (type === undefined || !type.startsWith("application/grpc")) return false;
  const next = type.charCodeAt("application/grpc".length);
  return Number.isNaN(next) || next === PLUS || next === SEMICOLON;
}

/** What is said of a call that failed. */
interface Failure {
  readonly code: ErrorCode;
  readonly detail: string;
}

/** An answer of fields alone that tells a gRPC caller why there is no other. */
export function grpcProblemFields(problem: Failure): Fields {
  return ["content-type", "application/grpc", ...grpcStatusFields(problem)];
}

/** Trailers that say that a call failed. */
export function grpcStatusFields({ code, detail }: Failure): Fields {
  // A route that does not exist is a method that nobody implements, as in gRPC's HTTP mapping.
  return ["grpc-status", String(grpcStatus(code)), "grpc-message", percentEncoded(detail)];
}

function grpcStatus(code: ErrorCode): number {
  return code === ErrorCode.notFound ? GRPC_STATUS[ErrorCode.unimplemented] : GRPC_STATUS[code];
}

/** Everything but visible ASCII and blanks, and `%`, as `%XX`. */
function percentEncoded(text: string): string {
  return text.replace(/[^ -$&-~]+/gu, (part) =>
    Array.from(
      Buffer.from(part),
      (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
    ).join(""),
  );
}

const PLUS = 43;
const SEMICOLON = 59;
