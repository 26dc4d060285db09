/**
 * Calls that wait because every instance has as many as it may have, and the breaker that refuses
 * more of them.
 *
 * Bounded: when the queue is full the breaker is **tripped**, and every further call is refused at
 * once; it is **reset** when the queue has drained to half, so that it does not flutter at the edge.
 * A call in the queue costs little, but one that waits longer than its caller does costs an instance
 * work for nobody: each has a deadline and is dropped at it.
 *
 * First in, first out. Pure: nothing waits here, the owner resolves what {@link PendingQueue.next}
 * gives it.
 *
 * @see Envoy "Circuit breaking" (`max_pending_requests`); Nygard, "Release It!" (2007), chapter 5.
 */
import { assert } from "../assert.js";
import { type Instant, NEVER } from "../time.js";

export const BreakerState = {
  /** Calls are taken in. */
  reset: "reset",
  /** Calls are refused. */
  tripped: "tripped",
} as const;
export type BreakerState = (typeof BreakerState)[keyof typeof BreakerState];

/** What can happen to a queue: by how it is filled afterwards. */
type Filling = "full" | "between" | "half";

/** What each filling makes of each state. */
const TRANSITIONS: Readonly<Record<BreakerState, Readonly<Record<Filling, BreakerState>>>> = {
  reset: { full: "tripped", between: "reset", half: "reset" },
  tripped: { full: "tripped", between: "tripped", half: "reset" },
};

interface Entry<T> {
  readonly call: T;
  readonly deadline: Instant;
}

export class PendingQueue<T> {
  readonly #countMax: number;
  /** In the order of their coming; a Map, because callers that give up leave from the middle. */
  readonly #entries = new Map<T, Entry<T>>();
  #state: BreakerState = BreakerState.reset;

  /** @param countMax - Calls that may wait; 0 refuses each. */
  constructor(countMax: number) {
    assert(Number.isSafeInteger(countMax) && countMax >= 0, `countMax ${countMax} must be >= 0`);
    this.#countMax = countMax;
    this.#move();
  }

  get state(): BreakerState {
    return this.#state;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The call that waited longest; undefined when nobody does. */
  get first(): T | undefined {
    for (const { call } of this.#entries.values()) return call;
    return undefined;
  }

  /** The earliest deadline; {@link NEVER} when nobody waits. */
  get nextDeadline(): Instant {
    let earliest = NEVER;
    for (const { deadline } of this.#entries.values()) {
      if (deadline < earliest) earliest = deadline;
    }
    return earliest;
  }

  /** Lets a call wait; false when the breaker is tripped. */
  add(call: T, deadline: Instant): boolean {
    if (this.#state === BreakerState.tripped) return false;
    this.#entries.set(call, { call, deadline });
    this.#move();
    return true;
  }

  /** The call that waited longest, which waits no more; undefined when nobody does. */
  next(): T | undefined {
    const { first } = this;
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** A call's caller gave up. Idempotent. */
  remove(call: T): void {
    if (this.#entries.delete(call)) this.#move();
  }

  /** Calls whose time is over; they wait no more. */
  takeExpired(now: Instant): T[] {
    const expired = [...this.#entries.values()].filter(({ deadline }) => deadline <= now);
    for (const { call } of expired) this.remove(call);
    return expired.map(({ call }) => call);
  }

  #move(): void {
    this.#state = TRANSITIONS[this.#state][this.#filling()];
  }

  #filling(): Filling {
    if (this.#entries.size >= this.#countMax) return "full";
    return this.#entries.size <= this.#countMax / 2 ? "half" : "between";
  }
}
