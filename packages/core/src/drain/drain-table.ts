/**
 * Acknowledged drain (P7): when may an instance that wants to leave be sure that nobody picks it?
 *
 * Two duties. Every node, for each draining record it shows: wait until all its native sessions
 * that watch the service confirmed or ended, then tell the record's writer. The writer: wait until
 * every node has told so, or is known to have ended; ask again those that have not; and when the
 * time is up, name them. A node that is merely not heard of is named too: its subscribers may hear
 * it well, and go on picking.
 *
 * A session that ends without a goodbye is waited for until its client must have noticed
 * (`lost-sessions.ts`).
 *
 * One-way readers (NDJSON, SSE) cannot confirm and are not waited for.
 */
import { DRAIN_COUNT_MAX } from "../limits.js";
import type { SessionKey } from "../node/events.js";
import { compareStamps, type Stamp } from "../record.js";
import type { Slot } from "../table/record-table.js";
import { after, type Instant, instant, NEVER } from "../time.js";

/** Names given of those that did not confirm. */
export const UNCONFIRMED_COUNT_MAX = 100;
/** The writer asks nodes that have not reported this often, until its time is up. */
export const DRAIN_ASK_INTERVAL_MS = 500;

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

/** A node that has to report: one life of it, for what an earlier one said proves nothing. */
export interface DrainWitness {
  readonly nodeId: string;
  readonly generation: number;
}

export interface DrainTableOptions {
  /**
   * Nodes whose subscribers may be shown the record; `leftRegions` are others in which a region's
   * own may still be seen.
   */
  readonly witnesses: (
    slot: Slot,
    leftRegions: readonly string[],
    now: Instant,
  ) => readonly DrainWitness[];
  /** Names of who might be there as well, and was never met. */
  readonly strangers: () => readonly string[];
}

interface LocalDrain {
  readonly stamp: Stamp;
  readonly version: number;
  /** Sessions that were told, with their names. */
  readonly pending: Map<SessionKey, string>;
  confirmedCount: number;
}

interface Waiting {
  readonly stamp: Stamp;
  readonly leftRegions: readonly string[];
  readonly reports: Map<string, DrainReport & { readonly generation: number }>;
  readonly deadline: Instant;
  askAt: Instant;
  readonly finish: (outcome: DrainOutcome) => void;
}

export class DrainTable {
  readonly #options: DrainTableOptions;
  readonly #local = new Map<Slot, LocalDrain>();
  readonly #waiting = new Map<Slot, Waiting>();

  constructor(options: DrainTableOptions) {
    this.#options = options;
  }

  get localCount(): number {
    return this.#local.size;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  // -- every node ---------------------------------------------------------------------------

  /**
   * A draining record is shown from now on; `told` are the sessions that were told, by name.
   *
   * @returns The report to send at once: it names those that are waited for.
   */
  show(
    slot: Slot,
    record: { stamp: Stamp; version: number },
    told: Iterable<readonly [SessionKey, string]>,
  ): DrainReport | undefined {
    const known = this.#local.get(slot);
    if (known !== undefined && known.version === record.version) return undefined;
    if (known === undefined && this.#local.size >= DRAIN_COUNT_MAX) return undefined;
    const local: LocalDrain = {
      stamp: record.stamp,
      version: record.version,
      pending: new Map(told),
      confirmedCount: 0,
    };
    this.#local.set(slot, local);
    return reportOf(local);
  }

  /** A session no longer picks the instance. Returns what to report when it was the last. */
  confirm(slot: Slot, session: SessionKey, stamp: Stamp): DrainReport | undefined {
    const local = this.#local.get(slot);
    if (local === undefined || compareStamps(local.stamp, stamp) !== 0) return undefined;
    if (!local.pending.delete(session)) return undefined;
    local.confirmedCount += 1;
    return local.pending.size > 0 ? undefined : reportOf(local);
  }

  /** A session ended or stopped watching: its client does not take its view for current. */
  forget(session: SessionKey, slots?: Iterable<Slot>): { slot: Slot; report: DrainReport }[] {
    const done: { slot: Slot; report: DrainReport }[] = [];
    for (const slot of slots ?? [...this.#local.keys()]) {
      const local = this.#local.get(slot);
      if (local === undefined || !local.pending.delete(session)) continue;
      if (local.pending.size === 0) done.push({ slot, report: reportOf(local) });
    }
    return done;
  }

  /** What is known now of a record that is shown; undefined of another one. */
  reportOn(slot: Slot, stamp: Stamp): DrainReport | undefined {
    const local = this.#local.get(slot);
    if (local === undefined || compareStamps(local.stamp, stamp) !== 0) return undefined;
    return reportOf(local);
  }

  /** The record is not draining any more. */
  hide(slot: Slot): void {
    this.#local.delete(slot);
  }

  isShown(slot: Slot): boolean {
    return this.#local.has(slot);
  }

  // -- the writer ---------------------------------------------------------------------------

  /** Waits for every witness. False when too many drains run already. */
  wait(
    slot: Slot,
    options: {
      stamp: Stamp;
      timeoutMs: number;
      leftRegions?: readonly string[];
      finish: (outcome: DrainOutcome) => void;
    },
    now: Instant,
  ): boolean {
    if (this.#waiting.size >= DRAIN_COUNT_MAX) return false;
    // An earlier drain of the record ends here, with what it knows: nobody may take it for done.
    this.abandon(slot, now);
    const leftRegions = options.leftRegions ?? [];
    this.#waiting.set(slot, {
      stamp: options.stamp,
      leftRegions,
      reports: new Map(),
      deadline: after(now, options.timeoutMs),
      // The record does not come to other regions by itself.
      askAt: leftRegions.length > 0 ? now : after(now, DRAIN_ASK_INTERVAL_MS),
      finish: options.finish,
    });
    return true;
  }

  report(slot: Slot, from: DrainWitness, stamp: Stamp, report: DrainReport): void {
    const waiting = this.#waiting.get(slot);
    if (waiting === undefined || compareStamps(waiting.stamp, stamp) !== 0) return;
    waiting.reports.set(from.nodeId, { ...report, generation: from.generation });
  }

  isWaiting(slot: Slot): boolean {
    return this.#waiting.has(slot);
  }

  /** Ends the drains that everyone confirmed or whose time is up. */
  settle(now: Instant): void {
    for (const [slot, waiting] of this.#waiting) {
      const outcome = this.#outcomeOf(slot, waiting, now);
      if (outcome.unconfirmed.length > 0 && now < waiting.deadline) continue;
      this.#waiting.delete(slot);
      waiting.finish(outcome);
    }
  }

  /** Whom to ask again now: a report may have been lost, or the way to here broken. */
  takeQuestions(now: Instant): { slot: Slot; stamp: Stamp; nodeIds: string[] }[] {
    const questions: { slot: Slot; stamp: Stamp; nodeIds: string[] }[] = [];
    for (const [slot, waiting] of this.#waiting) {
      if (now < waiting.askAt) continue;
      waiting.askAt = after(now, DRAIN_ASK_INTERVAL_MS);
      const nodeIds = this.#options
        .witnesses(slot, waiting.leftRegions, now)
        .filter((witness) => !isDone(reportFrom(waiting, witness)))
        .map((witness) => witness.nodeId);
      if (nodeIds.length > 0) questions.push({ slot, stamp: waiting.stamp, nodeIds });
    }
    return questions;
  }

  /** Ends a drain whose record changed: tells who had not confirmed until then. */
  abandon(slot: Slot, now: Instant): void {
    const waiting = this.#waiting.get(slot);
    if (waiting === undefined) return;
    this.#waiting.delete(slot);
    waiting.finish(this.#outcomeOf(slot, waiting, now));
  }

  next(): Instant {
    let next: number = NEVER;
    for (const waiting of this.#waiting.values()) {
      next = Math.min(next, waiting.deadline, waiting.askAt);
    }
    return instant(next);
  }

  #outcomeOf(slot: Slot, waiting: Waiting, now: Instant): DrainOutcome {
    let confirmedCount = 0;
    const unconfirmed: string[] = [];
    for (const witness of this.#options.witnesses(slot, waiting.leftRegions, now)) {
      const report = reportFrom(waiting, witness);
      confirmedCount += report?.confirmedCount ?? 0;
      if (report === undefined) unconfirmed.push(witness.nodeId);
      else unconfirmed.push(...report.unconfirmed);
    }
    unconfirmed.push(...this.#options.strangers());
    return { confirmedCount, unconfirmed: unconfirmed.slice(0, UNCONFIRMED_COUNT_MAX) };
  }
}

function reportOf(local: LocalDrain): DrainReport {
  const unconfirmed = [...local.pending.values()].slice(0, UNCONFIRMED_COUNT_MAX);
  return { confirmedCount: local.confirmedCount, unconfirmed };
}

function reportFrom(waiting: Waiting, { nodeId, generation }: DrainWitness) {
  const report = waiting.reports.get(nodeId);
  return report?.generation === generation ? report : undefined;
}

function isDone(report: DrainReport | undefined): boolean {
  return report !== undefined && report.unconfirmed.length === 0;
}
