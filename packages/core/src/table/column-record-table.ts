/**
 * The production table: rows of words, bytes in an arena, no object per record.
 *
 * About 116 bytes for an instance with an id of 12 bytes and a body of 45. No call is long: rows,
 * buckets and chunks are added one segment at a time, the index grows by a bucket, the arena is
 * cleaned by a chunk. Rows and buckets are kept for the most records there ever were; bytes of
 * ids and bodies follow what is stored (see {@link RecordArena} for the bound).
 *
 * Column-like stores beat objects here because the collector neither visits nor moves them.
 */
import { AssertionError } from "../assert.js";
import { avalanche, type ContentDigest } from "../hash.js";
import { NAME_MAX_BYTES } from "../limits.js";
import {
  InstanceState,
  type Origin,
  type RecordKey,
  type RecordKind,
  type RegistryRecord,
  recordDigest,
  type Scope,
  type Stamp,
} from "../record.js";
import { hashByteRange } from "./byte-hash.js";
import { KeyIndex } from "./key-index.js";
import { NameTable, type ServiceEntry } from "./name-table.js";
import { RecordArena } from "./record-arena.js";
import { assertIdBytes, assertStorable, assertTag } from "./record-checks.js";
import { NIL, ORIGIN_NEXT, RecordRows, SERVICE_NEXT, SERVICE_PREVIOUS } from "./record-rows.js";
import {
  NO_SLOT,
  type OriginIndex,
  type RecordTable,
  type ServiceIndex,
  type Slot,
} from "./record-table.js";
import { encodeUtf8, UTF8_UNIT_MAX_BYTES, utf8ByteLength } from "./utf8.js";
import { insertVersion, unlinkVersion, versionsAfter } from "./version-list.js";

/** What a column table may be told at its making. */
export interface ColumnRecordTableOptions {
  /**
   * Any 32-bit number, best a random one: makes it hard to choose ids that share a hash chain.
   * Nothing observable depends on it.
   */
  readonly hashSeed?: number;
}

export class ColumnRecordTable implements RecordTable {
  readonly #rows = new RecordRows();
  readonly #arena = new RecordArena();
  readonly #names = new NameTable();
  readonly #index: KeyIndex;
  readonly #hashSeed: number;
  /** The id of the call at work, encoded. */
  readonly #idBuffer = new Uint8Array(NAME_MAX_BYTES * UTF8_UNIT_MAX_BYTES);
  #liveCount = 0;

  constructor(options: ColumnRecordTableOptions = {}) {
    this.#hashSeed = (options.hashSeed ?? 0) >>> 0;
    this.#index = new KeyIndex(this.#rows, (slot) => this.#hashOfSlot(slot));
  }

  get liveCount(): number {
    return this.#liveCount;
  }

  get tombstoneCount(): number {
    return this.#rows.usedCount - this.#liveCount;
  }

  get byteCount(): number {
    return (
      this.#rows.byteCount +
      this.#arena.byteCount +
      this.#index.byteCount +
      this.#names.byteCount +
      this.#idBuffer.length
    );
  }

  get originCount(): number {
    return this.#names.originCount;
  }

  get serviceCount(): number {
    return this.#names.serviceCount;
  }

  originIndex(origin: Origin): OriginIndex {
    return this.#names.originIndex(origin);
  }

  findOrigin(origin: Origin): OriginIndex {
    return this.#names.findOrigin(origin);
  }

  origin(index: OriginIndex): Origin {
    return this.#names.origin(index).origin;
  }

  serviceCountOf(namespace: string): number {
    return this.#names.serviceCountOf(namespace);
  }

  servicesOf(namespace: string): Iterable<ServiceIndex> {
    return this.#names.serviceIndexesOf(namespace);
  }

  findService(namespace: string, service: string): ServiceIndex {
    return this.#names.findService(namespace, service);
  }

  serviceName(index: ServiceIndex): { readonly namespace: string; readonly service: string } {
    const { namespace, service } = this.#names.service(index);
    return { namespace, service };
  }

  find(key: RecordKey): Slot {
    const service = this.#names.findService(key.namespace, key.service);
    if (service === -1) return NO_SLOT;
    const idBytes = this.#encodeId(key.id);
    if (idBytes === -1) return NO_SLOT;
    const hash = hashByteRange(
      this.#idBuffer,
      0,
      idBytes,
      this.#hashSeedOf(key.kind, key.scope, service),
    );
    return this.#lookup(key, service, idBytes, hash);
  }

  isUsed(slot: Slot): boolean {
    return this.#rows.isUsed(slot);
  }

  put(record: RegistryRecord): Slot {
    assertStorable(record);
    const idBytes = this.#encodeId(record.id);
    if (idBytes === -1) assertIdBytes(utf8ByteLength(record.id));
    const origin = this.#names.originIndex(record.origin);
    const service = this.#names.serviceIndex(record.namespace, record.service);

    const hash = hashByteRange(
      this.#idBuffer,
      0,
      idBytes,
      this.#hashSeedOf(record.kind, record.scope, service),
    );
    let slot = this.#lookup(record, service, idBytes, hash);
    if (slot === NO_SLOT) {
      slot = this.#rows.allocate();
      this.#rows.setReference(slot, this.#arena.append(slot, this.#idBuffer, idBytes, record.body));
      this.#rows.write(slot, record, origin, service);
      this.#linkService(this.#names.service(service), slot);
      this.#index.add(slot, hash);
    } else {
      this.#uncount(slot);
      unlinkVersion(this.#rows, this.#names.origin(this.#rows.origin(slot)), slot);
      this.#replaceBody(slot, idBytes, record.body);
      this.#rows.write(slot, record, origin, service);
    }
    insertVersion(this.#rows, this.#names.origin(origin), slot);
    this.#count(slot, record);
    this.#arena.clean(this.#rows);
    return slot;
  }

  remove(slot: Slot): void {
    this.#assertUsed(slot);
    this.#uncount(slot);
    unlinkVersion(this.#rows, this.#names.origin(this.#rows.origin(slot)), slot);
    const service = this.#rows.service(slot);
    this.#unlinkService(this.#names.service(service), slot);
    if (this.#names.service(service).recordCount === 0) this.#names.releaseService(service);
    this.#index.delete(slot, this.#hashOfSlot(slot));
    this.#arena.free(this.#rows.reference(slot));
    this.#rows.release(slot);
    this.#arena.clean(this.#rows);
  }

  setTag(slot: Slot, tag: number): void {
    this.#assertUsed(slot);
    assertTag(tag);
    this.#rows.setTag(slot, tag);
  }

  tag(slot: Slot): number {
    this.#assertUsed(slot);
    return this.#rows.tag(slot);
  }

  read(slot: Slot): RegistryRecord {
    this.#assertUsed(slot);
    const rows = this.#rows;
    const reference = rows.reference(slot);
    const { namespace, service } = this.#names.service(rows.service(slot));
    return {
      kind: rows.kind(slot),
      scope: rows.scope(slot),
      namespace,
      service,
      id: this.#arena.id(reference),
      origin: this.#names.origin(rows.origin(slot)).origin,
      version: rows.version(slot),
      stamp: this.stamp(slot),
      state: rows.state(slot) as InstanceState,
      isSuspect: rows.isSuspect(slot),
      reason: rows.reason(slot),
      since: rows.since(slot),
      body: this.#arena.body(reference),
    };
  }

  kind(slot: Slot): RecordKind {
    this.#assertUsed(slot);
    return this.#rows.kind(slot);
  }

  stamp(slot: Slot): Stamp {
    this.#assertUsed(slot);
    return {
      incarnation: this.#rows.incarnation(slot),
      session: this.#rows.session(slot),
      claim: this.#rows.claim(slot),
    };
  }

  state(slot: Slot): number {
    this.#assertUsed(slot);
    return this.#rows.state(slot);
  }

  isSuspect(slot: Slot): boolean {
    this.#assertUsed(slot);
    return this.#rows.isSuspect(slot);
  }

  version(slot: Slot): number {
    this.#assertUsed(slot);
    return this.#rows.version(slot);
  }

  originOf(slot: Slot): OriginIndex {
    this.#assertUsed(slot);
    return this.#rows.origin(slot);
  }

  serviceOf(slot: Slot): ServiceIndex {
    this.#assertUsed(slot);
    return this.#rows.service(slot);
  }

  firstOf(origin: OriginIndex): Slot {
    return slotOrNone(this.#names.origin(origin).head);
  }

  nextOf(slot: Slot): Slot {
    this.#assertUsed(slot);
    return slotOrNone(this.#rows.link(slot, ORIGIN_NEXT));
  }

  slotsAfter(origin: OriginIndex, version: number): Iterable<Slot> {
    return versionsAfter(this.#rows, this.#names.origin(origin), version);
  }

  *slotsOf(service: ServiceIndex): Generator<Slot, void, undefined> {
    let slot = this.#names.service(service).head;
    while (slot !== NIL) {
      const next = this.#rows.link(slot, SERVICE_NEXT);
      yield slot;
      slot = next;
    }
  }

  *slots(): Generator<Slot, void, undefined> {
    for (let slot = 0; slot < this.#rows.slotCount; slot += 1) {
      if (this.#rows.isUsed(slot)) yield slot;
    }
  }

  liveCountOf(service: ServiceIndex): number {
    return this.#names.service(service).liveCount;
  }

  liveCountOfOrigin(origin: OriginIndex): number {
    return this.#names.origin(origin).liveCount;
  }

  recordCountOfOrigin(origin: OriginIndex): number {
    return this.#names.origin(origin).recordCount;
  }

  digestOf(service: ServiceIndex): ContentDigest {
    return this.#names.service(service).digest;
  }

  digestOfOrigin(origin: OriginIndex): ContentDigest {
    return this.#names.origin(origin).digest;
  }

  #lookup(key: RecordKey, service: ServiceIndex, idBytes: number, hash: number): Slot {
    const rows = this.#rows;
    for (let slot = this.#index.first(hash); slot !== NIL; slot = rows.chainNext(slot)) {
      const isSame =
        rows.service(slot) === service &&
        rows.kind(slot) === key.kind &&
        rows.scope(slot) === key.scope &&
        this.#arena.isId(rows.reference(slot), this.#idBuffer, idBytes);
      if (isSame) return slot;
    }
    return NO_SLOT;
  }

  /** Stores a body in place when its length is unchanged: most writes change only the row. */
  #replaceBody(slot: Slot, idBytes: number, body: Uint8Array): void {
    const reference = this.#rows.reference(slot);
    if (this.#arena.replaceBody(reference, body)) return;
    // The new entry first: `body` may be a view of the old one.
    const added = this.#arena.append(slot, this.#idBuffer, idBytes, body);
    this.#rows.setReference(slot, added);
    this.#arena.free(reference);
  }

  #count(slot: Slot, record: RegistryRecord): void {
    if (record.state === InstanceState.removed) return;
    const digest = recordDigest(record);
    this.#liveCount += 1;
    this.#names.origin(this.#rows.origin(slot)).add(digest);
    this.#names.service(this.#rows.service(slot)).add(digest);
  }

  /** Takes back what `#count` added; a digest is computed again rather than stored. */
  #uncount(slot: Slot): void {
    if (this.#rows.state(slot) === InstanceState.removed) return;
    const digest = recordDigest(this.read(slot));
    this.#liveCount -= 1;
    this.#names.origin(this.#rows.origin(slot)).subtract(digest);
    this.#names.service(this.#rows.service(slot)).subtract(digest);
  }

  #linkService(service: ServiceEntry, slot: Slot): void {
    this.#rows.setLink(slot, SERVICE_PREVIOUS, NIL);
    this.#rows.setLink(slot, SERVICE_NEXT, service.head);
    if (service.head !== NIL) this.#rows.setLink(service.head, SERVICE_PREVIOUS, slot);
    service.head = slot;
    service.recordCount += 1;
  }

  #unlinkService(service: ServiceEntry, slot: Slot): void {
    const previous = this.#rows.link(slot, SERVICE_PREVIOUS);
    const next = this.#rows.link(slot, SERVICE_NEXT);
    if (previous === NIL) service.head = next;
    else this.#rows.setLink(previous, SERVICE_NEXT, next);
    if (next !== NIL) this.#rows.setLink(next, SERVICE_PREVIOUS, previous);
    service.recordCount -= 1;
  }

  /** Encodes an id into the buffer; its length, or -1 when it is longer than an id may be. */
  #encodeId(id: string): number {
    if (id.length > NAME_MAX_BYTES) return -1;
    const idBytes = encodeUtf8(id, this.#idBuffer, 0);
    return idBytes <= NAME_MAX_BYTES ? idBytes : -1;
  }

  #hashSeedOf(kind: RecordKind, scope: Scope, service: ServiceIndex): number {
    return avalanche(this.#hashSeed ^ ((service << 4) | (scope << 3) | kind));
  }

  #hashOfSlot(slot: Slot): number {
    const rows = this.#rows;
    const seed = this.#hashSeedOf(rows.kind(slot), rows.scope(slot), rows.service(slot));
    return this.#arena.hashId(rows.reference(slot), seed);
  }

  #assertUsed(slot: Slot): void {
    if (!this.#rows.isUsed(slot)) throw new AssertionError(`slot ${slot} must hold a record`);
  }
}

function slotOrNone(link: Slot): Slot {
  return link === NIL ? NO_SLOT : link;
}
