/**
 * Origins that are held in part: some of their records could not be read (R17).
 *
 * A record that cannot be read is passed over, and the rest of its origin's stream goes on: what
 * is held stays, other records, origins, links and sessions notice nothing. What was passed over
 * is remembered as a *hole*, so that this copy never claims to have it: positions, snapshots and
 * resets stop below the first hole, and the hole travels with every delta that spans it.
 *
 * One peer's word is not enough to shut out another's origin: now and then (see
 * {@link PROBE_DELAY_MIN_MS}) another peer, the origin's own node first, is asked for the stretch
 * anew. Whoever gives it whole closes the hole, be it that the first giver lied, that a relay's
 * memory was damaged, or that the origin has written the key again. The wait between two askings
 * doubles, so that a record that nobody can read causes no storm.
 *
 * Does not send anything: see peer-links.ts.
 */
import type { DeltaGroup, Hole } from "../messages.js";
import { compareOrigins, type Origin } from "../record.js";
import type { OriginIndex } from "../table/record-table.js";
import { after, type Instant } from "../time.js";
import { HoleList } from "./hole-list.js";

/** First wait before a peer is asked for a hole again; doubled each time. */
export const PROBE_DELAY_MIN_MS = 1_000;
export const PROBE_DELAY_MAX_MS = 600_000;

/** One origin of which something could not be read, for people. */
export interface QuarantinedOrigin {
  readonly origin: Origin;
  readonly since: Instant;
  /** The node whose message could not be read. */
  readonly giver: string;
  /** What was wrong with the first of its records. */
  readonly reason: string;
  /** Stretches of versions that could not be read since then. */
  readonly poisonCount: number;
  /** Those that are open now; 0 when only the node's description cannot be read. */
  readonly holeCount: number;
}

export type QuarantineEvent = {
  readonly type: "started" | "ended";
  readonly entry: QuarantinedOrigin;
  /** Why it ended; empty at the start. */
  readonly cause: "" | "read-whole" | "forgotten";
  /** Who gave what closed the last hole. */
  readonly by: string;
};

interface Entry {
  readonly origin: Origin;
  readonly since: Instant;
  readonly giver: string;
  readonly reason: string;
  readonly holes: HoleList;
  poisonCount: number;
  /** Its node record is held, but what it says of the node cannot be read. */
  hasUnreadNode: boolean;
  probeAt: Instant;
  probeDelayMs: number;
  probeCount: number;
}

/** When and from whom something came. */
export interface Arrival {
  readonly giver: string;
  readonly now: Instant;
}

/** No more entries than origins: a table of its own would need a bound of its own. */
export class Quarantine {
  readonly #entries = new Map<OriginIndex, Entry>();
  #events: QuarantineEvent[] = [];
  #poisonTotal = 0;

  get count(): number {
    return this.#entries.size;
  }

  /** Stretches that could not be read, of all origins, since the start. */
  get poisonTotal(): number {
    return this.#poisonTotal;
  }

  /** By origin, for people. */
  list(): QuarantinedOrigin[] {
    return [...this.#entries.values()]
      .map(shown)
      .sort((a, b) => compareOrigins(a.origin, b.origin));
  }

  /** What began and ended since it was last asked. */
  takeEvents(): readonly QuarantineEvent[] {
    const events = this.#events;
    if (events.length > 0) this.#events = [];
    return events;
  }

  /** The open holes of an origin; undefined for one that is held whole. */
  holesOf(index: OriginIndex): HoleList | undefined {
    const holes = this.#entries.get(index)?.holes;
    return holes === undefined || holes.count === 0 ? undefined : holes;
  }

  /** Notes versions above `seen` that could not be read. */
  open(
    index: OriginIndex,
    found: { readonly origin: Origin; readonly holes: readonly Hole[]; readonly seen: number },
    arrival: Arrival,
  ): void {
    for (const hole of found.holes) {
      // What was read once is not unread because somebody else cannot read it.
      if (hole.upTo <= found.seen || hole.upTo <= hole.after) continue;
      const entry = this.#entryOf(index, found.origin, hole.reason, arrival);
      entry.holes.open({ ...hole, after: Math.max(hole.after, found.seen) });
      entry.poisonCount += 1;
      this.#poisonTotal += 1;
    }
  }

  /** Notes that a delta, or a reset, was whole but for its own holes. */
  close(index: OriginIndex, whole: Pick<DeltaGroup, "from" | "to" | "holes">, by: string): void {
    const entry = this.#entries.get(index);
    if (entry === undefined) return;
    let from = whole.from;
    for (const hole of whole.holes ?? []) {
      entry.holes.close(from, hole.after);
      from = Math.max(from, hole.upTo);
    }
    entry.holes.close(from, whole.to);
    this.#endIfWhole(index, entry, "read-whole", by);
  }

  /** A node's record is here, but its description cannot be read. */
  noteUnreadNode(index: OriginIndex, origin: Origin, arrival: Arrival): void {
    const reason = "the node's description cannot be read";
    this.#entryOf(index, origin, reason, arrival).hasUnreadNode = true;
  }

  /** The node has said of itself what can be read. */
  noteReadNode(nodeId: string): void {
    for (const [index, entry] of this.#entries) {
      if (entry.origin.nodeId !== nodeId || !entry.hasUnreadNode) continue;
      entry.hasUnreadNode = false;
      this.#endIfWhole(index, entry, "read-whole", nodeId);
    }
  }

  /** Nothing of the origin is left here. */
  forget(index: OriginIndex): void {
    const entry = this.#entries.get(index);
    if (entry === undefined) return;
    this.#entries.delete(index);
    this.#events.push({ type: "ended", entry: shown(entry), cause: "forgotten", by: "" });
  }

  /** Origins with holes whose time to be asked for has come, with how often they were. */
  *dueProbes(now: Instant): Iterable<{ index: OriginIndex; giver: string; probeCount: number }> {
    for (const [index, entry] of this.#entries) {
      if (entry.holes.count === 0 || now < entry.probeAt) continue;
      yield { index, giver: entry.giver, probeCount: entry.probeCount };
    }
  }

  /** Somebody was asked for an origin's holes. */
  probed(index: OriginIndex, now: Instant): void {
    const entry = this.#entries.get(index);
    if (entry === undefined) return;
    entry.probeAt = after(now, entry.probeDelayMs);
    entry.probeDelayMs = Math.min(2 * entry.probeDelayMs, PROBE_DELAY_MAX_MS);
    entry.probeCount += 1;
  }

  #entryOf(index: OriginIndex, origin: Origin, reason: string, { giver, now }: Arrival): Entry {
    const known = this.#entries.get(index);
    if (known !== undefined) return known;
    const entry: Entry = {
      ...{ origin, since: now, giver, reason, holes: new HoleList(), poisonCount: 0 },
      ...{ hasUnreadNode: false, probeAt: now, probeDelayMs: PROBE_DELAY_MIN_MS, probeCount: 0 },
    };
    this.#entries.set(index, entry);
    this.#events.push({ type: "started", entry: shown(entry), cause: "", by: "" });
    return entry;
  }

  #endIfWhole(index: OriginIndex, entry: Entry, cause: "read-whole", by: string): void {
    if (entry.holes.count > 0 || entry.hasUnreadNode) return;
    this.#entries.delete(index);
    this.#events.push({ type: "ended", entry: shown(entry), cause, by });
  }
}

function shown({ origin, since, giver, reason, poisonCount, holes }: Entry): QuarantinedOrigin {
  return { origin, since, giver, reason, poisonCount, holeCount: holes.count };
}
