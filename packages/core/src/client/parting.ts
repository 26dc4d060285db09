/**
 * The session that a client has moved away from, for as long as its socket stays open.
 *
 * Its node goes on counting the client among those that must confirm drains, and hears of none from
 * it. So it ends when the next node has answered every watch: only then is what the client shows the
 * next node's business, and no drain falls between the two (P7). And when the next node has taken
 * every registration, and its peers have heard of them, so that nobody sees them suspect.
 */
import { after, type Instant, instant, NEVER } from "../time.js";

/** After the next node's welcome: its peers hear of the registrations first. */
const PARTING_MIN_MS = 500;
/** After the next node's welcome: one that cannot answer yet is not waited for. */
const PARTING_MAX_MS = 5_000;

export class Parting {
  /** Of the socket. */
  readonly attempt: number;
  /** Of the node. */
  readonly region: string;
  #notBefore: Instant = NEVER;
  #until: Instant;

  constructor(attempt: number, region: string, until: Instant) {
    this.attempt = attempt;
    this.region = region;
    this.#until = until;
  }

  /** The next node has welcomed the client. */
  welcomed(now: Instant): void {
    this.#notBefore = after(now, PARTING_MIN_MS);
    this.#until = after(now, PARTING_MAX_MS);
  }

  /** When it ends, if nothing changes. */
  deadline(isAnswered: boolean): Instant {
    return isAnswered ? instant(Math.min(this.#notBefore, this.#until)) : this.#until;
  }
}
