/**
 * Arithmetic of deadlines: how much of the caller's time is left for an attempt, and how it is
 * passed on.
 *
 * A deadline is an instant of this process; between processes only the time that is left travels,
 * since clocks differ (gRFC and gRPC's protocol do the same).
 */
import { after, type Instant } from "../time.js";

/** Least time worth beginning an attempt with. */
export const ATTEMPT_MIN_MS = 1;

export interface AttemptTime {
  /** When the whole request ends. */
  readonly deadline: Instant;
  /** Longest that one attempt may take; Infinity for no such bound. */
  readonly attemptMaxMs: number;
}

/**
 * When an attempt that begins now ends: at its own bound or with the request, whatever comes first.
 *
 * @returns Undefined when too little is left to begin one.
 */
export function attemptDeadline(
  { deadline, attemptMaxMs }: AttemptTime,
  now: Instant,
): Instant | undefined {
  if (deadline - now < ATTEMPT_MIN_MS) return undefined;
  const own = after(now, attemptMaxMs);
  return own < deadline ? own : deadline;
}

/** Where a request says how long its caller waits, gRPC aside; see {@link parseTimeoutMs}. */
export const TIMEOUT_FIELD = "x-fpzk-timeout-ms";
/** Of {@link TIMEOUT_FIELD}: nine digits. */
const TIMEOUT_FIELD_MAX_MS = 999_999_999;

/** The milliseconds of a {@link TIMEOUT_FIELD}, whole, from 0; undefined when it is not one. */
export function parseTimeoutMs(field: string): number | undefined {
  return /^\d{1,9}$/.test(field) ? Number(field) : undefined;
}

/** What is left as a {@link TIMEOUT_FIELD}: rounded down, for nobody is promised more; at least 1. */
export function formatTimeoutMs(leftMs: number): string {
  return String(Math.min(TIMEOUT_FIELD_MAX_MS, Math.max(1, Math.floor(leftMs))));
}

const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};
/** Digits of a `TimeoutValue`. */
const TIMEOUT_VALUE_MAX = 99_999_999;

/**
 * The milliseconds of a `grpc-timeout` field; undefined when it is not one.
 *
 * @see gRPC "PROTOCOL-HTTP2.md": `Timeout → "grpc-timeout" TimeoutValue TimeoutUnit`.
 */
export function parseGrpcTimeout(field: string): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(field);
  const unitMs = UNIT_MS[match?.[2] ?? ""];
  return unitMs === undefined ? undefined : Number(match?.[1]) * unitMs;
}

/**
 * A `grpc-timeout` field: in milliseconds as long as they fit, rounded down, so that nobody is
 * promised more than there is; at least one.
 */
export function formatGrpcTimeout(leftMs: number): string {
  const wholeMs = Math.max(1, Math.floor(leftMs));
  if (wholeMs <= TIMEOUT_VALUE_MAX) return `${wholeMs}m`;
  return `${Math.min(TIMEOUT_VALUE_MAX, Math.floor(wholeMs / 1_000))}S`;
}
