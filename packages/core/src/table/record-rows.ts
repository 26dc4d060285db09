/**
 * The fixed-width part of a column table's records: 52 bytes a slot, no object per record.
 *
 * A slot's fields lie side by side (13 words of 32 bits), so that touching a record costs one or
 * two cache lines rather than one per field. Rows are held in segments, so that growing copies
 * nothing. Slots need 22 bits, times and counters 53: what is left of their words holds the small
 * fields.
 *
 * | word | upper bits | lower bits |
 * |---|---|---|
 * | 0 | reference to the arena (32) | |
 * | 1, 2, 3 | low halves of incarnation, version, since (32) | |
 * | 4, 5 | session (32); tag (32) | |
 * | 6 | incarnation, high (21) | reason 4, isSuspect 1, state 2, scope 1, kind 3 |
 * | 7 | version, high (21) | next of the hash chain, high (11) |
 * | 8 | since, high (21) | next of the hash chain, low (11) |
 * | 9 | previous of the origin (22) | service, high (10) |
 * | 10 | next of the origin (22) | service, low (10) |
 * | 11 | previous of the service (22) | origin, high (10) |
 * | 12 | next of the service (22) | origin, low (10) |
 *
 * Claims are rarely other than 0, so a segment has a column for them only once one is not.
 */
import { assert } from "../assert.js";
import { RECORD_COUNT_MAX } from "../limits.js";
import type { RecordKind, RegistryRecord, RemovalReason, Scope } from "../record.js";
import { NO_REFERENCE, type ReferenceHolder } from "./record-arena.js";
import type { OriginIndex, ServiceIndex, Slot } from "./record-table.js";

/** The end of a list of slots, in 22 bits. */
export const NIL: Slot = 0x3f_ffff;
/** Origins and services have 20 bits each. */
export const NAME_INDEX_COUNT_MAX = 1 << 20;

const WORDS = 13;
const SEGMENT_SHIFT = 12;
const SEGMENT_SLOTS = 1 << SEGMENT_SHIFT;
const SEGMENT_MASK = SEGMENT_SLOTS - 1;
const HIGH = 4294967296;

const REFERENCE = 0;
const INCARNATION = 1;
const VERSION = 2;
const SINCE = 3;
const SESSION = 4;
const TAG = 5;
const INCARNATION_FLAGS = 6;
const VERSION_CHAIN = 7;
const SINCE_CHAIN = 8;
/** Fields of which the upper 22 bits are a slot. */
export const ORIGIN_PREVIOUS = 9;
export const ORIGIN_NEXT = 10;
export const SERVICE_PREVIOUS = 11;
export const SERVICE_NEXT = 12;
type Link = 9 | 10 | 11 | 12;

const KIND_MASK = 0x7;
const SCOPE_SHIFT = 3;
const STATE_SHIFT = 4;
const SUSPECT_SHIFT = 6;
const REASON_SHIFT = 7;
const FLAGS_MASK = 0x7ff;
const PART_MASK = 0x3ff;

assert(RECORD_COUNT_MAX <= NIL, "slots of a full table must fit a link");

export class RecordRows implements ReferenceHolder {
  readonly #segments: Uint32Array[] = [];
  readonly #claims: (Uint16Array | undefined)[] = [];
  #claimSegmentCount = 0;
  #slotCount = 0;
  #usedCount = 0;
  /** First of the free slots below `#slotCount`; chained as the hash chains are. */
  #firstFree = NIL;

  get byteCount(): number {
    return (
      this.#segments.length * SEGMENT_SLOTS * WORDS * 4 +
      this.#claimSegmentCount * SEGMENT_SLOTS * 2
    );
  }

  /** Slots in use. */
  get usedCount(): number {
    return this.#usedCount;
  }

  /** All slots in use are below this. */
  get slotCount(): number {
    return this.#slotCount;
  }

  /** A slot of zeroes: give it a reference, write its record and link it into every list. */
  allocate(): Slot {
    let slot = this.#firstFree;
    if (slot === NIL) {
      assert(this.#slotCount < NIL, "a table must be refused records before its slots run out");
      slot = this.#slotCount;
      if ((slot & SEGMENT_MASK) === 0) {
        this.#segments.push(new Uint32Array(SEGMENT_SLOTS * WORDS));
        this.#claims.push(undefined);
      }
      this.#slotCount += 1;
    } else {
      this.#firstFree = this.chainNext(slot);
    }
    this.#usedCount += 1;
    this.#clear(slot);
    return slot;
  }

  release(slot: Slot): void {
    this.#clear(slot);
    this.setChainNext(slot, this.#firstFree);
    this.#firstFree = slot;
    this.#usedCount -= 1;
  }

  /** Stores a record's own fields; links, tag and reference stay. */
  write(
    slot: Slot,
    record: RegistryRecord,
    originIndex: OriginIndex,
    serviceIndex: ServiceIndex,
  ): void {
    const row = this.#segment(slot);
    const at = (slot & SEGMENT_MASK) * WORDS;
    const { incarnation, session, claim } = record.stamp;
    const flags =
      record.kind |
      (record.scope << SCOPE_SHIFT) |
      (record.state << STATE_SHIFT) |
      (record.isSuspect ? 1 << SUSPECT_SHIFT : 0) |
      (record.reason << REASON_SHIFT);
    row[at + INCARNATION] = incarnation;
    row[at + VERSION] = record.version;
    row[at + SINCE] = record.since;
    row[at + SESSION] = session;
    row[at + INCARNATION_FLAGS] = (Math.floor(incarnation / HIGH) << 11) | flags;
    row[at + VERSION_CHAIN] =
      (Math.floor(record.version / HIGH) << 11) | (row[at + VERSION_CHAIN]! & FLAGS_MASK);
    row[at + SINCE_CHAIN] =
      (Math.floor(record.since / HIGH) << 11) | (row[at + SINCE_CHAIN]! & FLAGS_MASK);
    setPart(row, at + ORIGIN_PREVIOUS, serviceIndex >>> 10);
    setPart(row, at + ORIGIN_NEXT, serviceIndex & PART_MASK);
    setPart(row, at + SERVICE_PREVIOUS, originIndex >>> 10);
    setPart(row, at + SERVICE_NEXT, originIndex & PART_MASK);
    this.#writeClaim(slot, claim);
  }

  /** Whether a number is a slot that holds a record. */
  isUsed(slot: Slot): boolean {
    if (!Number.isInteger(slot) || slot < 0 || slot >= this.#slotCount) return false;
    return (this.#word(slot, INCARNATION_FLAGS) & KIND_MASK) !== 0;
  }

  /** 0 in a free slot. */
  kind(slot: Slot): RecordKind {
    return (this.#word(slot, INCARNATION_FLAGS) & KIND_MASK) as RecordKind;
  }

  scope(slot: Slot): Scope {
    return ((this.#word(slot, INCARNATION_FLAGS) >>> SCOPE_SHIFT) & 1) as Scope;
  }

  state(slot: Slot): number {
    return (this.#word(slot, INCARNATION_FLAGS) >>> STATE_SHIFT) & 3;
  }

  isSuspect(slot: Slot): boolean {
    return ((this.#word(slot, INCARNATION_FLAGS) >>> SUSPECT_SHIFT) & 1) === 1;
  }

  reason(slot: Slot): RemovalReason {
    return ((this.#word(slot, INCARNATION_FLAGS) >>> REASON_SHIFT) & 15) as RemovalReason;
  }

  incarnation(slot: Slot): number {
    return this.#long(slot, INCARNATION, INCARNATION_FLAGS);
  }

  version(slot: Slot): number {
    return this.#long(slot, VERSION, VERSION_CHAIN);
  }

  since(slot: Slot): number {
    return this.#long(slot, SINCE, SINCE_CHAIN);
  }

  session(slot: Slot): number {
    return this.#word(slot, SESSION);
  }

  claim(slot: Slot): number {
    return this.#claims[slot >>> SEGMENT_SHIFT]?.[slot & SEGMENT_MASK] ?? 0;
  }

  origin(slot: Slot): OriginIndex {
    return this.#parts(slot, SERVICE_PREVIOUS, SERVICE_NEXT);
  }

  service(slot: Slot): ServiceIndex {
    return this.#parts(slot, ORIGIN_PREVIOUS, ORIGIN_NEXT);
  }

  tag(slot: Slot): number {
    return this.#word(slot, TAG);
  }

  setTag(slot: Slot, tag: number): void {
    this.#setWord(slot, TAG, tag);
  }

  reference(slot: Slot): number {
    return this.#word(slot, REFERENCE);
  }

  setReference(slot: Slot, reference: number): void {
    this.#setWord(slot, REFERENCE, reference);
  }

  link(slot: Slot, field: Link): Slot {
    return this.#word(slot, field) >>> 10;
  }

  setLink(slot: Slot, field: Link, target: Slot): void {
    this.#setWord(slot, field, (target << 10) | (this.#word(slot, field) & PART_MASK));
  }

  chainNext(slot: Slot): Slot {
    const row = this.#segment(slot);
    const at = (slot & SEGMENT_MASK) * WORDS;
    return ((row[at + VERSION_CHAIN]! & FLAGS_MASK) << 11) | (row[at + SINCE_CHAIN]! & FLAGS_MASK);
  }

  setChainNext(slot: Slot, target: Slot): void {
    const row = this.#segment(slot);
    const at = (slot & SEGMENT_MASK) * WORDS;
    row[at + VERSION_CHAIN] = (row[at + VERSION_CHAIN]! & ~FLAGS_MASK) | (target >>> 11);
    row[at + SINCE_CHAIN] = (row[at + SINCE_CHAIN]! & ~FLAGS_MASK) | (target & FLAGS_MASK);
  }

  #clear(slot: Slot): void {
    const row = this.#segment(slot);
    const at = (slot & SEGMENT_MASK) * WORDS;
    for (let word = 0; word < WORDS; word += 1) row[at + word] = 0;
    row[at + REFERENCE] = NO_REFERENCE;
  }

  #writeClaim(slot: Slot, claim: number): void {
    const number = slot >>> SEGMENT_SHIFT;
    let claims = this.#claims[number];
    if (claims === undefined) {
      if (claim === 0) return;
      claims = new Uint16Array(SEGMENT_SLOTS);
      this.#claims[number] = claims;
      this.#claimSegmentCount += 1;
    }
    claims[slot & SEGMENT_MASK] = claim;
  }

  #long(slot: Slot, low: number, high: number): number {
    const row = this.#segment(slot);
    const at = (slot & SEGMENT_MASK) * WORDS;
    return (row[at + high]! >>> 11) * HIGH + row[at + low]!;
  }

  #parts(slot: Slot, high: Link, low: Link): number {
    const row = this.#segment(slot);
    const at = (slot & SEGMENT_MASK) * WORDS;
    return ((row[at + high]! & PART_MASK) << 10) | (row[at + low]! & PART_MASK);
  }

  #word(slot: Slot, field: number): number {
    return this.#segment(slot)[(slot & SEGMENT_MASK) * WORDS + field]!;
  }

  #setWord(slot: Slot, field: number, value: number): void {
    this.#segment(slot)[(slot & SEGMENT_MASK) * WORDS + field] = value;
  }

  #segment(slot: Slot): Uint32Array {
    return this.#segments[slot >>> SEGMENT_SHIFT]!;
  }
}

function setPart(row: Uint32Array, at: number, part: number): void {
  row[at] = (row[at]! & ~PART_MASK) | part;
}
