/** One registration that this process wants, and how much of it a node has confirmed. */
import { ERROR_CODES, ErrorCode } from "../errors.js";
import type { InstanceState, Scope, Stamp } from "../record.js";
import { after, type Instant } from "../time.js";

/**
 * So long a process waits for one that took its id and may be dead. A living one mostly is back by
 * then, or its node removes it: it notices that its node is gone (3 s), and registers elsewhere. One
 * that comes later has the id all the same, if it began later. Shorter than programs wait for a
 * registration.
 */
const UNDECIDED_MS = 8_000;
/** It asks again this often. */
const UNDECIDED_RETRY_MS = 2_000;

/** Invariant: 0 <= confirmedRevision <= revision. */
export interface Registration {
  readonly service: string;
  readonly id: string;
  scope: Scope;
  state: InstanceState;
  body: Uint8Array;
  /** 0 until a node answered one. */
  incarnation: number;
  /** When this process began, or what a node of an earlier version said; 0 until it is sent. */
  since: number;
  /** The record's stamp as last answered on this session. */
  stamp: Stamp | undefined;
  /** Rises with each change of what is wanted. */
  revision: number;
  confirmedRevision: number;
  confirmedBody: Uint8Array;
  /** The program was told that it is registered. */
  isTold: boolean;
  needsRegister: boolean;
  needsState: boolean;
  /** The drain's end; undefined when none runs. */
  drainDeadline: Instant | undefined;
  needsDrain: boolean;
  /** Of the message that drains it; 0 while none is sent. An answer to another one is old news. */
  drainRequestId: number;
  isRemoving: boolean;
  needsRemove: boolean;
  /** Of the register message that carried it last: what an earlier one met is old news. */
  registerRequestId: number;
  /** Not to be sent again before. */
  retryAt: Instant;
  /** While the process that took the id may be dead: when this session said so last; */
  undecidedAt: Instant | undefined;
  /** and for how long sessions have said so. */
  undecidedMs: number;
  retryCount: number;
}

/** A request that is not yet answered. */
export type InFlight =
  | {
      readonly kind: "register";
      readonly items: ReadonlyMap<string, { registration: Registration; revision: number }>;
    }
  | { readonly kind: "state"; readonly registration: Registration; readonly revision: number }
  | { readonly kind: "drain" | "remove"; readonly registration: Registration };

/** What a command waits for. */
export type WaitKind = "register" | "change" | "drain" | "remove";

/** Those that a node's word on a revision ends. */
export const SAYING_KINDS: readonly WaitKind[] = ["register", "change"];

export const WAIT_TEXTS: Readonly<Record<WaitKind, string>> = {
  register: "registration",
  change: "change",
  drain: "drain",
  remove: "deregistration",
};

/** Wanted from now on, and not yet sent. */
export function newRegistration(
  wanted: Pick<Registration, "service" | "id" | "scope" | "state" | "body">,
  now: Instant,
): Registration {
  const { service, id, scope, state, body } = wanted;
  return {
    service,
    id,
    scope,
    state,
    body,
    incarnation: 0,
    since: 0,
    stamp: undefined,
    revision: 1,
    confirmedRevision: 0,
    confirmedBody: body,
    isTold: false,
    needsRegister: true,
    needsState: false,
    drainDeadline: undefined,
    needsDrain: false,
    drainRequestId: 0,
    isRemoving: false,
    needsRemove: false,
    registerRequestId: 0,
    retryAt: now,
    undecidedAt: undefined,
    undecidedMs: 0,
    retryCount: 0,
  };
}

/**
 * A node says that the process which took the id may come back. Time without a session is no time
 * in which it was seen to stay away, and does not count.
 *
 * @returns Whether to go on waiting for it, and to ask again meanwhile.
 */
export function awaitsOther(registration: Registration, now: Instant): boolean {
  const { undecidedAt } = registration;
  if (undecidedAt !== undefined) registration.undecidedMs += now - undecidedAt;
  registration.undecidedAt = now;
  if (registration.undecidedMs >= UNDECIDED_MS) return false;
  registration.registerRequestId = 0;
  registration.needsRegister = true;
  registration.retryAt = after(now, UNDECIDED_RETRY_MS);
  return true;
}

/** This process holds the id, or claims it: whoever may take it later is waited for anew. */
export function endWaiting(registration: Registration): void {
  registration.undecidedAt = undefined;
  registration.undecidedMs = 0;
}

/**
 * Whether what was refused may be asked for again. `not_found` is said of a change where the session
 * does not hold the registration yet, because it waits for another process, or any more: then all
 * that is wanted is registered first.
 */
export function mayPass(code: ErrorCode): boolean {
  return code === ErrorCode.notFound || ERROR_CODES[code].isRetryable;
}

/** Names a registration of this process. */
export function keyOf(address: { readonly service: string; readonly id: string }): string {
  return `${address.service}\u0001${address.id}`;
}
