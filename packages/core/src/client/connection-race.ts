/**
 * Connections that are being opened: the next one is begun before the one before it has failed.
 *
 * A host that answers nothing costs seconds, and the instances of a client that stands before a few
 * of them would be removed although another server is there (P6). The first socket that opens wins.
 *
 * @see RFC 8305, "Happy Eyeballs Version 2", section 5: the connection attempt delay.
 */
import type { ErrorCode } from "../errors.js";
import { after, type Instant, instant, NEVER } from "../time.js";
import type { ServerAddress } from "./client-events.js";

/** Opening a socket, and being welcomed on it, may each take this long. */
export const CONNECT_TIMEOUT_MS = 3_000;
/** From one attempt to the next, while none has failed. */
export const RACE_INTERVAL_MS = 250;
/** A tick that comes later than this finds a process that stood still. */
const STALL_MIN_MS = 250;
/** Sockets that may be opening at a time. */
export const RACE_COUNT_MAX = 6;

/** One attempt to have a session, from the first packet to the end of the socket. */
export interface Attempt {
  readonly number: number;
  readonly server: ServerAddress;
  /** While connecting and greeting: when it has taken too long. */
  deadline: Instant;
  /** Why the node refused it, once it did. */
  refusal: { readonly code: ErrorCode; readonly message: string } | undefined;
}

export class ConnectionRace {
  readonly #attempts = new Map<number, Attempt>();
  #nextAt: Instant = NEVER;

  get isRunning(): boolean {
    return this.#attempts.size > 0;
  }

  get all(): Attempt[] {
    return [...this.#attempts.values()];
  }

  /** Servers that are being tried. */
  get addresses(): ReadonlySet<string> {
    return new Set(this.all.map(({ server }) => server.address));
  }

  get(number: number): Attempt | undefined {
    return this.#attempts.get(number);
  }

  add(attempt: Attempt, now: Instant): void {
    this.#attempts.set(attempt.number, attempt);
    this.#nextAt = after(now, RACE_INTERVAL_MS);
  }

  remove(number: number): void {
    this.#attempts.delete(number);
  }

  /** There is no other server to try before. */
  pause(until: Instant): void {
    this.#nextAt = until;
  }

  /** Whether another server is to be tried now. */
  isNextDue(now: Instant): boolean {
    return this.#attempts.size < RACE_COUNT_MAX && this.#nextAt <= now;
  }

  /**
   * Attempts that took too long.
   *
   * If this process stood still, none: what servers answered meanwhile is still in the sockets, so
   * they get that time again, and no further one is called. A process that is short of time would
   * otherwise make the more work for itself and for all servers the less it gets done.
   */
  overdue(now: Instant): Attempt[] {
    const lateMs = now - this.deadline();
    if (lateMs <= STALL_MIN_MS) return this.all.filter(({ deadline }) => deadline <= now);
    for (const attempt of this.all) attempt.deadline = after(attempt.deadline, lateMs);
    this.#nextAt = after(now, RACE_INTERVAL_MS);
    return [];
  }

  deadline(): Instant {
    const nextAt = this.#attempts.size < RACE_COUNT_MAX ? this.#nextAt : NEVER;
    return instant(Math.min(nextAt, ...this.all.map(({ deadline }) => deadline)));
  }

  /** One of them is there: all others, which are to be ended. */
  won(number: number): Attempt[] {
    const others = this.all.filter((attempt) => attempt.number !== number);
    this.#attempts.clear();
    return others;
  }
}
