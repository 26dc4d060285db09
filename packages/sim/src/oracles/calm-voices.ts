/**
 * L1 and P6 in a calm world: where nothing is broken, nobody says that something is.
 *
 * Claims: in a phase that the history calls calm no node finds a copy that differs from its own
 * under equal versions, suspects another node, gives up a link for silence, or pauses expiry.
 * Healing that goes on for ever would pass every look at what is held; here it is heard.
 *
 * Judged from: the notes that nodes and clients give for people.
 *
 * Excuses: a pause for many removals, within the time over which a node counts them: what the
 * faults left may have ended just before. Else none; the history says when it is calm.
 *
 * Cannot see: healing that says nothing; views that differ, which are looked at when the world must
 * be whole.
 */
import type { SeenClient } from "./seen.js";
import type { Court } from "./verdict.js";

/** What nobody says in a calm world, and which oracle that is. */
const ALARMS: ReadonlyMap<string, string> = new Map([
  ["replica.diverged", "L1"],
  ["link.silent", "P6"],
  ["member.suspect", "P6"],
  ["member.dead", "P6"],
  ["member.unreachable", "P6"],
  ["lease.expiry-paused", "P6"],
]);

export class CalmVoices {
  readonly #court: Court;
  readonly #removalWindowMs: number;
  #isCalm = false;
  #calmSince = 0;

  /** @param removalWindowMs - Over which a node counts removals. */
  constructor(court: Court, removalWindowMs: number) {
    this.#court = court;
    this.#removalWindowMs = removalWindowMs;
  }

  calm(): void {
    if (!this.#isCalm) this.#calmSince = this.#court.now();
    this.#isCalm = true;
  }

  storm(): void {
    this.#isCalm = false;
  }

  noted(process: SeenClient, { event, fields }: Note): void {
    if (!this.#isCalm) return;
    const oracle = ALARMS.get(event);
    if (oracle === undefined) return;
    const isOfBefore = this.#court.now() - this.#calmSince < this.#removalWindowMs;
    if (fields.reason === "many-removed" && isOfBefore) return;
    const text = `${process.id} says ${event} ${JSON.stringify(fields)} where nothing is broken`;
    this.#court.fail(oracle, text);
  }
}

interface Note {
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}
