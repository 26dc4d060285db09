/** Commands that wait for an answer, by what they wait for, with their deadlines. */
import { type Instant, NEVER } from "../time.js";

export interface Waiter<Subject, Kind extends string> {
  readonly commandId: number;
  readonly kind: Kind;
  readonly subject: Subject;
  /** Waits for this revision of the subject, or a later one. */
  readonly revision: number;
  readonly deadline: Instant;
}

export class CommandWaiters<Subject extends object, Kind extends string> {
  readonly #bySubject = new Map<Subject, Set<Waiter<Subject, Kind>>>();
  /** At or before the earliest deadline; exact after each {@link takeExpired}. */
  #deadline: Instant = NEVER;

  add(waiter: Waiter<Subject, Kind>): void {
    const waiters = this.#bySubject.get(waiter.subject) ?? new Set();
    waiters.add(waiter);
    this.#bySubject.set(waiter.subject, waiters);
    if (waiter.deadline < this.#deadline) this.#deadline = waiter.deadline;
  }

  /** Removes and returns those of a subject, of a kind or of any, up to a revision or of any. */
  take(
    subject: Subject,
    kind: Kind | readonly Kind[] | undefined,
    revision = Number.POSITIVE_INFINITY,
  ): Waiter<Subject, Kind>[] {
    const waiters = this.#bySubject.get(subject);
    if (waiters === undefined) return [];
    const kinds = typeof kind === "string" ? [kind] : kind;
    const taken = [...waiters].filter((waiter) => {
      return (kinds === undefined || kinds.includes(waiter.kind)) && waiter.revision <= revision;
    });
    for (const waiter of taken) waiters.delete(waiter);
    if (waiters.size === 0) this.#bySubject.delete(subject);
    return taken;
  }

  /** Removes and returns those whose deadline has come. */
  takeExpired(now: Instant): Waiter<Subject, Kind>[] {
    if (this.#deadline > now) return [];
    const expired: Waiter<Subject, Kind>[] = [];
    this.#deadline = NEVER;
    for (const [subject, waiters] of this.#bySubject) {
      for (const waiter of waiters) {
        if (waiter.deadline <= now) {
          expired.push(waiter);
          waiters.delete(waiter);
        } else if (waiter.deadline < this.#deadline) {
          this.#deadline = waiter.deadline;
        }
      }
      if (waiters.size === 0) this.#bySubject.delete(subject);
    }
    return expired;
  }

  /** Not after the earliest deadline. */
  get nextDeadline(): Instant {
    return this.#bySubject.size === 0 ? NEVER : this.#deadline;
  }

  takeAll(): Waiter<Subject, Kind>[] {
    const all = [...this.#bySubject.values()].flatMap((waiters) => [...waiters]);
    this.#bySubject.clear();
    this.#deadline = NEVER;
    return all;
  }
}
