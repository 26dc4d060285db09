/**
 * When a call is over, whatever is tried again: by its own timeout, or with the request that it is
 * made for, whatever comes first.
 *
 * A program that calls others while it answers a request has inherited a deadline: nobody waits for
 * what comes later. It is told as an instant, or by the field that such a request has. What is left
 * goes to the instance in the same field, taken anew for each attempt. The deadline of an
 * `AbortSignal` cannot be read, so it ends a call here and is told to nobody.
 *
 * @see FPZKProxy's `caller-deadline.ts`; grpc-js's `parent` of a call, which propagates deadlines.
 */
import {
  ATTEMPT_MIN_MS,
  after,
  ErrorCode,
  type Instant,
  instant,
  NEVER,
  parseTimeoutMs,
  RegistryError,
  TIMEOUT_FIELD,
} from "@fpzk/core";

export interface DeadlineParts {
  /** Of the call; Infinity for none. */
  readonly timeoutMs: number;
  /** By `performance.now()`. Undefined: the call is made for nobody. */
  readonly deadline?: number | undefined;
  /** The value of {@link TIMEOUT_FIELD} that the call was given. What is no time means nothing. */
  readonly field?: string | null | undefined;
}

export class CallDeadline {
  readonly #ends: Instant;
  /** From the beginning of the call; Infinity for none. */
  readonly timeoutMs: number;
  /** Whether the time was not the call's own: being late then says nothing of an instance. */
  readonly isInherited: boolean;

  /** @throws RegistryError `invalid_argument` for a `deadline` that is no instant. */
  constructor({ timeoutMs, deadline, field }: DeadlineParts, now: number) {
    if (deadline !== undefined && Number.isNaN(deadline)) {
      const bound = "an instant of performance.now(), or Infinity for none";
      throw new RegistryError(ErrorCode.invalidArgument, `deadline ${deadline} must be ${bound}`);
    }
    const told = typeof field === "string" ? (parseTimeoutMs(field) ?? NEVER) : NEVER;
    const inheritedMs = Math.max(0, Math.min(told, (deadline ?? NEVER) - now));
    this.isInherited = inheritedMs < timeoutMs;
    this.timeoutMs = Math.min(timeoutMs, inheritedMs);
    this.#ends = after(instant(now), this.timeoutMs);
  }

  get ends(): Instant {
    return this.#ends;
  }

  /** Whether too little is left to begin with anything. */
  isOver(now: number): boolean {
    return this.leftMs(now) < ATTEMPT_MIN_MS;
  }

  /** Never negative. */
  leftMs(now: number): number {
    return Math.max(0, this.#ends - now);
  }
}

/** Why a call that was given too late a deadline is not made. */
export function deadlinePassed(service: string): RegistryError {
  const message = `call ${service}: the deadline that it was given had passed before it was sent`;
  return new RegistryError(ErrorCode.deadlineExceeded, message);
}

/** Fields of a request as `node:http` has them, or as `fetch` does. */
export type IncomingFields = Headers | Readonly<Record<string, string | string[] | undefined>>;

/**
 * When the caller of a request that has just arrived stops waiting, by its `x-fpzk-timeout-ms`:
 * the `deadline` of calls that are made to answer it.
 *
 * @param fields - `request.headers` of `node:http`, or a `Headers`.
 * @returns An instant of `performance.now()`; Infinity when the request does not say.
 */
export function deadlineOf(fields: IncomingFields): number {
  const value = fields instanceof Headers ? fields.get(TIMEOUT_FIELD) : fields[TIMEOUT_FIELD];
  const leftMs = typeof value === "string" ? parseTimeoutMs(value) : undefined;
  return leftMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + leftMs;
}
