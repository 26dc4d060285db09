/**
 * Ties the drain table to records, watches and nodes: shows draining records to subscribers, and
 * carries what they confirm to the record's writer, wherever it is.
 */
import { NodeStatus } from "../instance.js";
import type { Membership } from "../membership/membership.js";
import type { RoutePayload } from "../messages.js";
import type { SessionKey } from "../node/events.js";
import type { Session, SessionTable } from "../node/session-table.js";
import { InstanceState, type RegistryRecord, Scope } from "../record.js";
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
      witnesses: (slot, now) => this.#witnesses(slot, now),
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
        route(nodeId, { ...confirmOf(record, NO_REPORT), isQuestion: true, generation: 0 });
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
    route(record.origin.nodeId, { ...confirmOf(record, report), isQuestion: false, generation });
  }

  /** Another node's word on a drain of this one, or its question. */
  routed(from: string, payload: DrainConfirm, now: Instant): void {
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
   * The nodes that have to report: all but those that are known to have ended, so long ago that
   * their clients have noticed. A region's record never reaches the nodes of others.
   */
  #witnesses(slot: Slot, now: Instant): DrainWitness[] {
    const { replica, region, membership, sessionTtlMs } = this.#options;
    const records = replica.table;
    const isRegional = records.origin(records.originOf(slot)).scope === Scope.region;
    return membership.all.filter((member) => {
      if (isRegional && member.description.region !== region) return false;
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
