/**
 * What a view holds: by id and place the record that won, tombstones included, and their sums.
 *
 * Which record wins, what is shown and what is proven is the view's matter (`service-view.ts`).
 */
import { assert } from "../assert.js";
import { type ContentDigest, EMPTY_DIGEST } from "../hash.js";
import { VIEW_TOMBSTONE_COUNT_MAX } from "../limits.js";
import { RecordKind, type RegistryRecord } from "../record.js";
import { sumOf } from "./digest-sum.js";
import {
  type Entry,
  entriesIn,
  entryIndex,
  entryKey,
  entryOf,
  placeOf,
  readEntryKey,
  type ViewSlot,
} from "./view-slot.js";
import type { BodyDecoder } from "./view-update.js";

export class ViewTable {
  readonly #decoder: BodyDecoder;
  readonly #replaced: (key: string) => void;
  readonly #slots = new Map<string, ViewSlot>();
  /** Entry keys of tombstones, the oldest first; at most {@link VIEW_TOMBSTONE_COUNT_MAX}. */
  readonly #tombstones = new Set<string>();
  /** Sums of the digests of live records, by place. */
  readonly #sums: ContentDigest[] = [];
  #liveCount = 0;
  #undecodableCount = 0;

  /** @param replaced - Told the key of each entry that is replaced or forgotten. */
  constructor(decoder: BodyDecoder, replaced: (key: string) => void) {
    this.#decoder = decoder;
    this.#replaced = replaced;
  }

  get isEmpty(): boolean {
    return this.#slots.size === 0;
  }

  get liveCount(): number {
    return this.#liveCount;
  }

  get tombstoneCount(): number {
    return this.#tombstones.size;
  }

  /** Live records whose body this version cannot read. */
  get undecodableCount(): number {
    return this.#undecodableCount;
  }

  get(id: string): ViewSlot | undefined {
    return this.#slots.get(id);
  }

  slots(): Iterable<[string, ViewSlot]> {
    return this.#slots;
  }

  /** Sum of the digests of the live records of a place. */
  sumOf(place: number): ContentDigest {
    return this.#sums[place] ?? EMPTY_DIGEST;
  }

  /** Takes a record in, instead of the one of its key; the oldest tombstones may go. */
  put(record: RegistryRecord, place: number): void {
    const slot = this.#slots.get(record.id) ?? this.#newSlot(record.id);
    const index = entryIndex(record.kind, place);
    const held = slot.entries[index];
    if (held !== undefined) this.#count(held, index, -1);
    const entry = entryOf(record, held, this.#decoder);
    slot.entries[index] = entry;
    this.#count(entry, index, 1);
    const key = entryKey(index, record.id);
    this.#replaced(key);
    this.#tombstones.delete(key);
    if (entry.digest !== undefined) return;
    this.#tombstones.add(key);
    this.#forgetTombstones();
  }

  /** Forgets one entry. Its slot stays until {@link forgetEmpty}: what it shows is told first. */
  clear(key: string): void {
    const { index, id } = readEntryKey(key);
    const slot = this.#slots.get(id);
    const entry = slot?.entries[index];
    if (slot === undefined || entry === undefined) return;
    this.#count(entry, index, -1);
    this.#tombstones.delete(key);
    this.#replaced(key);
    slot.entries[index] = undefined;
  }

  forgetEmpty(id: string): void {
    const isEmpty = this.#slots.get(id)?.entries.every((entry) => entry === undefined) ?? false;
    if (isEmpty) this.#slots.delete(id);
  }

  /** Forgets all that is known of a region's own. */
  forgetPlace(place: number): void {
    for (const [id, slot] of this.#slots) {
      for (const { index } of entriesIn(slot, place)) {
        if (placeOf(index) === place) this.clear(entryKey(index, id));
      }
      this.forgetEmpty(id);
    }
  }

  #newSlot(id: string): ViewSlot {
    const slot: ViewSlot = { entries: [], shown: undefined };
    this.#slots.set(id, slot);
    return slot;
  }

  /** Adds an entry to the sums, or takes it out. */
  #count(entry: Entry, index: number, sign: 1 | -1): void {
    if (entry.digest === undefined) return;
    const place = placeOf(index);
    this.#sums[place] = sumOf(this.sumOf(place), entry.digest, sign);
    this.#liveCount += sign;
    const isInstance = entry.record.kind === RecordKind.instance;
    if (isInstance && entry.description === undefined) this.#undecodableCount += sign;
  }

  #forgetTombstones(): void {
    for (const key of this.#tombstones) {
      if (this.#tombstones.size <= VIEW_TOMBSTONE_COUNT_MAX) return;
      const { index, id } = readEntryKey(key);
      assert(this.#slots.get(id)?.entries[index] !== undefined, "a tombstone has an entry");
      this.clear(key);
      this.forgetEmpty(id);
    }
  }
}
