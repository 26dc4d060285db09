/**
 * The plain table: Maps of objects, and nothing clever.
 *
 * It is the model that the column table is tested against, and good enough for a client's
 * or a simulated node's few thousand records.
 */
import { AssertionError } from "../assert.js";
import type { ContentDigest } from "../hash.js";
import {
  InstanceState,
  type Origin,
  type RecordKey,
  type RecordKind,
  type RegistryRecord,
  recordDigest,
  recordKeyText,
  type Stamp,
} from "../record.js";
import { OriginIndexMap } from "./origin-index-map.js";
import { assertIdBytes, assertStorable, assertTag } from "./record-checks.js";
import {
  NO_SLOT,
  type OriginIndex,
  type RecordTable,
  type ServiceIndex,
  type Slot,
} from "./record-table.js";
import { utf8ByteLength } from "./utf8.js";

/** A rough cost of one record's objects, for {@link MapRecordTable.byteCount}. */
const RECORD_OVERHEAD_BYTES = 500;

interface Entry {
  readonly record: RegistryRecord;
  readonly origin: OriginIndex;
  readonly service: ServiceIndex;
  readonly tag: number;
  /** Undefined: a tombstone, which counts nothing. */
  readonly digest: ContentDigest | undefined;
}

interface Tally {
  liveCount: number;
  high: number;
  low: number;
}

interface OriginState extends Tally {
  readonly origin: Origin;
  readonly slots: Set<Slot>;
}

interface ServiceState extends Tally {
  readonly namespace: string;
  readonly service: string;
  readonly slots: Set<Slot>;
}

export class MapRecordTable implements RecordTable {
  readonly #entries: (Entry | undefined)[] = [];
  readonly #freeSlots: Slot[] = [];
  readonly #slotByKey = new Map<string, Slot>();
  readonly #origins: OriginState[] = [];
  readonly #originIndexes = new OriginIndexMap();
  readonly #services: (ServiceState | undefined)[] = [];
  readonly #serviceByName = new Map<string, ServiceIndex>();
  #liveCount = 0;
  #contentBytes = 0;

  get liveCount(): number {
    return this.#liveCount;
  }

  get tombstoneCount(): number {
    return this.#slotByKey.size - this.#liveCount;
  }

  get byteCount(): number {
    return this.#slotByKey.size * RECORD_OVERHEAD_BYTES + this.#contentBytes;
  }

  get originCount(): number {
    return this.#origins.length;
  }

  get serviceCount(): number {
    return this.#serviceByName.size;
  }

  serviceCountOf(namespace: string): number {
    return [...this.servicesOf(namespace)].length;
  }

  servicesOf(namespace: string): Iterable<ServiceIndex> {
    return [...this.#serviceByName.values()].filter(
      (index) => this.#services[index]?.namespace === namespace,
    );
  }

  originIndex(origin: Origin): OriginIndex {
    const known = this.#originIndexes.get(origin);
    if (known !== undefined) return known;
    const { nodeId, generation, scope } = origin;
    this.#origins.push({
      origin: { nodeId, generation, scope },
      slots: new Set(),
      liveCount: 0,
      high: 0,
      low: 0,
    });
    this.#originIndexes.set(origin, this.#origins.length - 1);
    return this.#origins.length - 1;
  }

  findOrigin(origin: Origin): OriginIndex {
    return this.#originIndexes.get(origin) ?? -1;
  }

  origin(index: OriginIndex): Origin {
    return this.#originAt(index).origin;
  }

  #serviceIndex(namespace: string, service: string): ServiceIndex {
    const known = this.findService(namespace, service);
    if (known !== -1) return known;
    this.#services.push({ namespace, service, slots: new Set(), liveCount: 0, high: 0, low: 0 });
    this.#serviceByName.set(`${namespace}\u0001${service}`, this.#services.length - 1);
    return this.#services.length - 1;
  }

  findService(namespace: string, service: string): ServiceIndex {
    return this.#serviceByName.get(`${namespace}\u0001${service}`) ?? -1;
  }

  serviceName(index: ServiceIndex): { readonly namespace: string; readonly service: string } {
    const { namespace, service } = this.#serviceAt(index);
    return { namespace, service };
  }

  find(key: RecordKey): Slot {
    return this.#slotByKey.get(recordKeyText(key)) ?? NO_SLOT;
  }

  isUsed(slot: Slot): boolean {
    return this.#entries[slot] !== undefined;
  }

  put(record: RegistryRecord): Slot {
    assertStorable(record);
    assertIdBytes(utf8ByteLength(record.id));
    const originIndex = this.originIndex(record.origin);
    const origin = this.#originAt(originIndex);
    const serviceIndex = this.#serviceIndex(record.namespace, record.service);

    const keyText = recordKeyText(record);
    const known = this.#slotByKey.get(keyText);
    const slot = known ?? this.#freeSlots.pop() ?? this.#entries.length;
    const tag = known === undefined ? 0 : this.#entryAt(known).tag;
    if (known !== undefined) this.#unlink(known);

    const copy: RegistryRecord = {
      kind: record.kind,
      scope: record.scope,
      namespace: record.namespace,
      service: record.service,
      id: record.id,
      origin: origin.origin,
      version: record.version,
      stamp: {
        incarnation: record.stamp.incarnation,
        session: record.stamp.session,
        claim: record.stamp.claim,
      },
      state: record.state,
      isSuspect: record.isSuspect,
      reason: record.reason,
      since: record.since,
      body: record.body.slice(),
    };
    const digest = record.state === InstanceState.removed ? undefined : recordDigest(record);
    this.#entries[slot] = { record: copy, origin: originIndex, service: serviceIndex, tag, digest };
    this.#slotByKey.set(keyText, slot);
    origin.slots.add(slot);
    this.#serviceAt(serviceIndex).slots.add(slot);
    this.#count(slot, 1);
    return slot;
  }

  remove(slot: Slot): void {
    const { record, service } = this.#entryAt(slot);
    this.#unlink(slot);
    if (this.#serviceAt(service).slots.size === 0) {
      this.#services[service] = undefined;
      this.#serviceByName.delete(`${record.namespace}\u0001${record.service}`);
    }
    this.#slotByKey.delete(recordKeyText(record));
    this.#entries[slot] = undefined;
    this.#freeSlots.push(slot);
  }

  setTag(slot: Slot, tag: number): void {
    assertTag(tag);
    this.#entries[slot] = { ...this.#entryAt(slot), tag };
  }

  tag(slot: Slot): number {
    return this.#entryAt(slot).tag;
  }

  read(slot: Slot): RegistryRecord {
    return this.#entryAt(slot).record;
  }

  kind(slot: Slot): RecordKind {
    return this.#entryAt(slot).record.kind;
  }

  stamp(slot: Slot): Stamp {
    return this.#entryAt(slot).record.stamp;
  }

  state(slot: Slot): number {
    return this.#entryAt(slot).record.state;
  }

  isSuspect(slot: Slot): boolean {
    return this.#entryAt(slot).record.isSuspect;
  }

  version(slot: Slot): number {
    return this.#entryAt(slot).record.version;
  }

  originOf(slot: Slot): OriginIndex {
    return this.#entryAt(slot).origin;
  }

  serviceOf(slot: Slot): ServiceIndex {
    return this.#entryAt(slot).service;
  }

  firstOf(origin: OriginIndex): Slot {
    for (const slot of this.slotsAfter(origin, 0)) return slot;
    return NO_SLOT;
  }

  nextOf(slot: Slot): Slot {
    const slots = [...this.slotsAfter(this.#entryAt(slot).origin, 0)];
    return slots[slots.indexOf(slot) + 1] ?? NO_SLOT;
  }

  slotsAfter(origin: OriginIndex, version: number): Iterable<Slot> {
    return [...this.#originAt(origin).slots]
      .filter((slot) => this.version(slot) > version)
      .sort((a, b) => this.version(a) - this.version(b));
  }

  slotsOf(service: ServiceIndex): Iterable<Slot> {
    return [...this.#serviceAt(service).slots];
  }

  slots(): Iterable<Slot> {
    return [...this.#slotByKey.values()];
  }

  liveCountOf(service: ServiceIndex): number {
    return this.#serviceAt(service).liveCount;
  }

  liveCountOfOrigin(origin: OriginIndex): number {
    return this.#originAt(origin).liveCount;
  }

  recordCountOfOrigin(origin: OriginIndex): number {
    return this.#originAt(origin).slots.size;
  }

  digestOf(service: ServiceIndex): ContentDigest {
    const { high, low } = this.#serviceAt(service);
    return { high, low };
  }

  digestOfOrigin(origin: OriginIndex): ContentDigest {
    const { high, low } = this.#originAt(origin);
    return { high, low };
  }

  /** Takes a slot out of its lists. */
  #unlink(slot: Slot): void {
    this.#count(slot, -1);
    const { origin, service } = this.#entryAt(slot);
    this.#serviceAt(service).slots.delete(slot);
    this.#originAt(origin).slots.delete(slot);
  }

  /** Adds (1) or takes back (-1) what a slot's record contributes to counts and digests. */
  #count(slot: Slot, sign: 1 | -1): void {
    const { record, origin, service, digest } = this.#entryAt(slot);
    this.#contentBytes += sign * (record.body.length + record.id.length);
    if (digest === undefined) return;
    this.#liveCount += sign;
    add(this.#originAt(origin), digest, sign);
    add(this.#serviceAt(service), digest, sign);
  }

  #entryAt(slot: Slot): Entry {
    const entry = this.#entries[slot];
    if (entry === undefined) throw new AssertionError(`slot ${slot} must hold a record`);
    return entry;
  }

  #originAt(index: OriginIndex): OriginState {
    const state = this.#origins[index];
    if (state === undefined)
      throw new AssertionError(`origin index ${index} must be below ${this.#origins.length}`);
    return state;
  }

  #serviceAt(index: ServiceIndex): ServiceState {
    const state = this.#services[index];
    if (state === undefined)
      throw new AssertionError(`service index ${index} must be below ${this.#services.length}`);
    return state;
  }
}

function add(tally: Tally, digest: ContentDigest, sign: 1 | -1): void {
  tally.liveCount += sign;
  tally.high = (tally.high + sign * digest.high) >>> 0;
  tally.low = (tally.low + sign * digest.low) >>> 0;
}
