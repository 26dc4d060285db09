/**
 * One node's copy of all records: what it has seen, what it lacks, what wins. Does not talk to
 * anyone and does not decide when to send: see peer-links.ts.
 *
 * Scuttlebutt reconciliation (van Renesse et al. 2008, sections 3 and 4): each origin's writes are
 * numbered from 1, so a copy is summed up by the highest version seen of every origin. A delta is
 * all records of an origin above a version, in ascending order; it may be cut anywhere and is then
 * still a prefix. A record that a later write of the same key replaced is simply absent.
 *
 * Departures from the paper: a key has one winner over all origins ({@link compareRecords}), so a
 * record that lost is not kept; tombstones are collected after a time, and what a collected
 * tombstone proved is kept as the origin's *watermark*: who stands below it is not patched but
 * given everything ("reset"), and drops what the giver has seen and no longer holds.
 */
import { assert } from "../assert.js";
import { type ContentDigest, isSameDigest } from "../hash.js";
import {
  FLOOR_COUNT_MAX,
  ORIGIN_COUNT_MAX,
  ORIGIN_TOTAL_COUNT_MAX,
  RECORD_COUNT_MAX,
  SERVICE_TOTAL_COUNT_MAX,
} from "../limits.js";
import type { DeltaGroup, DigestEntry, Hole, OriginVersion, RecordGroup } from "../messages.js";
import {
  compareOrigins,
  compareRecords,
  InstanceState,
  type Origin,
  type RecordKey,
  RecordKind,
  type RegistryRecord,
  RemovalReason,
  recordDigest,
  Scope,
} from "../record.js";
import {
  NO_SLOT,
  type OriginIndex,
  type RecordTable,
  type ServiceIndex,
  type Slot,
} from "../table/record-table.js";
import { after, type Instant, NEVER } from "../time.js";
import { ClosedPosition } from "./closed-position.js";
import { type Arrival, Quarantine } from "./quarantine.js";
import { describeStamp, keyOf, type RecordDraft, recordOf } from "./record-draft.js";
import { TombstoneQueue } from "./tombstone-queue.js";

export type { RecordDraft } from "./record-draft.js";

/** What the replica tells its owner about each change of the table, as it happens. */
export interface ReplicaListener {
  /** A record was written or replaced at a slot. `tag` is the lease that the slot had before. */
  recordChanged(slot: Slot, tag: number): void;
  /**
   * A record is gone without a tombstone of its own: a complete answer proved its removal. Its slot
   * is free already.
   */
  recordCollected(tombstone: RegistryRecord, slot: Slot): void;
  /**
   * Others have proof that a live record of this node's own is gone: it was taken over and removed
   * while this node was apart. True when it lives nevertheless and was written anew, above; false
   * lets it go.
   */
  refutes(slot: Slot): boolean;
  /** Others took this node for gone, and said goodbye for it in a generation that it lives in. */
  buried(generation: number): void;
}

export interface ReplicaOptions {
  readonly table: RecordTable;
  readonly nodeId: string;
  readonly generation: number;
  /** How long tombstones are kept after this node saw them. */
  readonly tombstoneTtlMs: number;
  readonly listener: ReplicaListener;
}

/** `applied`: taken or already known. `gap`: earlier versions are missing, ask for repair. */
export type ApplyOutcome = "applied" | "gap" | "refused";

export class Replica {
  readonly table: RecordTable;
  readonly nodeId: string;
  #generation: number;
  readonly #tombstoneTtlMs: number;
  readonly #listener: ReplicaListener;
  /** What of other origins could not be read here. */
  readonly quarantine = new Quarantine();
  /** Which records of other origins may stand for what was left out of one. */
  readonly closed = new ClosedPosition();
  readonly #tombstones = new TombstoneQueue();
  /** By origin index. Invariant: no record of the origin has a version above it. */
  readonly #seen: number[] = [];
  /** All indexes, in the order of their origins. */
  #sorted: OriginIndex[] = [];
  /** By origin index: tombstones up to here may be gone. Invariant: watermark ≤ seen. */
  readonly #watermarks: number[] = [];
  /** By origin index: the origin was collected and must not come back. */
  readonly #collected: boolean[] = [];
  /** By origin index: since when it has held nothing; NEVER while it holds something. */
  readonly #emptySince: Instant[] = [];
  /** Node id → highest generation whose origins are collected. */
  readonly #floors = new Map<string, number>();

  constructor(options: ReplicaOptions) {
    this.table = options.table;
    this.nodeId = options.nodeId;
    this.#generation = options.generation;
    this.#tombstoneTtlMs = options.tombstoneTtlMs;
    this.#listener = options.listener;
  }

  get generation(): number {
    return this.#generation;
  }

  /** This node's own stream of one scope. */
  ownOrigin(scope: Scope): Origin {
    return { nodeId: this.nodeId, generation: this.#generation, scope };
  }

  isOwn(origin: Origin): boolean {
    return origin.nodeId === this.nodeId && origin.generation === this.#generation;
  }

  /** Whether anything was ever seen of an origin: asking does not intern it. */
  isKnown(origin: Origin): boolean {
    return this.indexOf(origin) >= 0;
  }

  /** The index of an origin that anything was seen of; -1 for others. */
  indexOf(origin: Origin): OriginIndex {
    const index = this.table.findOrigin(origin);
    return index < this.#seen.length ? index : -1;
  }

  /** Above all indexes of origins that anything was seen of. */
  get originCount(): number {
    return this.#seen.length;
  }

  /** Highest version seen of an origin; 0 for one never heard of. */
  seenVersion(index: OriginIndex): number {
    return this.#seen[index] ?? 0;
  }

  /** Up to here everything of an origin was read. */
  readVersion(index: OriginIndex): number {
    const seen = this.seenVersion(index);
    return this.quarantine.holesOf(index)?.provenUpTo(seen) ?? seen;
  }

  /** Up to here this copy's lacking a record of an origin proves that it is gone. */
  provenVersion(index: OriginIndex): number {
    const read = this.readVersion(index);
    if (this.closed.isClosed || this.isOwn(this.table.origin(index))) return read;
    return this.closed.provenUpTo(index, read);
  }

  /** Takes what a giver says that may have replaced something, before what it came with. */
  nameReplacing({ origin, version }: OriginVersion, now: Instant): void {
    if (this.isOwn(origin) || this.isCollected(origin)) return;
    this.#nameReplacing(this.#track(origin), version, now);
  }

  /** Origin indexes that anything was seen or is held of and that are not collected. */
  origins(includesRegional: boolean): readonly OriginIndex[] {
    const indexes: OriginIndex[] = [];
    for (let index = 0; index < this.#seen.length; index += 1) {
      if (this.#isDigested(index, includesRegional)) indexes.push(index);
    }
    return indexes;
  }

  /** Writes a record as this node. Its stamp must beat the record of the key, if any (asserted). */
  write(draft: RecordDraft, now: Instant): Slot {
    const origin = this.ownOrigin(draft.scope);
    const index = this.#track(origin);
    const version = this.seenVersion(index) + 1;
    assert(Number.isSafeInteger(version), `version ${version} must be a safe integer`);
    const record = recordOf(draft, origin, version);
    const slot = this.table.find(record);
    if (slot !== NO_SLOT) {
      const held = this.table.read(slot);
      assert(
        compareRecords(record, held) > 0,
        `a write must win its key: ${describeStamp(record.stamp)} over ${describeStamp(held.stamp)}`,
      );
    }
    this.#seen[index] = version;
    return this.#store(record, slot, now);
  }

  /**
   * Takes a delta of one origin.
   *
   * Idempotent; deltas of different origins commute. A delta that does not attach to what is held
   * changes nothing (`gap`). What of it could not be read is passed over and noted (R17).
   */
  apply(group: DeltaGroup, now: Instant, giver = group.origin.nodeId): ApplyOutcome {
    if (this.isOwn(group.origin) || this.isCollected(group.origin)) return "refused";
    const index = this.#track(group.origin);
    if (this.seenVersion(index) < group.from) return "gap";
    this.openHoles(group, { giver, now });
    const holes = this.quarantine.holesOf(index);
    for (const record of group.records) {
      if (record.version > group.to) continue;
      if (record.version > this.seenVersion(index)) {
        this.#seen[index] = record.version;
        this.merge(record, now);
      } else if (holes?.has(record.version) === true) this.merge(record, now);
    }
    if (group.to > this.seenVersion(index)) this.#seen[index] = group.to;
    this.quarantine.close(index, group, giver);
    this.#settle();
    return "applied";
  }

  /** Notes what of a group above the versions seen could not be read. */
  openHoles({ origin, holes }: RecordGroup, arrival: Arrival): void {
    if (holes === undefined || this.isOwn(origin) || this.isCollected(origin)) return;
    const index = this.#track(origin);
    this.quarantine.open(index, { origin, holes, seen: this.seenVersion(index) }, arrival);
  }

  /** Whether everything seen of an origin was read. */
  isWhole(index: OriginIndex): boolean {
    return this.quarantine.holesOf(index) === undefined;
  }

  /** What of a stretch of an origin could not be read, to be said with its records. */
  holesIn(index: OriginIndex, from: number, to: number): Pick<DeltaGroup, "holes"> {
    const holes = this.quarantine.holesOf(index)?.within(from, to) ?? [];
    return holes.length === 0 ? {} : { holes };
  }

  /** Takes what a reset's end says of an origin: all of it has come, but for `holes`. */
  endReset(entry: DigestEntry, holes: readonly Hole[], arrival: Arrival): void {
    const { origin, version } = entry;
    if (this.isOwn(origin) || this.isCollected(origin)) return;
    const held = holes.map((hole) => ({ ...hole, upTo: Math.min(hole.upTo, version) }));
    this.openHoles({ origin, records: [], holes: held }, arrival);
    this.raiseSeen(entry);
    const whole = { from: 0, to: version, holes: held };
    this.quarantine.close(this.table.originIndex(origin), whole, arrival.giver);
    this.#settle();
  }

  /** Whether a version of an origin was seen and read; what was passed over was not. */
  hasRead(origin: Origin, version: number): boolean {
    const index = this.table.findOrigin(origin);
    if (index < 0 || version > this.seenVersion(index)) return false;
    return this.quarantine.holesOf(index)?.has(version) !== true;
  }

  /**
   * Takes one record on its own: part of a reset, or restored from disk. Returns its key's slot.
   *
   * Does not raise the version seen: only a delta or the end of a reset proves completeness.
   */
  merge(record: RegistryRecord, now: Instant): Slot {
    const slot = this.table.find(record);
    if (slot !== NO_SLOT && compareRecords(record, this.table.read(slot)) <= 0) {
      this.#noteReplaced(this.table.findOrigin(record.origin), slot, now);
      return slot;
    }
    // Whoever says something of this node itself, or more than there is room for, is not heard: a
    // later write of this node would lose its key, or find the table full.
    if (this.#isAboutSelf(record)) this.#hearOfSelf(record);
    if (this.#isAboutSelf(record) || (slot === NO_SLOT && !this.#hasRoomFor(record))) return slot;
    this.#track(record.origin);
    return this.#store(record, slot, now);
  }

  /** After {@link merge} from disk: all up to `entries` was. What was left out there is not known. */
  restored(entries: readonly DigestEntry[], now: Instant): void {
    for (const entry of entries) this.raiseSeen(entry);
    for (let index = 0; index < this.#seen.length; index += 1) {
      let version = this.seenVersion(index);
      for (const slot of this.table.slotsAfter(index, version)) version = this.table.version(slot);
      this.#nameReplacing(index, version, now);
    }
  }

  /** Puts a record in the place of a held one that is the same write and has another content. */
  replaceIfDifferent(record: RegistryRecord, now: Instant): void {
    const slot = this.table.find(record);
    if (slot === NO_SLOT) return;
    const held = this.table.read(slot);
    const isSameWrite =
      record.version === held.version && compareOrigins(record.origin, held.origin) === 0;
    if (!isSameWrite || isSameDigest(recordDigest(record), recordDigest(held))) return;
    this.table.remove(slot);
    this.#store(record, NO_SLOT, now);
  }

  /** Notes that everything of an origin up to a version was seen, and which tombstones may be gone. */
  raiseSeen(entry: Pick<DigestEntry, "origin" | "version" | "watermark">): void {
    if (this.isOwn(entry.origin) || this.isCollected(entry.origin)) return;
    const index = this.#track(entry.origin);
    if (entry.version > this.seenVersion(index)) this.#seen[index] = entry.version;
    const watermark = Math.min(entry.watermark, this.seenVersion(index));
    this.#raiseWatermark(index, watermark);
    this.#settle();
  }

  /**
   * Drops a record that a complete answer has seen and no longer holds (reason `collected`). One of
   * this node's own whose program is heard is written anew instead.
   */
  collect(slot: Slot): void {
    const record = this.table.read(slot);
    if (this.isOwn(record.origin) && this.#keepsOwn(record, slot)) return;
    const tombstone: RegistryRecord = {
      ...record,
      state: InstanceState.removed,
      reason: RemovalReason.collected,
      body: EMPTY_BODY,
    };
    this.table.remove(slot);
    if (record.state !== InstanceState.removed) this.#listener.recordCollected(tombstone, slot);
  }

  /** A tombstone that a reset brought from above what was seen counts once all below it was seen. */
  watermark(index: OriginIndex): number {
    return Math.min(this.#watermarks[index] ?? 0, this.seenVersion(index));
  }

  /**
   * What this copy holds, in an order that is equal on every machine. Of an origin that is held in
   * part it names what is proven: its lacking what comes after proves nothing.
   */
  digest(includesRegional: boolean): DigestEntry[] {
    const entries: DigestEntry[] = [];
    for (const index of this.#sortedOrigins()) {
      if (!this.#isDigested(index, includesRegional)) continue;
      const version = this.provenVersion(index);
      entries.push({
        origin: this.table.origin(index),
        version,
        watermark: Math.min(this.watermark(index), version),
        content: this.table.digestOfOrigin(index),
      });
    }
    return entries;
  }

  /**
   * What peers are told each round: what was seen, so that they do not send it again, with a mark
   * on what is held in part; of the origins in `asked`, what is proven, so that they do.
   */
  announcement(includesRegional: boolean, asked?: ReadonlySet<OriginIndex>): DigestEntry[] {
    const entries = this.digest(includesRegional);
    if (this.quarantine.count === 0 && this.closed.isClosed) return entries;
    return entries.map((entry) => {
      const index = this.table.findOrigin(entry.origin);
      const isWhole = this.isWhole(index);
      const version = asked?.has(index) ? this.readVersion(index) : this.seenVersion(index);
      const watermark = Math.min(this.watermark(index), version);
      return { ...entry, version, watermark, ...(isWhole ? {} : { isPartial: true }) };
    });
  }

  /** The version vector, as views are given it. */
  position(): OriginVersion[] {
    const entries: OriginVersion[] = [];
    for (const index of this.origins(true)) {
      entries.push({ origin: this.table.origin(index), version: this.provenVersion(index) });
    }
    return entries;
  }

  digestOf(service: ServiceIndex): ContentDigest {
    return this.table.digestOf(service);
  }

  find(key: RecordKey): Slot {
    return this.table.find(key);
  }

  /** Forgets tombstones that are old enough, raising watermarks. At most `countMax` at once. */
  collectTombstones(now: Instant, countMax: number): number {
    let count = 0;
    while (count < countMax) {
      const due = this.#tombstones.takeDue(now);
      if (due === undefined) break;
      count += 1;
      if (this.table.find(due.key) !== due.slot) continue;
      if (this.table.state(due.slot) !== InstanceState.removed) continue;
      const index = this.table.originOf(due.slot);
      if (index !== due.origin || this.table.version(due.slot) !== due.version) continue;
      this.#raiseWatermark(index, due.version);
      this.table.remove(due.slot);
    }
    return count;
  }

  nextTombstoneDeadline(): Instant {
    return this.#tombstones.nextDue();
  }

  /**
   * Forgets origins of past generations that hold nothing any more, so that digests do not grow
   * with every restart. What is forgotten leaves a floor, so that it cannot come back. Only after
   * a tombstone's time of emptiness, so that a copy that is still filling forgets nothing.
   *
   * @param currentGeneration - In which a node lives; above all others for one that is none any more.
   */
  collectOrigins(now: Instant, currentGeneration: (nodeId: string) => number): void {
    for (let index = 0; index < this.#seen.length; index += 1) {
      if (this.#collected[index] === true) continue;
      const origin = this.table.origin(index);
      if (origin.generation >= currentGeneration(origin.nodeId)) continue;
      if (this.seenVersion(index) === 0 || this.#hasOlderRecords(origin)) {
        this.#emptySince[index] = NEVER;
        continue;
      }
      if (this.#emptySince[index] === NEVER) this.#emptySince[index] = now;
      if (now < after(this.#emptySince[index] ?? NEVER, this.#tombstoneTtlMs)) continue;
      this.raiseFloor(origin.nodeId, origin.generation);
    }
  }

  get floors(): { nodeId: string; generation: number }[] {
    return [...this.#floors]
      .map(([nodeId, generation]) => ({ nodeId, generation }))
      .sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
  }

  floorOf(nodeId: string): number {
    return this.#floors.get(nodeId) ?? 0;
  }

  isCollected(origin: Origin): boolean {
    return origin.generation <= this.floorOf(origin.nodeId);
  }

  /** Takes over a peer's floor: drops the origins below it. */
  raiseFloor(nodeId: string, generation: number): void {
    if (generation <= this.floorOf(nodeId)) return;
    if (nodeId === this.nodeId && generation >= this.#generation) {
      this.#listener.buried(generation);
      return;
    }
    const below = this.#indexesOf(nodeId, generation);
    const isFull = !this.#floors.has(nodeId) && this.#floors.size >= FLOOR_COUNT_MAX;
    // Peers remember others: what is of no use here does not push out what is.
    if (isFull && below.length === 0) return;
    this.#floors.delete(nodeId);
    this.#floors.set(nodeId, generation);
    for (const index of below) {
      this.#collected[index] = true;
      this.quarantine.forget(index);
      this.closed.forget(index);
      for (const slot of [...this.table.slotsAfter(index, 0)]) this.collect(slot);
    }
    const [oldest] = this.#floors.keys();
    if (this.#floors.size > FLOOR_COUNT_MAX && oldest !== undefined) this.#dropFloor(oldest);
  }

  /** What comes of these origins from now on is new. */
  #dropFloor(nodeId: string): void {
    for (const index of this.#indexesOf(nodeId, this.floorOf(nodeId))) {
      this.#collected[index] = false;
      this.#seen[index] = 0;
      this.#watermarks[index] = 0;
      this.closed.forget(index);
      this.#emptySince[index] = NEVER;
    }
    this.#floors.delete(nodeId);
  }

  #indexesOf(nodeId: string, generationMax: number): OriginIndex[] {
    const found: OriginIndex[] = [];
    for (let index = 0; index < this.#seen.length; index += 1) {
      const origin = this.table.origin(index);
      if (origin.nodeId === nodeId && origin.generation <= generationMax) found.push(index);
    }
    return found;
  }

  /** Whether records of an origin that was never heard of could be taken in. */
  get hasRoomForOrigin(): boolean {
    if (this.table.originCount < ORIGIN_COUNT_MAX) return true;
    if (this.table.originCount >= ORIGIN_TOTAL_COUNT_MAX) return false;
    return this.origins(true).length < ORIGIN_COUNT_MAX;
  }

  /** Starts a new life of this node's streams: a peer knows a generation at least as high. */
  raiseGeneration(generation: number): void {
    assert(generation > this.#generation, `generation ${generation} must rise`);
    this.#generation = generation;
  }

  #isDigested(index: OriginIndex, includesRegional: boolean): boolean {
    const isHeld = this.seenVersion(index) > 0 || this.table.recordCountOfOrigin(index) > 0;
    if (this.#collected[index] === true || !isHeld) return false;
    return includesRegional || this.table.origin(index).scope !== Scope.region;
  }

  /** Sorted again when one has come; digests are made every second. */
  #sortedOrigins(): readonly OriginIndex[] {
    if (this.#sorted.length === this.#seen.length) return this.#sorted;
    this.#sorted = [...this.#seen.keys()];
    this.#sorted.sort((a, b) => compareOrigins(this.table.origin(a), this.table.origin(b)));
    return this.#sorted;
  }

  #store(record: RegistryRecord, slot: Slot, now: Instant): Slot {
    const tag = slot === NO_SLOT ? 0 : this.table.tag(slot);
    const before = slot === NO_SLOT ? NO_ORIGIN : this.table.originOf(slot);
    const stored = this.table.put(record);
    if (before !== NO_ORIGIN) this.#noteReplaced(before, stored, now);
    if (record.state === InstanceState.removed) {
      this.#tombstones.add({
        key: keyOf(record),
        slot: stored,
        origin: this.table.originOf(stored),
        version: record.version,
        due: after(now, this.#tombstoneTtlMs),
      });
    }
    this.#listener.recordChanged(stored, tag);
    return stored;
  }

  /** A record of an origin gave way to the one at a slot. */
  #noteReplaced(replaced: OriginIndex, slot: Slot, now: Instant): void {
    const index = this.table.originOf(slot);
    const version = this.table.version(slot);
    // Of one origin a later version stands in the same stream; but for what is ahead of it.
    if (index === replaced && version <= this.seenVersion(index)) return;
    this.#nameReplacing(index, version, now);
  }

  #nameReplacing(index: OriginIndex, version: number, now: Instant): void {
    this.closed.name(index, version, { read: this.readVersion(index), seen: this.#seen, now });
  }

  #settle(): void {
    if (!this.closed.isClosed) this.closed.settle((index) => this.readVersion(index));
  }

  /** Own tombstones live out their time: nobody else can know who still needs them. */
  #keepsOwn(record: RegistryRecord, slot: Slot): boolean {
    if (record.state === InstanceState.removed || this.#isAboutSelf(record)) return true;
    return this.#listener.refutes(slot);
  }

  #hearOfSelf({ kind, state, stamp }: RegistryRecord): void {
    const isGoodbye = kind === RecordKind.node && state === InstanceState.removed;
    if (isGoodbye && stamp.incarnation >= this.#generation)
      this.#listener.buried(stamp.incarnation);
  }

  #isAboutSelf(record: RegistryRecord): boolean {
    const isOfNode = record.kind === RecordKind.node || record.kind === RecordKind.canary;
    return isOfNode && record.id === this.nodeId;
  }

  #hasRoomFor({ namespace, service }: RegistryRecord): boolean {
    const { table } = this;
    if (table.liveCount + table.tombstoneCount >= RECORD_COUNT_MAX + MERGE_SLACK_COUNT)
      return false;
    if (table.findService(namespace, service) >= 0) return true;
    return table.serviceCount < SERVICE_TOTAL_COUNT_MAX + MERGE_SLACK_COUNT;
  }

  #raiseWatermark(index: OriginIndex, version: number): void {
    this.#watermarks[index] = Math.max(this.#watermarks[index] ?? 0, version);
  }

  #track(origin: Origin): OriginIndex {
    const index = this.table.originIndex(origin);
    while (this.#seen.length <= index) {
      this.#seen.push(0);
      this.#watermarks.push(0);
      this.#collected.push(false);
      this.#emptySince.push(NEVER);
    }
    return index;
  }

  #hasOlderRecords(origin: Origin): boolean {
    for (let index = 0; index < this.#seen.length; index += 1) {
      const other = this.table.origin(index);
      if (other.nodeId !== origin.nodeId || other.generation > origin.generation) continue;
      if (this.table.recordCountOfOrigin(index) > 0) return true;
    }
    return false;
  }
}

/** Room for peers beyond what own clients may fill, so that copies of a full cluster can be equal. */
const MERGE_SLACK_COUNT = 40_000;
const NO_ORIGIN: OriginIndex = -1;
const EMPTY_BODY = new Uint8Array(0);
