/**
 * When a client whose session is far from it goes nearer: to its zone, or to its region.
 *
 * Not before a nearer server has been alive for {@link HOME_DELAY_MS}, as the node tells, and spread
 * over as long again and the time slot that the node had handed out: a region that came back is not
 * met by all of its clients at once (P8). Each try that comes to nothing, or to a session that does
 * not last, doubles the wait.
 */
import type { Random } from "../random.js";
import { after, type Instant, NEVER } from "../time.js";

export const HOME_DELAY_MS = 10_000;
const HOME_DELAY_MAX_MS = 300_000;
/** A session at home for so long was no failure. */
const HOME_STABLE_MS = 60_000;

export class Homecoming {
  readonly #random: Random;
  #at: Instant = NEVER;
  #tryCount = 0;
  #homeSince: Instant | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  /** When to go. */
  get at(): Instant {
    return this.#at;
  }

  /** What the node tells: is a server alive that is nearer than it? */
  told(isNearerAlive: boolean, slotMs: number, now: Instant): void {
    if (!isNearerAlive) {
      this.#at = NEVER;
      this.#homeSince ??= now;
      return;
    }
    if (this.#homeSince !== undefined && now - this.#homeSince >= HOME_STABLE_MS) {
      this.#tryCount = 0;
    }
    this.#homeSince = undefined;
    if (this.#at === NEVER) this.#at = after(now, this.#delayMs() + slotMs);
  }

  /** It is tried: not again before a longer wait. */
  tried(now: Instant): void {
    this.#tryCount = Math.min(this.#tryCount + 1, 16);
    this.#at = after(now, this.#delayMs());
  }

  /** The session is over: what its node told is, too. */
  offline(): void {
    this.#at = NEVER;
  }

  #delayMs(): number {
    const delayMs = Math.min(HOME_DELAY_MAX_MS, HOME_DELAY_MS * 2 ** this.#tryCount);
    return delayMs * (1 + this.#random.next());
  }
}
