/**
 * A client's live copy of one service: what it received, merged so that it never goes back.
 *
 * Per key the winner by {@link compareRecords} is kept, tombstones included, so deliveries may come
 * late, twice or from several nodes in any order and the result is the same. The view shrinks only
 * by a tombstone, or by the proof that a node which has seen a record (its position covers the
 * record's version) no longer holds it in a complete answer (P4). One case has no proof: every node
 * that saw the record lost its state, and its program never came back. Such a record goes when its
 * owner is gone and complete answers have lacked it for {@link UNPROVEN_TTL_MS}.
 *
 * What is held, and counted: `view-table.ts`. What was seen and proven of each origin:
 * `view-origins.ts`. Each region's own records are kept apart, and those of the region that the
 * client is connected in are shown: `region-places.ts`.
 * Not done here: filters, picking, the decision when to ask again (see `client-watches.ts`).
 */
import { assert } from "../assert.js";
import { InstanceLoad } from "../call/instance-load.js";
import { type ContentDigest, EMPTY_DIGEST } from "../hash.js";
import { Liveness } from "../instance.js";
import { VIEW_RECORD_COUNT_MAX } from "../limits.js";
import type { ChangeMessage, OriginVersion, RecordGroup, SnapshotMessage } from "../messages.js";
import type { ViewInstance } from "../pick/picker.js";
import {
  compareRecords,
  InstanceState,
  type Origin,
  originText,
  RecordKind,
  type RegistryRecord,
  RemovalReason,
  recordDigest,
  Scope,
} from "../record.js";
import type { Instant } from "../time.js";
import { sumOf } from "./digest-sum.js";
import { livenessOf, type MemberTable } from "./member-liveness.js";
import { GLOBAL_PLACE, RegionPlaces } from "./region-places.js";
import { groupsOf, type SavedView } from "./saved-view.js";
import type { SnapshotBuffer } from "./snapshot-buffer.js";
import { replaceSorted } from "./sorted-instances.js";
import { isUnsayable, type LostStamp, lostStamps } from "./view-ahead.js";
import { type OriginProgress, ViewOrigins } from "./view-origins.js";
import {
  type Entry,
  entriesIn,
  entryIndex,
  entryKey,
  isSameShown,
  NO_BYTES,
  placeOf,
  readEntryKey,
  removalReasonOf,
  tombstoneOf,
  type ViewSlot,
  winnerOf,
} from "./view-slot.js";
import { ViewTable } from "./view-table.js";
import type {
  BodyDecoder,
  DrainingRecord,
  InstanceChange,
  LeaveReason,
  ViewUpdate,
} from "./view-update.js";

export type * from "./view-update.js";

/** Longer than nodes keep an instance whose owner is gone, with some to spare. */
export const UNPROVEN_TTL_MS = 1_200_000;

const NO_UPDATE: ViewUpdate = { changes: [], draining: [] };

export class ServiceView {
  readonly namespace: string;
  readonly service: string;
  readonly #table: ViewTable;
  readonly #origins = new ViewOrigins();
  /** Since when complete answers have lacked a live record, by entry key. */
  readonly #lackedSince = new Map<string, Instant>();
  readonly #places = new RegionPlaces();
  /**
   * Live records of the region's own of which the answering node has not even the streams: it has
   * restarted. Kept, since nothing proves them gone, and left out of what is compared with it.
   */
  readonly #foreign = new Map<string, ContentDigest>();
  /** What this view knows better than the node, which lost it: the difference in the sums. */
  readonly #ahead = new Map<string, ContentDigest>();
  #instances: readonly ViewInstance[] = [];
  #members: MemberTable | undefined;
  #buffer: SnapshotBuffer | undefined;
  #isFilling = true;
  #isComplete = false;
  #isRestored = false;
  #refusedCount = 0;

  constructor(namespace: string, service: string, decoder: BodyDecoder) {
    this.namespace = namespace;
    this.service = service;
    this.#table = new ViewTable(decoder, (key) => {
      this.#foreign.delete(key);
      this.#ahead.delete(key);
      this.#lackedSince.delete(key);
    });
  }

  /** All instances that are shown, sorted by id; a new array after each change. */
  get instances(): readonly ViewInstance[] {
    return this.#instances;
  }

  /**
   * Sum of the digests of all live records that are shown. What a watch is asked with: "unchanged"
   * must not hide a removal of what {@link #foreign} leaves out of the comparison.
   */
  get heldDigest(): ContentDigest {
    return sumOf(this.#table.sumOf(GLOBAL_PLACE), this.#table.sumOf(this.#places.shown), 1);
  }

  /**
   * Sum of the digests of the live records: equal to the node's when the view is current. Without
   * what the node cannot know, see {@link #foreign}.
   */
  get digest(): ContentDigest {
    let digest = this.heldDigest;
    for (const foreign of this.#foreign.values()) digest = sumOf(digest, foreign, -1);
    for (const difference of this.#ahead.values()) digest = sumOf(digest, difference, 1);
    return digest;
  }

  /** All that counts of one id, tombstones included: what {@link instances} shows, and why. */
  recordsOf(id: string): readonly RegistryRecord[] {
    const slot = this.#table.get(id);
    if (slot === undefined) return [];
    return entriesIn(slot, this.#places.shown).map(({ entry }) => entry.record);
  }

  /** The region whose own records are shown; empty until a node has answered completely. */
  get region(): string {
    return this.#places.shownRegion;
  }

  /** True once a complete answer (or a saved one) was taken in. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** True from {@link restore} until a node's complete answer. */
  get isRestored(): boolean {
    return this.#isRestored;
  }

  /** Live records whose body this version cannot read: kept, not shown. */
  get undecodableCount(): number {
    return this.#table.undecodableCount;
  }

  /** Records that were not taken in because of {@link VIEW_RECORD_COUNT_MAX}. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** What the node and all others have lost, to be told to it. */
  get lostStamps(): readonly LostStamp[] {
    if (this.#ahead.size === 0) return [];
    return lostStamps(this.#ahead.keys(), this.#table, this.#members);
  }

  get tombstoneCount(): number {
    return this.#table.tombstoneCount;
  }

  /** What was seen of each origin, for the next watch. Sorted, so that equal views say the same. */
  get position(): readonly OriginVersion[] {
    return this.#origins.position(() => true);
  }

  /** A session in a region begins: from here on its own records are taken in. */
  enterRegion(region: string): void {
    const former = this.#places.entered;
    const forgotten = this.#places.enter(region);
    if (this.#places.entered !== former) this.#ahead.clear();
    if (forgotten === undefined) return;
    this.#table.forgetPlace(forgotten);
    this.#origins.forget(forgotten);
  }

  /** A watch was sent on a new session: changes before its final answer prove no completeness. */
  beginWatch(): void {
    this.#buffer = undefined;
    this.#isFilling = true;
  }

  /** Forgets what was proven, so that a full answer may bring back what was lost by a fault. */
  forgetPosition(): void {
    for (const place of [GLOBAL_PLACE, this.#places.entered]) this.#origins.forget(place);
    for (const [, slot] of this.#table.slots()) {
      for (const { entry } of entriesIn(slot, this.#places.entered)) {
        this.#progressOf(entry.record.origin);
      }
    }
  }

  /**
   * Takes in one part of an answer to a watch.
   *
   * @param now - For the ttl of what no node knows any more; undefined keeps it for ever.
   */
  applySnapshot(message: SnapshotMessage, now?: Instant): ViewUpdate {
    this.#isFilling = true;
    if (message.kind === "unchanged") {
      return { changes: this.#complete(message.position), draining: [] };
    }
    if (message.kind === "delta") {
      const update = this.#applyGroups(message.groups);
      return message.isFinal ? this.#completed(update, message.position) : update;
    }
    this.#buffer ??= { groups: [], recordCount: 0, touched: new Set() };
    for (const group of message.groups) {
      this.#buffer.recordCount += group.records.length;
      if (this.#buffer.recordCount > VIEW_RECORD_COUNT_MAX) {
        this.#refusedCount += group.records.length;
      } else {
        this.#buffer.groups.push(group);
      }
    }
    return message.isFinal ? this.#applyFull(this.#buffer, message.position, now) : NO_UPDATE;
  }

  /** Takes in changes, also while a full answer is coming in. */
  applyChange(message: ChangeMessage): ViewUpdate {
    const update = this.#applyGroups(message.groups);
    for (const { origin, records } of message.groups) {
      for (const record of records) this.#noteBehind(record);
      const last = records.at(-1);
      if (last !== undefined && !this.#isFilling) {
        const progress = this.#progressOf(origin);
        progress.seenVersion = Math.max(progress.seenVersion, last.version);
      }
    }
    return update;
  }

  /** Takes the nodes' state: whose instances are orphaned or unreachable. */
  setMembers(members: MemberTable): readonly InstanceChange[] {
    this.#members = members;
    return this.#show(new Set(this.#instances.map((instance) => instance.id)));
  }

  /** Everything held, as the full answer that {@link restore} takes; for saving. */
  save(): SavedView {
    const records = Array.from(this.#table.slots(), ([, slot]) =>
      entriesIn(slot, this.#places.shown).map(({ entry }) => entry.record),
    ).flat();
    return {
      region: this.region,
      type: "snapshot",
      requestId: 0,
      service: this.service,
      kind: "full",
      isFinal: true,
      groups: groupsOf(records),
      position: this.#origins.position((place) => place === this.#places.shown),
      digest: this.digest,
    };
  }

  /**
   * Takes in what {@link save} gave, in an earlier process. Only for an empty view. What names no
   * region is taken for that of the session, if there is one.
   */
  restore(saved: SavedView): ViewUpdate {
    assert(this.#table.isEmpty, `view of ${this.service} must be empty to be restored`);
    const entered = this.#places.enteredRegion;
    this.enterRegion(saved.region);
    const update = this.#applyGroups(saved.groups);
    this.#origins.prove(saved.position, (origin) => this.#placeOf(origin));
    this.#places.arrive();
    this.enterRegion(entered);
    this.#isComplete = true;
    this.#isRestored = true;
    return update;
  }

  /** All records that drain now, to be confirmed on a new session. */
  drainingRecords(): readonly DrainingRecord[] {
    const found: DrainingRecord[] = [];
    for (const [id, slot] of this.#table.slots()) {
      for (const { entry } of entriesIn(slot, this.#places.entered)) {
        if (entry.record.state !== InstanceState.draining) continue;
        found.push({ id, stamp: entry.record.stamp });
      }
    }
    return found;
  }

  #applyFull(
    buffer: SnapshotBuffer,
    position: readonly OriginVersion[],
    now: Instant | undefined,
  ): ViewUpdate {
    this.#buffer = undefined;
    const answered = new Set(buffer.touched);
    for (const group of buffer.groups) {
      for (const record of group.records) answered.add(this.#keyOf(record));
    }
    const covered = new Map(position.map((entry) => [originText(entry.origin), entry.version]));
    const touched = new Set<string>();
    for (const [id, slot] of this.#table.slots()) {
      for (const { entry, index } of entriesIn(slot, this.#places.entered)) {
        if (entry.digest === undefined) continue;
        const { record } = entry;
        const key = entryKey(index, id);
        if (answered.has(key)) {
          this.#lackedSince.delete(key);
          continue;
        }
        const isProven = record.version <= (covered.get(originText(record.origin)) ?? 0);
        if (!isProven && !this.#isOutlived(key, record, now)) continue;
        const reason = isProven ? RemovalReason.collected : RemovalReason.orphaned;
        this.#put(tombstoneOf(record, reason));
        touched.add(id);
      }
    }
    const update = this.#applyGroups(buffer.groups, touched);
    this.#findAhead(buffer);
    if (buffer.recordCount > VIEW_RECORD_COUNT_MAX) return update;
    return this.#completed(update, position);
  }

  /** True when no node has known the record for long, and its owner is not there to say so. */
  #isOutlived(key: string, record: RegistryRecord, now: Instant | undefined): boolean {
    const isOwnerGone =
      livenessOf({ ...record, isSuspect: false }, this.#members) === Liveness.orphaned;
    if (now === undefined || !isOwnerGone) return false;
    const since = this.#lackedSince.get(key) ?? now;
    this.#lackedSince.set(key, since);
    return now - since >= UNPROVEN_TTL_MS;
  }

  #completed(update: ViewUpdate, position: readonly OriginVersion[]): ViewUpdate {
    return { ...update, changes: [...update.changes, ...this.#complete(position)] };
  }

  /** The answer is complete: its region's own records are shown from now on. */
  #complete(position: readonly OriginVersion[]): readonly InstanceChange[] {
    this.#origins.prove(position, (origin) => this.#placeOf(origin));
    const former = this.#places.shown;
    const changes = this.#places.arrive() ? this.#showRegion(former) : [];
    this.#findForeign(position);
    if (this.#isRestored || !this.#isComplete) changes.push(...this.#dropStrays());
    this.#buffer = undefined;
    this.#isFilling = false;
    this.#isComplete = true;
    this.#isRestored = false;
    return changes;
  }

  /** Shows the region's own records instead of the former one's. */
  #showRegion(former: number): InstanceChange[] {
    const touched = new Set<string>();
    for (const [id, slot] of this.#table.slots()) {
      const isTouched = [former, this.#places.shown].some((place) => {
        return entriesIn(slot, place).some(({ index }) => placeOf(index) === place);
      });
      if (isTouched) touched.add(id);
    }
    return this.#show(touched, "elsewhere");
  }

  /** A saved view may name no region: what nodes of other regions wrote is not of this one. */
  #dropStrays(): InstanceChange[] {
    const dropped = new Set<string>();
    for (const key of this.#foreign.keys()) {
      const { index, id } = readEntryKey(key);
      const owner = this.#table.get(id)?.entries[index]?.record.origin.nodeId ?? "";
      const region = this.#members?.get(owner)?.region ?? this.region;
      if (region === this.region) continue;
      this.#table.clear(key);
      dropped.add(id);
    }
    const changes = this.#show(dropped, "elsewhere");
    for (const id of dropped) this.#table.forgetEmpty(id);
    return changes;
  }

  #placeOf(record: Pick<RegistryRecord, "scope">): number {
    return record.scope === Scope.global ? GLOBAL_PLACE : this.#places.entered;
  }

  #keyOf(record: RegistryRecord): string {
    return entryKey(entryIndex(record.kind, this.#placeOf(record)), record.id);
  }

  #findForeign(position: readonly OriginVersion[]): void {
    this.#foreign.clear();
    const named = new Set(position.map((entry) => originText(entry.origin)));
    for (const [id, slot] of this.#table.slots()) {
      for (const { entry, index } of entriesIn(slot, this.#places.shown)) {
        if (entry.digest === undefined || entry.record.scope !== Scope.region) continue;
        if (named.has(originText(entry.record.origin))) continue;
        this.#foreign.set(entryKey(index, id), entry.digest);
      }
    }
  }

  #applyGroups(groups: readonly RecordGroup[], touched = new Set<string>()): ViewUpdate {
    const draining: DrainingRecord[] = [];
    for (const group of groups) {
      for (const record of group.records) {
        if (record.kind === RecordKind.node || record.kind === RecordKind.canary) continue;
        this.#buffer?.touched.add(this.#keyOf(record));
        if (this.#applyRecord(record)) touched.add(record.id);
        const isDraining = record.state === InstanceState.draining;
        if (isDraining && this.#isWinner(record)) {
          draining.push({ id: record.id, stamp: record.stamp });
        }
      }
    }
    return { changes: this.#show(touched), draining };
  }

  /** Keeps the record if it wins its key. */
  #applyRecord(record: RegistryRecord): boolean {
    const held = this.#heldFor(record);
    const order = held === undefined ? 1 : compareRecords(record, held.record);
    if (order === 0) {
      this.#foreign.delete(this.#keyOf(record));
      this.#ahead.delete(this.#keyOf(record));
    }
    if (order <= 0) {
      // The node says that it is gone there too.
      if (record.state === InstanceState.removed) this.#ahead.delete(this.#keyOf(record));
      return false;
    }
    const progress = this.#progressOf(record.origin);
    if (held === undefined && record.version <= progress.provenVersion) return false;
    if (held === undefined && this.#table.liveCount >= VIEW_RECORD_COUNT_MAX) {
      this.#refusedCount += 1;
      return false;
    }
    // The body is a view of a whole frame: copied, so that the frame can be freed.
    const body = record.state === InstanceState.removed ? NO_BYTES : record.body.slice();
    this.#put({ ...record, origin: progress.origin, body });
    return true;
  }

  /** Where a complete answer holds what this view saw replaced or removed, by whoever lost that. */
  #findAhead({ groups, touched }: SnapshotBuffer): void {
    for (const key of [...this.#ahead.keys()]) if (!touched.has(key)) this.#ahead.delete(key);
    // What has changed since the answer began is the node's later word.
    for (const record of groups.flatMap((group) => group.records)) {
      const key = this.#keyOf(record);
      if (record.state === InstanceState.removed || touched.has(key)) continue;
      this.#setAhead(key, record, () => true);
    }
  }

  /** A change says less than is seen here. Where an owner is left to say that, it is on its way. */
  #noteBehind(record: RegistryRecord): void {
    if (record.state === InstanceState.removed || record.kind !== RecordKind.instance) return;
    const key = this.#keyOf(record);
    const isKnown = this.#ahead.has(key);
    this.#setAhead(key, record, (held) => isKnown || isUnsayable(held, this.#members));
  }

  /** Notes by how much the node's record of a key differs from a later one that is seen here. */
  #setAhead(key: string, record: RegistryRecord, isMeant: (held: Entry) => boolean): void {
    const held = this.#heldFor(record);
    if (held === undefined || compareRecords(held.record, record) <= 0 || !isMeant(held)) return;
    this.#ahead.set(key, sumOf(recordDigest(record), held.digest ?? EMPTY_DIGEST, -1));
  }

  #isWinner(record: RegistryRecord): boolean {
    const held = this.#heldFor(record);
    return held !== undefined && compareRecords(record, held.record) === 0;
  }

  /** What is held under the key of a record. */
  #heldFor(record: RegistryRecord): Entry | undefined {
    return this.#table.get(record.id)?.entries[entryIndex(record.kind, this.#placeOf(record))];
  }

  #put(record: RegistryRecord): void {
    this.#table.put(record, this.#placeOf(record));
  }

  /** Recomputes what is shown of some ids. */
  #show(ids: ReadonlySet<string>, reason?: LeaveReason): InstanceChange[] {
    const changes: InstanceChange[] = [];
    for (const id of [...ids].sort()) {
      const slot = this.#table.get(id);
      if (slot === undefined) continue;
      const before = slot.shown;
      const now = this.#shownOf(slot, before);
      slot.shown = now;
      if (now === before) continue;
      if (now !== undefined) {
        changes.push({ type: before === undefined ? "added" : "updated", instance: now });
      } else if (before !== undefined) {
        const why = reason ?? removalReasonOf(slot, this.#places.shown);
        changes.push({ type: "removed", instance: before, reason: why });
      }
    }
    if (changes.length > 0) this.#instances = replaceSorted(this.#instances, changes);
    return changes;
  }

  #shownOf(slot: ViewSlot, before: ViewInstance | undefined): ViewInstance | undefined {
    const entry = winnerOf(slot, RecordKind.instance, this.#places.shown);
    if (entry?.description === undefined) return undefined;
    const { record, description } = entry;
    const override = winnerOf(slot, RecordKind.override, this.#places.shown);
    const isOverridden = override !== undefined && override.record.state !== InstanceState.up;
    const next: ViewInstance = {
      namespace: this.namespace,
      service: this.service,
      id: record.id,
      stamp: record.stamp,
      since: record.since,
      state: isOverridden ? override.record.state : record.state,
      liveness: livenessOf(record, this.#members),
      weight: override?.override?.weight ?? description.weight,
      description,
      ownerNodeId: record.origin.nodeId,
      load: before?.load ?? new InstanceLoad(),
    };
    return before !== undefined && isSameShown(before, next) ? before : next;
  }

  #progressOf(origin: Origin): OriginProgress {
    return this.#origins.of(origin, this.#placeOf(origin));
  }
}
