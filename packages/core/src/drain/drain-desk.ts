/**
 * Ties the drain table to records, watches and nodes: shows draining records to subscribers, and
 * carries what they confirm to the record's writer, wherever it is.
 */
import { NodeStatus } from "../instance.js";
import type { Membership } from "../membership/membership.js";
import type { RoutePayload } from "../messages.js";
import { isOrphaned } from "../node/adoption.js";
import type { SessionKey } from "../node/events.js";
import type { Session, SessionTable } from "../node/session-table.js";
import { compareStamps, InstanceState, type RegistryRecord, Scope, type Stamp } from "../record.js";
import type { Replica } from "../replica/replica.js";
import { NO_SLOT, type Slot } from "../table/record-table.js";
import { after, type Instant } from "../time.js";
import { serviceName, type WatchTable } from "../watch/watch-table.js";
import { type DrainReport, DrainTable, type DrainWitness } from "./drain-table.js";
import { LostSessions } from "./lost-sessions.js";

export interface DrainDeskOptions {
  readonly region: string;
  readonly replica: Replica;
  readonly watches: WatchTable;
  readonly sessions: SessionTable;
  readonly membership: Pick<Membership, "all" | "get">;
  /** How long a client takes to notice that its node is gone. */
  readonly sessionTtlMs: number;
  /** Addresses of nodes that this one was told of and never met. */
  readonly strangers: () => readonly string[];
  /** Whether this node holds what its peers hold: only then does its lacking something count. */
  readonly isFilled: () => boolean;
  /** Drains what a program has left behind here, or removes it, if that is for this node to do. */
  readonly endLeft: (slot: Slot, end: { stamp: Stamp; isOver: boolean }, now: Instant) => void;
  readonly route: (to: string, payload: RoutePayload) => boolean;
}

export class DrainDesk {
  readonly table: DrainTable;
  readonly #options: DrainDeskOptions;
  readonly #lost = new LostSessions();
  /** Draining records that changed in this turn: shown to subscribers at its end. */
  readonly #changed = new Set<Slot>();

  constructor(options: DrainDeskOptions) {
    this.#options = options;
    this.table = new DrainTable({
      witnesses: (slot, leftRegions, now) => this.#witnesses(slot, leftRegions, now),
      strangers: options.strangers,
    });
  }

  /** When {@link settle} is wanted at the latest. */
  next(): Instant {
    const [table, lost] = [this.table.next(), this.#lost.next()];
    return table < lost ? table : lost;
  }

  /** A record changed: a drain begins, or one is over. */
  changed(slot: Slot, now: Instant): void {
    if (this.#options.replica.table.state(slot) === InstanceState.draining) {
      this.#changed.add(slot);
      return;
    }
    this.table.hide(slot);
    this.table.abandon(slot, now);
  }

  /** Whether the end of a turn has anything to do here. */
  hasNews(now: Instant): boolean {
    return this.#changed.size > 0 || this.table.waitingCount > 0 || now >= this.#lost.next();
  }

  /** Draining records that went out with this turn's changes: wait for who was told. */
  show(): void {
    const records = this.#options.replica.table;
    for (const slot of this.#changed) {
      if (!records.isUsed(slot) || records.state(slot) !== InstanceState.draining) continue;
      const record = records.read(slot);
      const report = this.table.show(slot, record, this.#toldOf(record));
      if (report !== undefined) this.report(slot, report);
    }
    this.#changed.clear();
  }

  /** Ends the drains that everyone confirmed or whose time is up; asks again who has not. */
  settle(now: Instant): void {
    for (const session of this.#lost.expire(now)) this.forget(session);
    if (this.table.waitingCount === 0) return;
    this.table.settle(now);
    for (const { slot, nodeIds } of this.table.takeQuestions(now)) {
      const { replica, route } = this.#options;
      if (!replica.table.isUsed(slot)) continue;
      const record = replica.table.read(slot);
      for (const nodeId of nodeIds) {
        if (nodeId === replica.nodeId) continue;
        const isLeft = record.scope === Scope.region && !this.#isHere(nodeId);
        const question = { isQuestion: true, isLeft, generation: 0 };
        route(nodeId, { ...confirmOf(record, NO_REPORT), ...question });
      }
    }
  }

  /** A session said goodbye, or stopped watching what is in `slots`. */
  forget(session: SessionKey, slots?: Iterable<Slot>): void {
    for (const { slot, report } of this.table.forget(session, slots)) this.report(slot, report);
  }

  /** A session ended, and its client may not know it yet. */
  lost(session: Session, ttlMs: number, now: Instant): void {
    const name = this.#nameOf(session.clientId);
    this.#lost.add(session.key, { name, services: session.watches.keys(), ttlMs }, now);
  }

  /** What this node's subscribers say goes to the record's writer. */
  report(slot: Slot, report: DrainReport): void {
    const { replica, route } = this.#options;
    if (!replica.table.isUsed(slot)) return;
    const record = replica.table.read(slot);
    const { nodeId, generation } = replica;
    if (replica.isOwn(record.origin)) {
      this.table.report(slot, { nodeId, generation }, record.stamp, report);
      return;
    }
    const answer = { isQuestion: false, isLeft: false, generation };
    route(record.origin.nodeId, { ...confirmOf(record, report), ...answer });
  }

  /** Another node's word on a drain of this one, or its question. */
  routed(from: string, payload: DrainConfirm, now: Instant): void {
    if (payload.isQuestion && payload.isLeft) return this.#answerLeft(from, payload, now);
    const { replica } = this.#options;
    const { stamp } = payload;
    for (const scope of [Scope.global, Scope.region]) {
      const slot = replica.find({ ...payload, kind: payload.recordKind, scope });
      if (slot === NO_SLOT) continue;
      if (payload.isQuestion) {
        const report = this.table.reportOn(slot, stamp);
        if (report !== undefined) this.report(slot, report);
      } else {
        // A node of an earlier version does not name its generation.
        const known = this.#options.membership.get(from)?.generation ?? 0;
        const generation = payload.generation === 0 ? known : payload.generation;
        this.table.report(slot, { nodeId: from, generation }, stamp, payload);
      }
    }
    this.settle(now);
  }

  /**
   * A node of another region drains its region's own instance, whose program was in this one before:
   * what it left behind here, should its node have gone meanwhile, is shown as draining too.
   */
  #answerLeft(to: string, question: DrainConfirm, now: Instant): void {
    const { replica, isFilled, route } = this.#options;
    if (!isFilled()) return;
    const { generation } = replica;
    const report = this.#reportOnLeft(question, now) ?? NO_REPORT;
    const answer = { isQuestion: false, isLeft: false, generation };
    route(to, { ...question, ...report, ...answer });
  }

  /** Undefined when nothing is left here. */
  #reportOnLeft(question: DrainConfirm, now: Instant): DrainReport | undefined {
    const { replica, endLeft } = this.#options;
    const slot = replica.find({ ...question, kind: question.recordKind, scope: Scope.region });
    if (slot === NO_SLOT) return undefined;
    const record = replica.table.read(slot);
    const { state, stamp } = record;
    const isLater = compareStamps(stamp, question.stamp) > 0;
    if (state === InstanceState.removed || isLater) return undefined;
    // Of another process with that id, unless its node has gone; or of an earlier registration.
    const isOther = stamp.incarnation !== question.stamp.incarnation;
    if (isOther && !this.#isAbandoned(record)) return undefined;
    const known = this.table.reportOn(slot, stamp);
    const isOver = known?.unconfirmed.length === 0;
    if (isOver || state !== InstanceState.draining) {
      endLeft(slot, { stamp: question.stamp, isOver }, now);
    }
    return known ?? { confirmedCount: 0, unconfirmed: [replica.nodeId] };
  }

  /** Whether the node that its program was at has gone, also where another has adopted it since. */
  #isAbandoned({ origin, isSuspect, stamp }: RegistryRecord): boolean {
    if (isSuspect && stamp.claim > 0) return true;
    const { replica, membership } = this.#options;
    return !replica.isOwn(origin) && isOrphaned(origin, membership);
  }

  #isHere(nodeId: string): boolean {
    return this.#options.membership.get(nodeId)?.description.region === this.#options.region;
  }

  /**
   * The nodes that have to report: all but those that are known to have ended, so long ago that
   * their clients have noticed. A region's record never reaches the nodes of others; they are asked
   * only where its program was before.
   */
  #witnesses(slot: Slot, leftRegions: readonly string[], now: Instant): DrainWitness[] {
    const { replica, region, membership, sessionTtlMs } = this.#options;
    const records = replica.table;
    const isRegional = records.origin(records.originOf(slot)).scope === Scope.region;
    return membership.all.filter((member) => {
      const home = member.description.region;
      if (isRegional && home !== region && !leftRegions.includes(home)) return false;
      const { status, isEnded, since } = member;
      if (status === NodeStatus.left) return false;
      const isOver = status === NodeStatus.dead && isEnded && now >= after(since, sessionTtlMs);
      return !isOver;
    });
  }

  /** One-way readers can confirm nothing and are not waited for. */
  #toldOf(record: { namespace: string; service: string }): Map<SessionKey, string> {
    const { sessions, watches } = this.#options;
    const service = serviceName(record.namespace, record.service);
    const told = new Map(this.#lost.watchersOf(service));
    for (const key of watches.watchersOf(service)) {
      const session = sessions.get(key);
      if (session?.kind === "native") told.set(key, this.#nameOf(session.clientId));
    }
    return told;
  }

  #nameOf(clientId: string): string {
    return `${this.#options.replica.nodeId}/${clientId}`;
  }
}

type DrainConfirm = Extract<RoutePayload, { kind: "drain-confirm" }>;

const NO_REPORT: DrainReport = { confirmedCount: 0, unconfirmed: [] };

function confirmOf(record: RegistryRecord, report: DrainReport) {
  return {
    kind: "drain-confirm",
    recordKind: record.kind,
    namespace: record.namespace,
    service: record.service,
    id: record.id,
    stamp: record.stamp,
    confirmedCount: report.confirmedCount,
    unconfirmed: report.unconfirmed,
  } as const;
}
