/**
 * Requests that wait because every instance has as many calls as it may have, and the breaker that
 * refuses more of them: the queue of core with what a proxy needs around it.
 *
 * In turn, and bounded twice: in count, and each in time. Nothing is held but the request itself,
 * whose body stays with its caller. There is no timer: the owner calls {@link PendingRequests.serve}
 * when a call ended, and {@link PendingRequests.sweep} now and then, which also notices instances
 * that came or returned.
 */
import {
  after,
  BreakerState,
  ErrorCode,
  type Instant,
  PENDING_CALL_COUNT_DEFAULT,
  PENDING_CALL_COUNT_MAX,
  PENDING_TIMEOUT_MAX_MS,
  PendingQueue,
} from "@fpzk/core";
import type { Problem } from "./problem.js";

/** Why a request was not taken to an instance with room: names that stay the same. */
export const PendingReason = {
  /** Nobody has room, and this kind of request does not wait. */
  busy: "instances-busy",
  /** As many wait as may. */
  full: "pending-full",
  /** It waited for as long as it may. */
  timeout: "pending-timeout",
} as const;
export type PendingReason = (typeof PendingReason)[keyof typeof PendingReason];

/** One that waits. */
export interface PendingRequest<C> {
  /** An instance with room; else why there is none, by {@link PendingReason.busy} to wait on. */
  choose(): C | Problem;
  /** It waits no more. */
  goOn(chosen: C | Problem): void;
}

export interface PendingOptions {
  /** Requests of one service and policy that may wait; more are refused. 0 refuses each. */
  readonly countMax: number;
  /** Longest wait. */
  readonly timeoutMs: number;
}

export const PENDING_DEFAULTS: PendingOptions = {
  countMax: PENDING_CALL_COUNT_DEFAULT,
  timeoutMs: 5_000,
};

/** What is wrong with the options, each fault with its bound; empty when nothing is. */
export function checkPendingOptions(options: PendingOptions, at = "pending"): string[] {
  const { countMax, timeoutMs } = options;
  const faults: string[] = [];
  if (!isWhole(countMax, 0, PENDING_CALL_COUNT_MAX)) {
    faults.push(
      `${at}.countMax ${countMax} must be a whole number, 0 to ${PENDING_CALL_COUNT_MAX}`,
    );
  }
  if (!isWhole(timeoutMs, 1, PENDING_TIMEOUT_MAX_MS)) {
    const bound = `1 to ${PENDING_TIMEOUT_MAX_MS}`;
    faults.push(`${at}.timeoutMs ${timeoutMs} must be a whole number, ${bound}`);
  }
  return faults;
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max;
}

export interface PendingPorts extends PendingOptions {
  readonly service: string;
  readonly onState: (state: BreakerState) => void;
  readonly onRefused: (reason: PendingReason) => void;
}

export class PendingRequests<C extends object> {
  readonly #ports: PendingPorts;
  readonly #queue: PendingQueue<PendingRequest<C>>;
  #state: BreakerState;

  constructor(ports: PendingPorts) {
    this.#ports = ports;
    this.#queue = new PendingQueue(ports.countMax);
    this.#state = this.#queue.state;
  }

  get size(): number {
    return this.#queue.size;
  }

  get isTripped(): boolean {
    return this.#state === BreakerState.tripped;
  }

  /** Lets a request wait; a problem when it may not. */
  add(request: PendingRequest<C>, now: Instant): Problem | undefined {
    const { service, countMax, timeoutMs } = this.#ports;
    const isAdded = this.#queue.add(request, after(now, timeoutMs));
    this.#noteState();
    if (isAdded) return undefined;
    const waiting = `${this.#queue.size} requests wait for one, at most ${countMax}`;
    return this.#refusal(PendingReason.full, `no instance of ${service} has room, and ${waiting}`);
  }

  /** Its caller is gone. Idempotent. */
  remove(request: PendingRequest<C>): void {
    this.#queue.remove(request);
    this.#noteState();
  }

  /** There may be room again. */
  serve(): void {
    for (let first = this.#queue.first; first !== undefined; first = this.#queue.first) {
      const chosen = first.choose();
      if (isBusy(chosen)) return;
      this.remove(first);
      first.goOn(chosen);
    }
  }

  /** Serves, and refuses those who waited for as long as they may. */
  sweep(now: Instant): void {
    this.serve();
    const { service, timeoutMs } = this.#ports;
    const expired = this.#queue.takeExpired(now);
    this.#noteState();
    for (const request of expired) {
      const detail = `no instance of ${service} had room within ${timeoutMs} ms; try again`;
      request.goOn(this.#refusal(PendingReason.timeout, detail));
    }
  }

  #refusal(reason: PendingReason, detail: string): Problem {
    this.#ports.onRefused(reason);
    return { code: ErrorCode.resourceExhausted, detail, statusCode: 503, reason };
  }

  #noteState(): void {
    const { state } = this.#queue;
    if (state === this.#state) return;
    this.#state = state;
    this.#ports.onState(state);
  }
}

/** Whether a choice is none, for lack of room alone. */
export function isBusy(chosen: object): boolean {
  return "reason" in chosen && chosen.reason === PendingReason.busy;
}
