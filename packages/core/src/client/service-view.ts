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
 * Two positions are kept per origin. `seen` is what to tell a node on the next watch: it rises with
 * every delivery. `proven` rises only with a final snapshot part: every record up to it was
 * received or is gone, so a record at or below it that the view does not know was removed before,
 * and does not return although its tombstone has been forgotten (P5).
 *
 * Not done here: filters, picking, the decision when to ask again (see `client-watches.ts`).
 */
import { assert } from "../assert.js";
import type { ContentDigest } from "../hash.js";
import { type InstanceDescription, Liveness, type OverrideDescription } from "../instance.js";
import { ORIGIN_COUNT_MAX, VIEW_RECORD_COUNT_MAX, VIEW_TOMBSTONE_COUNT_MAX } from "../limits.js";
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
  type Stamp,
} from "../record.js";
import type { Instant } from "../time.js";
import { livenessOf, type MemberTable } from "./member-liveness.js";
import { replaceSorted } from "./sorted-instances.js";
import {
  type Entry,
  entryIndex,
  entryKey,
  isSameBytes,
  isSameShown,
  NO_BYTES,
  removalReasonOf,
  tombstoneOf,
  type ViewSlot,
  winnerOf,
} from "./view-slot.js";

/** Turns record bodies into descriptions; undefined for bytes that mean nothing to this version. */
export interface BodyDecoder {
  instance(body: Uint8Array): InstanceDescription | undefined;
  override(body: Uint8Array): OverrideDescription | undefined;
}

export type InstanceChange =
  | { readonly type: "added" | "updated"; readonly instance: ViewInstance }
  | { readonly type: "removed"; readonly instance: ViewInstance; readonly reason: RemovalReason };

/** A record that drains and has to be confirmed once nothing picks its instance any more (P7). */
export interface DrainingRecord {
  readonly id: string;
  readonly stamp: Stamp;
}

export interface ViewUpdate {
  readonly changes: readonly InstanceChange[];
  /** Winners among what was delivered that say `draining`. */
  readonly draining: readonly DrainingRecord[];
}

interface OriginProgress {
  readonly origin: Origin;
  seenVersion: number;
  provenVersion: number;
}

/** A full answer that is still coming in. */
interface SnapshotBuffer {
  readonly groups: RecordGroup[];
  recordCount: number;
  /** Keys that changed since the answer began: its lacking them proves nothing. */
  readonly touched: Set<string>;
}

/** Longer than nodes keep an instance whose owner is gone, with some to spare. */
export const UNPROVEN_TTL_MS = 1_200_000;

const NO_UPDATE: ViewUpdate = { changes: [], draining: [] };

export class ServiceView {
  readonly namespace: string;
  readonly service: string;
  readonly #decoder: BodyDecoder;
  readonly #slots = new Map<string, ViewSlot>();
  readonly #origins = new Map<string, OriginProgress>();
  /** Entry keys of tombstones, the oldest first. */
  readonly #tombstones = new Set<string>();
  /** Since when complete answers have lacked a live record, by entry key. */
  readonly #lackedSince = new Map<string, Instant>();
  /**
   * Live records of a region whose streams the answering node does not have, because it is of
   * another region: kept, since nothing proves them gone, until a node of their region answers,
   * and left out of what is compared with the node.
   */
  readonly #foreign = new Map<string, ContentDigest>();
  #instances: readonly ViewInstance[] = [];
  #members: MemberTable | undefined;
  #buffer: SnapshotBuffer | undefined;
  #isFilling = true;
  #digestHigh = 0;
  #digestLow = 0;
  #isComplete = false;
  #isRestored = false;
  #undecodableCount = 0;
  #refusedCount = 0;
  #liveCount = 0;

  constructor(namespace: string, service: string, decoder: BodyDecoder) {
    this.namespace = namespace;
    this.service = service;
    this.#decoder = decoder;
  }

  /** All instances that are shown, sorted by id; a new array after each change. */
  get instances(): readonly ViewInstance[] {
    return this.#instances;
  }

  /**
   * Sum of the digests of all live records held. What a watch is asked with: "unchanged" must not
   * hide a removal of what {@link #foreign} leaves out of the comparison.
   */
  get heldDigest(): ContentDigest {
    return { high: this.#digestHigh, low: this.#digestLow };
  }

  /**
   * Sum of the digests of the live records: equal to the node's when the view is current. Without
   * what the node cannot know, see {@link #foreign}.
   */
  get digest(): ContentDigest {
    let { high, low } = { high: this.#digestHigh, low: this.#digestLow };
    for (const digest of this.#foreign.values()) {
      high = (high - digest.high) >>> 0;
      low = (low - digest.low) >>> 0;
    }
    return { high, low };
  }

  /** All that is held of one id, tombstones included: what {@link instances} shows, and why. */
  recordsOf(id: string): readonly RegistryRecord[] {
    const entries = this.#slots.get(id)?.entries ?? [];
    return entries.flatMap((entry) => (entry === undefined ? [] : [entry.record]));
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
    return this.#undecodableCount;
  }

  /** Records that were not taken in because of {@link VIEW_RECORD_COUNT_MAX}. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  get tombstoneCount(): number {
    return this.#tombstones.size;
  }

  /** What was seen of each origin, for the next watch. Sorted, so that equal views say the same. */
  get position(): readonly OriginVersion[] {
    const keys = [...this.#origins.keys()].sort();
    return keys.flatMap((key) => {
      const progress = this.#origins.get(key);
      if (progress === undefined || progress.seenVersion === 0) return [];
      return [{ origin: progress.origin, version: progress.seenVersion }];
    });
  }

  /** A watch was sent on a new session: changes before its final answer prove no completeness. */
  beginWatch(): void {
    this.#buffer = undefined;
    this.#isFilling = true;
  }

  /** Forgets what was proven, so that a full answer may bring back what was lost by a fault. */
  forgetPosition(): void {
    this.#origins.clear();
    for (const [, slot] of this.#slots) {
      for (const entry of slot.entries) {
        if (entry !== undefined) this.#progressOf(entry.record.origin);
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
      this.#complete(message.position);
      return NO_UPDATE;
    }
    if (message.kind === "delta") {
      const update = this.#applyGroups(message.groups);
      if (message.isFinal) this.#complete(message.position);
      return update;
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
  save(): SnapshotMessage {
    const groups = new Map<string, { origin: Origin; records: RegistryRecord[] }>();
    for (const slot of this.#slots.values()) {
      for (const entry of slot.entries) {
        if (entry === undefined) continue;
        const key = originText(entry.record.origin);
        const group = groups.get(key) ?? { origin: entry.record.origin, records: [] };
        group.records.push(entry.record);
        groups.set(key, group);
      }
    }
    for (const group of groups.values()) group.records.sort((a, b) => a.version - b.version);
    return {
      type: "snapshot",
      requestId: 0,
      service: this.service,
      kind: "full",
      isFinal: true,
      groups: [...groups.values()],
      position: this.position,
      digest: this.digest,
    };
  }

  /** Takes in what {@link save} gave, in an earlier process. Only for an empty view. */
  restore(saved: SnapshotMessage): ViewUpdate {
    assert(this.#slots.size === 0, `view of ${this.service} must be empty to be restored`);
    const update = this.#applyGroups(saved.groups);
    this.#complete(saved.position);
    this.#isRestored = true;
    this.#isFilling = true;
    return update;
  }

  /** All records that drain now, to be confirmed on a new session. */
  drainingRecords(): readonly DrainingRecord[] {
    const found: DrainingRecord[] = [];
    for (const [id, slot] of this.#slots) {
      for (const entry of slot.entries) {
        if (entry?.record.state === InstanceState.draining) {
          found.push({ id, stamp: entry.record.stamp });
        }
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
      for (const record of group.records) answered.add(entryKey(record));
    }
    const covered = new Map(position.map((entry) => [originText(entry.origin), entry.version]));
    const touched = new Set<string>();
    for (const [id, slot] of this.#slots) {
      for (const entry of slot.entries) {
        if (entry === undefined || entry.digest === undefined) continue;
        const { record } = entry;
        const key = entryKey(record);
        if (answered.has(key)) {
          this.#lackedSince.delete(key);
          continue;
        }
        const isProven = record.version <= (covered.get(originText(record.origin)) ?? 0);
        if (!isProven && !this.#isOutlived(record, now)) continue;
        const reason = isProven ? RemovalReason.collected : RemovalReason.orphaned;
        this.#put(slot, tombstoneOf(record, reason));
        touched.add(id);
      }
    }
    const update = this.#applyGroups(buffer.groups, touched);
    if (buffer.recordCount <= VIEW_RECORD_COUNT_MAX) this.#complete(position);
    return update;
  }

  /** True when no node has known the record for long, and its owner is not there to say so. */
  #isOutlived(record: RegistryRecord, now: Instant | undefined): boolean {
    const isOwnerGone =
      livenessOf({ ...record, isSuspect: false }, this.#members) === Liveness.orphaned;
    if (now === undefined || !isOwnerGone) return false;
    const key = entryKey(record);
    const since = this.#lackedSince.get(key) ?? now;
    this.#lackedSince.set(key, since);
    return now - since >= UNPROVEN_TTL_MS;
  }

  #complete(position: readonly OriginVersion[]): void {
    for (const { origin, version } of position) {
      const progress = this.#progressOf(origin);
      progress.seenVersion = Math.max(progress.seenVersion, version);
      progress.provenVersion = Math.max(progress.provenVersion, version);
    }
    this.#findForeign(position);
    this.#forgetOrigins(position);
    this.#buffer = undefined;
    this.#isFilling = false;
    this.#isComplete = true;
    this.#isRestored = false;
  }

  #findForeign(position: readonly OriginVersion[]): void {
    this.#foreign.clear();
    const named = new Set(position.map((entry) => originText(entry.origin)));
    for (const slot of this.#slots.values()) {
      for (const entry of slot.entries) {
        if (entry?.digest === undefined || entry.record.scope !== Scope.region) continue;
        if (named.has(originText(entry.record.origin))) continue;
        this.#foreign.set(entryKey(entry.record), entry.digest);
      }
    }
  }

  #applyGroups(groups: readonly RecordGroup[], touched = new Set<string>()): ViewUpdate {
    const draining: DrainingRecord[] = [];
    for (const group of groups) {
      for (const record of group.records) {
        if (record.kind !== RecordKind.instance && record.kind !== RecordKind.override) continue;
        this.#buffer?.touched.add(entryKey(record));
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
    const slot = this.#slots.get(record.id);
    const held = slot?.entries[entryIndex(record)];
    const order = held === undefined ? 1 : compareRecords(record, held.record);
    if (order === 0) this.#foreign.delete(entryKey(record));
    if (order <= 0) return false;
    const progress = this.#progressOf(record.origin);
    if (held === undefined && record.version <= progress.provenVersion) return false;
    if (held === undefined && this.#liveCount >= VIEW_RECORD_COUNT_MAX) {
      this.#refusedCount += 1;
      return false;
    }
    // The body is a view of a whole frame: copied, so that the frame can be freed.
    const body = record.state === InstanceState.removed ? NO_BYTES : record.body.slice();
    this.#put(slot ?? this.#newSlot(record.id), { ...record, origin: progress.origin, body });
    return true;
  }

  #isWinner(record: RegistryRecord): boolean {
    const held = this.#slots.get(record.id)?.entries[entryIndex(record)];
    return held !== undefined && compareRecords(record, held.record) === 0;
  }

  #put(slot: ViewSlot, record: RegistryRecord): void {
    const index = entryIndex(record);
    const held = slot.entries[index];
    if (held !== undefined) this.#count(held, -1);
    const entry = this.#entryOf(record, held);
    slot.entries[index] = entry;
    this.#count(entry, 1);
    const key = entryKey(record);
    this.#foreign.delete(key);
    this.#tombstones.delete(key);
    this.#lackedSince.delete(key);
    if (entry.digest === undefined) {
      this.#tombstones.add(key);
      this.#forgetTombstones();
    }
  }

  #entryOf(record: RegistryRecord, held: Entry | undefined): Entry {
    if (record.state === InstanceState.removed) {
      return { record, digest: undefined, description: undefined, override: undefined };
    }
    const digest = recordDigest(record);
    if (record.kind === RecordKind.override) {
      const override = this.#decoder.override(record.body);
      return { record, digest, description: undefined, override };
    }
    const isSameBody =
      held?.description !== undefined && isSameBytes(held.record.body, record.body);
    const description = isSameBody ? held?.description : this.#decoder.instance(record.body);
    return { record, digest, description, override: undefined };
  }

  /** Adds an entry to the sums, or takes it out. */
  #count(entry: Entry, sign: 1 | -1): void {
    if (entry.digest === undefined) return;
    this.#digestHigh = (this.#digestHigh + sign * entry.digest.high) >>> 0;
    this.#digestLow = (this.#digestLow + sign * entry.digest.low) >>> 0;
    this.#liveCount += sign;
    const isInstance = entry.record.kind === RecordKind.instance;
    if (isInstance && entry.description === undefined) this.#undecodableCount += sign;
  }

  /** Recomputes what is shown of some ids. */
  #show(ids: ReadonlySet<string>): readonly InstanceChange[] {
    const changes: InstanceChange[] = [];
    for (const id of [...ids].sort()) {
      const slot = this.#slots.get(id);
      if (slot === undefined) continue;
      const before = slot.shown;
      const now = this.#shownOf(slot, before);
      slot.shown = now;
      if (now === before) continue;
      if (now !== undefined) {
        changes.push({ type: before === undefined ? "added" : "updated", instance: now });
      } else if (before !== undefined) {
        changes.push({ type: "removed", instance: before, reason: removalReasonOf(slot) });
      }
    }
    if (changes.length > 0) this.#instances = replaceSorted(this.#instances, changes);
    return changes;
  }

  #shownOf(slot: ViewSlot, before: ViewInstance | undefined): ViewInstance | undefined {
    const entry = winnerOf(slot, RecordKind.instance);
    if (entry?.description === undefined) return undefined;
    const { record, description } = entry;
    const override = winnerOf(slot, RecordKind.override);
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
      load: before?.load ?? { activeCount: 0 },
    };
    return before !== undefined && isSameShown(before, next) ? before : next;
  }

  #newSlot(id: string): ViewSlot {
    const slot: ViewSlot = {
      entries: [undefined, undefined, undefined, undefined],
      shown: undefined,
    };
    this.#slots.set(id, slot);
    return slot;
  }

  #progressOf(origin: Origin): OriginProgress {
    const key = originText(origin);
    const held = this.#origins.get(key);
    if (held !== undefined) return held;
    const progress = { origin, seenVersion: 0, provenVersion: 0 };
    this.#origins.set(key, progress);
    return progress;
  }

  /** Beyond the bound, origins that the last answer did not name go. */
  #forgetOrigins(position: readonly OriginVersion[]): void {
    if (this.#origins.size <= ORIGIN_COUNT_MAX) return;
    const named = new Set(position.map((entry) => originText(entry.origin)));
    for (const key of this.#origins.keys()) {
      if (!named.has(key)) this.#origins.delete(key);
    }
  }

  #forgetTombstones(): void {
    for (const key of this.#tombstones) {
      if (this.#tombstones.size <= VIEW_TOMBSTONE_COUNT_MAX) return;
      this.#tombstones.delete(key);
      const index = Number(key[0]);
      const slot = this.#slots.get(key.slice(1));
      assert(slot !== undefined, "a tombstone has a slot");
      slot.entries[index] = undefined;
      if (slot.entries.every((entry) => entry === undefined)) this.#slots.delete(key.slice(1));
    }
  }
}
