/**
 * Who watches what, and what each must be told at the end of the turn.
 *
 * A change of a service becomes one message for all its watchers: encoded once, cost one write per
 * interested party (P3). A watcher whose queue is full is skipped and its services are noted; when
 * it can read again it gets one snapshot of each, never a backlog: latest wins (P10).
 */

import { EMPTY_DIGEST, isSameDigest } from "../hash.js";
import type { ChangeMessage, SnapshotKind, SnapshotMessage } from "../messages.js";
import type { SessionKey } from "../node/events.js";
import { InstanceState, originText, type RegistryRecord } from "../record.js";
import type { Replica } from "../replica/replica.js";
import type { ServiceIndex, Slot } from "../table/record-table.js";
import { cutToBytes, groupByOrigin } from "./record-parts.js";
import { SnapshotAnswer, type WatchRequest } from "./snapshot-answer.js";

/** A namespace and a service as one text: watches outlive a service's records, indexes do not. */
declare const serviceNameBrand: unique symbol;
export type ServiceName = string & { readonly [serviceNameBrand]: true };

/** The two parts never hold the separator: control characters are refused in names. */
export function serviceName(namespace: string, service: string): ServiceName {
  return `${namespace}\u0001${service}` as ServiceName;
}

/** What changed in one service during a turn. */
interface ServiceNews {
  readonly slots: Set<Slot>;
  readonly collected: RegistryRecord[];
}

export interface ServiceChange {
  readonly sessions: readonly SessionKey[];
  readonly messages: readonly ChangeMessage[];
}

export class WatchTable {
  readonly #replica: Replica;
  readonly #watchers = new Map<ServiceName, Set<SessionKey>>();
  readonly #news = new Map<ServiceName, ServiceNews>();
  /** Sessions that cannot read now, with the services whose changes they missed. */
  readonly #congested = new Map<SessionKey, Set<ServiceName>>();
  /** Services whose changes a session missed, until the answer that makes up for it begins. */
  readonly #behind = new Map<SessionKey, Set<ServiceName>>();
  #dropCount = 0;

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  /** Changes that were not queued because the reader was slow. */
  get dropCount(): number {
    return this.#dropCount;
  }

  watch(session: SessionKey, service: ServiceName): void {
    const watchers = this.#watchers.get(service);
    if (watchers === undefined) this.#watchers.set(service, new Set([session]));
    else watchers.add(session);
  }

  unwatch(session: SessionKey, service: ServiceName): void {
    const watchers = this.#watchers.get(service);
    if (watchers === undefined) return;
    watchers.delete(session);
    if (watchers.size === 0) this.#watchers.delete(service);
    this.#congested.get(session)?.delete(service);
    this.caughtUp(session, service);
  }

  watchersOf(service: ServiceName): ReadonlySet<SessionKey> {
    return this.#watchers.get(service) ?? NO_SESSIONS;
  }

  get watchedServiceCount(): number {
    return this.#watchers.size;
  }

  /** A slot of a service changed in this turn. */
  changed(service: ServiceName, slot: Slot): void {
    if (this.#watchers.has(service)) this.#newsOf(service).slots.add(slot);
  }

  /** A record of a service is gone without a tombstone in the table. */
  collected(service: ServiceName, tombstone: RegistryRecord): void {
    if (this.#watchers.has(service)) this.#newsOf(service).collected.push(tombstone);
  }

  get hasNews(): boolean {
    return this.#news.size > 0;
  }

  /** What the turn changed, one message per service, and forgets it. */
  takeChanges(): ServiceChange[] {
    const changes: ServiceChange[] = [];
    for (const [service, news] of this.#news) {
      const sessions: SessionKey[] = [];
      for (const session of this.watchersOf(service)) {
        const missed = this.#congested.get(session);
        if (missed === undefined) {
          if (this.#behind.get(session)?.has(service) !== true) sessions.push(session);
        } else {
          missed.add(service);
          this.#dropCount += 1;
        }
      }
      if (sessions.length === 0) continue;
      changes.push({ sessions, messages: this.#changeMessages(service, news) });
    }
    this.#news.clear();
    return changes;
  }

  congested(session: SessionKey): void {
    if (!this.#congested.has(session)) this.#congested.set(session, new Set());
  }

  /** The session reads again; returns the services of which it needs a snapshot. */
  writable(session: SessionKey): ServiceName[] {
    const missed = this.#congested.get(session);
    this.#congested.delete(session);
    if (missed === undefined || missed.size === 0) return [];
    this.#behind.set(session, new Set([...(this.#behind.get(session) ?? []), ...missed]));
    return [...missed];
  }

  isCongested(session: SessionKey): boolean {
    return this.#congested.has(session);
  }

  /** An answer begins: the changes from here on follow it. */
  caughtUp(session: SessionKey, service: ServiceName): void {
    const behind = this.#behind.get(session);
    if (behind?.delete(service) === true && behind.size === 0) this.#behind.delete(session);
  }

  dropSession(session: SessionKey, services: Iterable<ServiceName>): void {
    for (const service of services) this.unwatch(session, service);
    this.#congested.delete(session);
    this.#behind.delete(session);
  }

  /** The whole answer to a watch or query; see {@link begin}. */
  answer(request: WatchRequest): SnapshotMessage[] {
    const answer = this.begin(request);
    const parts: SnapshotMessage[] = [];
    while (!answer.isDone) parts.push(answer.next());
    return parts;
  }

  /**
   * The answer to a watch or query, in parts of bounded size that are made when they are asked for.
   *
   * `unchanged` when the holder's digest equals; `delta` when its position is above every
   * watermark; else `full`. With a position the answer names tombstones too.
   */
  begin(request: WatchRequest): SnapshotAnswer {
    const table = this.#replica.table;
    const index = table.findService(request.namespace, request.service);
    const digest = index < 0 ? EMPTY_DIGEST : table.digestOf(index);
    // Of a collected origin nothing is left: whatever the holder has of it was seen, and is gone.
    const gone = request.position.filter((entry) => this.#replica.isCollected(entry.origin));
    const position = [...this.#replica.position(), ...gone];
    const held = new Map(
      request.position.map((entry) => [originText(entry.origin), entry.version]),
    );
    const kind = this.#kindOf(held, {
      isSame: isSameDigest(request.digest, digest),
      isCollected: gone.length > 0,
    });
    const slots = index < 0 || kind === "unchanged" ? [] : this.#slotsFor(index, kind, held);
    return new SnapshotAnswer({ table, request, kind, slots, position });
  }

  /** What drains in a service, for one that is answered later. */
  draining({ namespace, service }: { namespace: string; service: string }): ChangeMessage[] {
    const table = this.#replica.table;
    const index = table.findService(namespace, service);
    const slots = index < 0 ? [] : [...table.slotsOf(index)];
    const draining = slots.filter((slot) => table.state(slot) === InstanceState.draining);
    if (draining.length === 0) return [];
    return this.#changeMessages(serviceName(namespace, service), {
      slots: new Set(draining),
      collected: [],
    });
  }

  #kindOf(
    held: ReadonlyMap<string, number>,
    { isSame, isCollected }: { isSame: boolean; isCollected: boolean },
  ): SnapshotKind {
    if (held.size === 0) return "full";
    if (isSame) return "unchanged";
    for (const index of this.#replica.origins(true)) {
      const version = held.get(originText(this.#replica.table.origin(index))) ?? 0;
      if (version < this.#replica.watermark(index)) return "full";
    }
    return isCollected ? "full" : "delta";
  }

  #slotsFor(index: ServiceIndex, kind: SnapshotKind, held: ReadonlyMap<string, number>): Slot[] {
    const table = this.#replica.table;
    const slots: Slot[] = [];
    const versions: number[] = [];
    for (const slot of table.slotsOf(index)) {
      if (kind === "full") {
        if (held.size > 0 || table.state(slot) !== InstanceState.removed) slots.push(slot);
        continue;
      }
      const origin = table.originOf(slot);
      versions[origin] ??= held.get(originText(table.origin(origin))) ?? 0;
      if (table.version(slot) > (versions[origin] ?? 0)) slots.push(slot);
    }
    return slots;
  }

  /** What changed in a service, in messages of bounded size; the last has the final digest. */
  #changeMessages(service: ServiceName, news: ServiceNews): ChangeMessage[] {
    const table = this.#replica.table;
    const [namespace = "", name = ""] = service.split("\u0001");
    const index = table.findService(namespace, name);
    const records: RegistryRecord[] = [...news.collected];
    for (const slot of news.slots) {
      if (table.isUsed(slot) && table.serviceOf(slot) === index) records.push(table.read(slot));
    }
    const digest = index < 0 ? EMPTY_DIGEST : table.digestOf(index);
    return cutToBytes(records).map((part) => ({
      type: "change",
      service: name,
      groups: groupByOrigin(part),
      digest,
    }));
  }

  #newsOf(service: ServiceName): ServiceNews {
    const known = this.#news.get(service);
    if (known !== undefined) return known;
    const news: ServiceNews = { slots: new Set(), collected: [] };
    this.#news.set(service, news);
    return news;
  }
}

const NO_SESSIONS: ReadonlySet<SessionKey> = new Set();
