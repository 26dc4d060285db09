/**
 * Which accusations of a session its node passes on.
 *
 * A client whose own network fails cannot reach anything, and says so of everything. So one session
 * is believed about a share of a service's instances, and not about more at once: then the fault is
 * more likely its own. And it is heard at a bounded rate, whatever it says.
 */
import { LAPSE_RATIO_MAX, SILENCE_COUNT_MIN } from "../lease/self-doubt.js";
import { ACCUSATION_PER_SECOND_MAX } from "../limits.js";
import type { AccuseMessage } from "../messages.js";
import { after, type Instant, instant } from "../time.js";
import { ACCUSATION_WINDOW_MS } from "./accusation-desk.js";
import type { Session } from "./session-table.js";

/** `refused`: beyond the rate. `doubted`: beyond the share. */
export type AccuserVerdict = "passed" | "refused" | "doubted";

interface Accuser {
  secondEnd: Instant;
  count: number;
  /** By service and id, when it was accused last; the oldest first. Bounded by rate and window. */
  readonly accused: Map<string, { readonly service: string; readonly at: Instant }>;
}

export class AccuserCheck {
  /** What a session said is gone with it. */
  readonly #accusers = new WeakMap<Session, Accuser>();

  /** @param instanceCount - Live instances of the accused one's service. */
  judge(
    session: Session,
    message: AccuseMessage,
    instanceCount: number,
    now: Instant,
  ): AccuserVerdict {
    const accuser = this.#accuserOf(session);
    if (now >= accuser.secondEnd) {
      accuser.secondEnd = after(now, 1_000);
      accuser.count = 0;
    }
    accuser.count += 1;
    if (accuser.count > ACCUSATION_PER_SECOND_MAX) return "refused";
    const { accused } = accuser;
    const { service, id } = message;
    const key = `${service}\u0001${id}`;
    accused.delete(key);
    if (message.isRetraction) return "passed";
    for (const [oldest, { at }] of accused) {
      if (now < after(at, ACCUSATION_WINDOW_MS)) break;
      accused.delete(oldest);
    }
    accused.set(key, { service, at: now });
    let count = 0;
    for (const each of accused.values()) if (each.service === service) count += 1;
    const countMax = Math.max(SILENCE_COUNT_MIN, instanceCount * LAPSE_RATIO_MAX);
    return count > countMax ? "doubted" : "passed";
  }

  #accuserOf(session: Session): Accuser {
    const known = this.#accusers.get(session);
    if (known !== undefined) return known;
    const accuser = {
      secondEnd: instant(Number.NEGATIVE_INFINITY),
      count: 0,
      accused: new Map(),
    };
    this.#accusers.set(session, accuser);
    return accuser;
  }
}
