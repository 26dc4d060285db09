/**
 * Ties the drain table to records, watches and nodes: shows draining records to subscribers, and
 * carries what they confirm to the record's writer, wherever it is.
 */
import type { Member } from "../membership/membership.js";
import type { RoutePayload } from "../messages.js";
import type { SessionTable } from "../node/session-table.js";
import { InstanceState, Scope } from "../record.js";
import type { Replica } from "../replica/replica.js";
import type { Slot } from "../table/record-table.js";
import type { Instant } from "../time.js";
import { serviceName, type WatchTable } from "../watch/watch-table.js";
import { type DrainReport, DrainTable, UNCONFIRMED_COUNT_MAX } from "./drain-table.js";

export interface DrainDeskOptions {
  readonly region: string;
  readonly replica: Replica;
  readonly watches: WatchTable;
  readonly sessions: SessionTable;
  readonly members: () => readonly Member[];
  readonly route: (to: string, payload: RoutePayload) => boolean;
}

export class DrainDesk {
  readonly table: DrainTable;
  readonly #options: DrainDeskOptions;
  /** Draining records that changed in this turn: shown to subscribers at its end. */
  readonly #changed = new Set<Slot>();

  constructor(options: DrainDeskOptions) {
    this.#options = options;
    // A region's record never reaches the nodes of others: they are not waited for.
    this.table = new DrainTable((slot, member) => {
      const records = options.replica.table;
      const isRegional = records.origin(records.originOf(slot)).scope === Scope.region;
      return !isRegional || member.description.region === options.region;
    });
  }

  /** A record changed: a drain begins, or one is over. */
  changed(slot: Slot): void {
    if (this.#options.replica.table.state(slot) === InstanceState.draining) {
      this.#changed.add(slot);
      return;
    }
    this.table.hide(slot);
    if (this.table.isWaiting(slot)) this.table.abandon(slot, this.#options.members());
  }

  /** Draining records that went out with this turn's changes: wait for who was told. */
  show(): void {
    const records = this.#options.replica.table;
    for (const slot of this.#changed) {
      if (!records.isUsed(slot) || records.state(slot) !== InstanceState.draining) continue;
      const record = records.read(slot);
      const pending = this.table.show(slot, record, this.#toldOf(record));
      if (pending === undefined) continue;
      const unconfirmed = [...pending].map((key) => this.#subscriberName(key));
      this.report(slot, { confirmedCount: 0, unconfirmed });
    }
    this.#changed.clear();
  }

  /** Ends the drains that everyone confirmed or whose time is up. */
  settle(now: Instant): void {
    if (this.table.waitingCount > 0) this.table.settle(this.#options.members(), now);
  }

  /** What this node's subscribers say goes to the record's writer. */
  report(slot: Slot, report: DrainReport): void {
    const { replica, route } = this.#options;
    if (!replica.table.isUsed(slot)) return;
    const record = replica.table.read(slot);
    if (replica.isOwn(record.origin)) {
      this.table.report(slot, replica.nodeId, record.stamp, report);
      return;
    }
    route(record.origin.nodeId, {
      kind: "drain-confirm",
      recordKind: record.kind,
      namespace: record.namespace,
      service: record.service,
      id: record.id,
      stamp: record.stamp,
      confirmedCount: report.confirmedCount,
      unconfirmed: report.unconfirmed.slice(0, UNCONFIRMED_COUNT_MAX),
    });
  }

  /** One-way readers can confirm nothing and are not waited for. */
  #toldOf(record: { namespace: string; service: string }): number[] {
    const { sessions, watches } = this.#options;
    const watchers = watches.watchersOf(serviceName(record.namespace, record.service));
    return [...watchers].filter((key) => sessions.get(key)?.kind === "native");
  }

  #subscriberName(key: number): string {
    const { replica, sessions } = this.#options;
    return `${replica.nodeId}/${sessions.get(key)?.clientId ?? key}`;
  }
}
