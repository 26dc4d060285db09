/**
 * Acknowledged drain (P7): when may an instance that wants to leave be sure that nobody picks it?
 *
 * Two duties. Every node, for each draining record it shows: wait until all its native sessions
 * that watch the service confirmed or ended, then tell the record's writer. The writer: wait until
 * every node that is not confirmed gone has told so, or the time is up, and name who has not.
 *
 * One-way readers (NDJSON, SSE) cannot confirm and are not waited for.
 */
import { NodeStatus } from "../instance.js";
import { DRAIN_COUNT_MAX } from "../limits.js";
import type { Member } from "../membership/membership.js";
import type { SessionKey } from "../node/events.js";
import { compareStamps, type Stamp } from "../record.js";
import type { Slot } from "../table/record-table.js";
import { after, type Instant, NEVER } from "../time.js";

/** Names given of those that did not confirm. */
export const UNCONFIRMED_COUNT_MAX = 100;

/** What one node says of its subscribers. */
export interface DrainReport {
  readonly confirmedCount: number;
  /** `nodeId/clientId` of those that still may pick it; empty when all confirmed. */
  readonly unconfirmed: readonly string[];
}

export interface DrainOutcome {
  readonly confirmedCount: number;
  readonly unconfirmed: readonly string[];
}

interface LocalDrain {
  readonly stamp: Stamp;
  readonly version: number;
  readonly pending: Set<SessionKey>;
  confirmedCount: number;
}

interface Waiting {
  readonly stamp: Stamp;
  readonly reports: Map<string, DrainReport>;
  readonly deadline: Instant;
  readonly finish: (outcome: DrainOutcome) => void;
}

export class DrainTable {
  readonly #isAsked: (slot: Slot, member: Member) => boolean;
  readonly #local = new Map<Slot, LocalDrain>();
  readonly #waiting = new Map<Slot, Waiting>();

  /** @param isAsked - Whether a node is to report on a record: whether it gets it at all. */
  constructor(isAsked: (slot: Slot, member: Member) => boolean) {
    this.#isAsked = isAsked;
  }

  get localCount(): number {
    return this.#local.size;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  // -- every node ---------------------------------------------------------------------------

  /**
   * A draining record is shown from now on; `pending` are the sessions that were told.
   *
   * @returns The report to send at once: it names those that are waited for.
   */
  show(
    slot: Slot,
    record: { stamp: Stamp; version: number },
    pending: Iterable<SessionKey>,
  ): Set<SessionKey> | undefined {
    const known = this.#local.get(slot);
    if (known !== undefined && known.version === record.version) return undefined;
    if (known === undefined && this.#local.size >= DRAIN_COUNT_MAX) return undefined;
    const local: LocalDrain = {
      stamp: record.stamp,
      version: record.version,
      pending: new Set(pending),
      confirmedCount: 0,
    };
    this.#local.set(slot, local);
    return local.pending;
  }

  /** A session no longer picks the instance. Returns what to report when it was the last. */
  confirm(slot: Slot, session: SessionKey, stamp: Stamp): DrainReport | undefined {
    const local = this.#local.get(slot);
    if (local === undefined || compareStamps(local.stamp, stamp) !== 0) return undefined;
    if (!local.pending.delete(session)) return undefined;
    local.confirmedCount += 1;
    return this.#reportIfDone(local);
  }

  /** A session ended or stopped watching: it picks nothing any more. */
  forget(session: SessionKey, slots?: Iterable<Slot>): { slot: Slot; report: DrainReport }[] {
    const done: { slot: Slot; report: DrainReport }[] = [];
    for (const slot of slots ?? [...this.#local.keys()]) {
      const local = this.#local.get(slot);
      if (local === undefined || !local.pending.delete(session)) continue;
      const report = this.#reportIfDone(local);
      if (report !== undefined) done.push({ slot, report });
    }
    return done;
  }

  /** The record is not draining any more. */
  hide(slot: Slot): void {
    this.#local.delete(slot);
  }

  isShown(slot: Slot): boolean {
    return this.#local.has(slot);
  }

  // -- the writer ---------------------------------------------------------------------------

  /** Waits for every node. False when too many drains run already. */
  wait(
    slot: Slot,
    options: {
      stamp: Stamp;
      timeoutMs: number;
      finish: (outcome: DrainOutcome) => void;
      members: readonly Member[];
    },
    now: Instant,
  ): boolean {
    if (this.#waiting.size >= DRAIN_COUNT_MAX) return false;
    // An earlier drain of the record ends here, with what it knows: nobody may take it for done.
    this.abandon(slot, options.members);
    this.#waiting.set(slot, {
      stamp: options.stamp,
      reports: new Map(),
      deadline: after(now, options.timeoutMs),
      finish: options.finish,
    });
    return true;
  }

  report(slot: Slot, nodeId: string, stamp: Stamp, report: DrainReport): void {
    const waiting = this.#waiting.get(slot);
    if (waiting === undefined || compareStamps(waiting.stamp, stamp) !== 0) return;
    waiting.reports.set(nodeId, report);
  }

  isWaiting(slot: Slot): boolean {
    return this.#waiting.has(slot);
  }

  /** Ends the drains that everyone confirmed or whose time is up. */
  settle(members: readonly Member[], now: Instant): void {
    for (const [slot, waiting] of this.#waiting) {
      const outcome = this.#outcomeOf(slot, waiting, members);
      if (outcome.unconfirmed.length > 0 && now < waiting.deadline) continue;
      this.#waiting.delete(slot);
      waiting.finish(outcome);
    }
  }

  /** Ends a drain whose record changed: tells who had not confirmed until then. */
  abandon(slot: Slot, members: readonly Member[]): void {
    const waiting = this.#waiting.get(slot);
    if (waiting === undefined) return;
    this.#waiting.delete(slot);
    waiting.finish(this.#outcomeOf(slot, waiting, members));
  }

  next(): Instant {
    let next = NEVER;
    for (const waiting of this.#waiting.values()) {
      if (waiting.deadline < next) next = waiting.deadline;
    }
    return next;
  }

  #reportIfDone(local: LocalDrain): DrainReport | undefined {
    if (local.pending.size > 0) return undefined;
    return { confirmedCount: local.confirmedCount, unconfirmed: [] };
  }

  #outcomeOf(slot: Slot, waiting: Waiting, members: readonly Member[]): DrainOutcome {
    let confirmedCount = 0;
    const unconfirmed: string[] = [];
    for (const member of members) {
      if (member.status === NodeStatus.left || member.status === NodeStatus.dead) continue;
      if (!this.#isAsked(slot, member)) continue;
      const report = waiting.reports.get(member.nodeId);
      confirmedCount += report?.confirmedCount ?? 0;
      if (report === undefined) unconfirmed.push(member.nodeId);
      else unconfirmed.push(...report.unconfirmed);
    }
    return { confirmedCount, unconfirmed: unconfirmed.slice(0, UNCONFIRMED_COUNT_MAX) };
  }
}
