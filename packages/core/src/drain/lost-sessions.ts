/**
 * Sessions that ended here without a goodbye, for as long as their clients may not know it.
 *
 * A connection can end on one side alone. Its client then goes on, and takes its views for current,
 * until it has heard nothing for the ttl. A drain waits for it until then (P7); once it has noticed,
 * it is a client without a session, which goes on with its last good view (P8).
 */
import type { SessionKey } from "../node/events.js";
import { after, type Instant, NEVER } from "../time.js";
import type { ServiceName } from "../watch/watch-table.js";

/** For what was still on its way when the session ended, and for a clock that runs slowly. */
const NOTICE_MARGIN_MS = 500;

interface LostSession {
  readonly name: string;
  readonly services: readonly ServiceName[];
  readonly until: Instant;
}

export class LostSessions {
  /** In the order of their ends. */
  readonly #sessions = new Map<SessionKey, LostSession>();
  readonly #byService = new Map<ServiceName, Map<SessionKey, string>>();
  #lastUntil: Instant | undefined;

  add(
    key: SessionKey,
    { name, services, ttlMs }: { name: string; services: Iterable<ServiceName>; ttlMs: number },
    now: Instant,
  ): void {
    const wanted = after(now, ttlMs + NOTICE_MARGIN_MS);
    // Never before one that was lost earlier: so the first to end is the first in the map.
    const until =
      this.#lastUntil === undefined || this.#lastUntil < wanted ? wanted : this.#lastUntil;
    this.#lastUntil = until;
    const watched = [...services];
    if (watched.length === 0) return;
    this.#sessions.set(key, { name, services: watched, until });
    for (const service of watched) {
      const names = this.#byService.get(service) ?? new Map<SessionKey, string>();
      this.#byService.set(service, names.set(key, name));
    }
  }

  /** Those that watched a service, with their names. */
  watchersOf(service: ServiceName): Iterable<readonly [SessionKey, string]> {
    return this.#byService.get(service) ?? [];
  }

  /** Lets go of those whose clients must have noticed by now. */
  expire(now: Instant): SessionKey[] {
    const expired: SessionKey[] = [];
    for (const [key, { services, until }] of this.#sessions) {
      if (now < until) break;
      this.#sessions.delete(key);
      for (const service of services) {
        const names = this.#byService.get(service);
        names?.delete(key);
        if (names?.size === 0) this.#byService.delete(service);
      }
      expired.push(key);
    }
    return expired;
  }

  next(): Instant {
    for (const { until } of this.#sessions.values()) return until;
    return NEVER;
  }
}
