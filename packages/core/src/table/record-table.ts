/**
 * The table of records: one slot per key.
 *
 * Behind this interface, because the garbage collector is the enemy: an object per instance costs
 * several hundred bytes and seconds of pause at a million, columns a fraction. A plain Map-based
 * table is the model that the column table is property-tested against.
 *
 * A slot is a small integer that names a key for as long as the key has a record; replacing the
 * record keeps the slot. Per origin, records form a list in ascending version order, because each
 * write is the newest of its origin (a rewritten record moves to the end).
 */
import type { ContentDigest } from "../hash.js";
import type { Origin, RecordKey, RecordKind, RegistryRecord, Stamp } from "../record.js";

/** Names a key's place in one table. */
export type Slot = number;
/** Names an origin in one table: dense, from 0, never reused. */
export type OriginIndex = number;
/** Names a (namespace, service) pair in one table for as long as it has records. */
export type ServiceIndex = number;

export const NO_SLOT: Slot = -1;

export interface RecordTable {
  /** Live records: all that are not tombstones. */
  readonly liveCount: number;
  readonly tombstoneCount: number;
  /** Bytes this table holds: columns, index and arena, used or reserved. */
  readonly byteCount: number;

  /** The index of an origin, interned on first use. */
  originIndex(origin: Origin): OriginIndex;
  /** The index of an origin, or -1 when it was never used: asking does not create it. */
  findOrigin(origin: Origin): OriginIndex;
  origin(index: OriginIndex): Origin;
  readonly originCount: number;
  /** The index of a service, or -1 when it has no records. */
  findService(namespace: string, service: string): ServiceIndex;
  serviceName(index: ServiceIndex): { readonly namespace: string; readonly service: string };
  /** Services that have records, tombstones included. */
  readonly serviceCount: number;
  serviceCountOf(namespace: string): number;
  /** Services of a namespace that have records, in no stated order. */
  servicesOf(namespace: string): Iterable<ServiceIndex>;

  find(key: RecordKey): Slot;
  /** Whether a slot holds a record. */
  isUsed(slot: Slot): boolean;
  /**
   * Stores a record under its key, replacing the one there whatever its stamp (the caller decided
   * that). Copies `body`. The record takes its place in its origin's list by version, found from
   * the newest end and from where the last search ended: O(1) for the newest, which is the rule,
   * and for runs. Versions of one origin should differ; equal ones keep their order of arrival.
   */
  put(record: RegistryRecord): Slot;
  /** Forgets a key altogether. The slot may be used again. */
  remove(slot: Slot): void;

  /** The record at a slot. `body` is a view that is valid until the next `put` or `remove`. */
  read(slot: Slot): RegistryRecord;
  kind(slot: Slot): RecordKind;
  stamp(slot: Slot): Stamp;
  state(slot: Slot): number;
  isSuspect(slot: Slot): boolean;
  version(slot: Slot): number;
  originOf(slot: Slot): OriginIndex;
  serviceOf(slot: Slot): ServiceIndex;

  /** A number of the owner's on a slot; 0 at first, kept by `put`, cleared by `remove`. */
  tag(slot: Slot): number;
  setTag(slot: Slot, tag: number): void;

  /** The oldest record of an origin, or {@link NO_SLOT}. */
  firstOf(origin: OriginIndex): Slot;
  /** The next newer record of the same origin, or {@link NO_SLOT}. */
  nextOf(slot: Slot): Slot;

  // While iterating, the slot just given may be put again or removed; any other change of the
  // table ends what the iteration promises.

  /**
   * Slots of an origin with versions above `version`, ascending, up to the newest there is as the
   * iteration starts.
   */
  slotsAfter(origin: OriginIndex, version: number): Iterable<Slot>;
  /**
   * Slots of a service: instances and overrides, tombstones included, in no stated order. The
   * service with two empty names holds the `node` and `canary` records.
   */
  slotsOf(service: ServiceIndex): Iterable<Slot>;
  /** All slots, in no stated order. */
  slots(): Iterable<Slot>;

  /** Live records of one service or origin. */
  liveCountOf(service: ServiceIndex): number;
  liveCountOfOrigin(origin: OriginIndex): number;
  /** Tombstones and live records of one origin. */
  recordCountOfOrigin(origin: OriginIndex): number;
  /** Sum of the digests of the live records of one service or origin; see `recordDigest`. */
  digestOf(service: ServiceIndex): ContentDigest;
  digestOfOrigin(origin: OriginIndex): ContentDigest;
}
