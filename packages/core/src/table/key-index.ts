/**
 * From a key's hash to its slot: linear hashing, which grows by one bucket at a time.
 *
 * Open addressing would have to move the whole index now and then (a pause, or two indexes at
 * once and their memory); here each insertion splits at most one short chain. A chain's links lie
 * in the rows themselves, so that the index costs 4 bytes per bucket and two records share one.
 *
 * @see Litwin, "Linear Hashing: A New Tool for File and Table Addressing" (1980).
 */
import { NIL, type RecordRows } from "./record-rows.js";
import type { Slot } from "./record-table.js";

const RECORDS_PER_BUCKET = 2;
const SEGMENT_SHIFT = 12;
const SEGMENT_BUCKETS = 1 << SEGMENT_SHIFT;
const SEGMENT_MASK = SEGMENT_BUCKETS - 1;
/** A power of two. */
const BUCKET_COUNT_MIN = 512;

export class KeyIndex {
  readonly #rows: RecordRows;
  readonly #hashOf: (slot: Slot) => number;
  /** First slots of the chains. */
  readonly #segments: Uint32Array[] = [new Uint32Array(SEGMENT_BUCKETS).fill(NIL)];
  #bucketCount = BUCKET_COUNT_MIN;
  /** The least 2^n - 1 that covers all buckets. */
  #mask = BUCKET_COUNT_MIN - 1;
  #recordCount = 0;

  /** `hashOf` gives a slot's key's hash again, for the slots in the index. */
  constructor(rows: RecordRows, hashOf: (slot: Slot) => number) {
    this.#rows = rows;
    this.#hashOf = hashOf;
  }

  get byteCount(): number {
    return this.#segments.length * SEGMENT_BUCKETS * 4;
  }

  /** First slot whose key may have this hash; go on with `RecordRows.chainNext` up to `NIL`. */
  first(hash: number): Slot {
    return this.#head(this.#bucket(hash));
  }

  add(slot: Slot, hash: number): void {
    const bucket = this.#bucket(hash);
    this.#rows.setChainNext(slot, this.#head(bucket));
    this.#setHead(bucket, slot);
    this.#recordCount += 1;
    if (this.#recordCount > this.#bucketCount * RECORDS_PER_BUCKET) this.#split();
  }

  delete(slot: Slot, hash: number): void {
    const bucket = this.#bucket(hash);
    const next = this.#rows.chainNext(slot);
    let at = this.#head(bucket);
    if (at === slot) {
      this.#setHead(bucket, next);
    } else {
      while (this.#rows.chainNext(at) !== slot) at = this.#rows.chainNext(at);
      this.#rows.setChainNext(at, next);
    }
    this.#recordCount -= 1;
  }

  /** Adds one bucket, and moves to it what belongs there from the one bucket it halves. */
  #split(): void {
    const added = this.#bucketCount;
    if (added > this.#mask) this.#mask = this.#mask * 2 + 1;
    if ((added & SEGMENT_MASK) === 0) this.#segments.push(new Uint32Array(SEGMENT_BUCKETS));
    const halved = added & (this.#mask >>> 1);
    let slot = this.#head(halved);
    let kept = NIL;
    let moved = NIL;
    while (slot !== NIL) {
      const next = this.#rows.chainNext(slot);
      if ((this.#hashOf(slot) & this.#mask) === added) {
        this.#rows.setChainNext(slot, moved);
        moved = slot;
      } else {
        this.#rows.setChainNext(slot, kept);
        kept = slot;
      }
      slot = next;
    }
    this.#setHead(halved, kept);
    this.#setHead(added, moved);
    this.#bucketCount += 1;
  }

  #bucket(hash: number): number {
    const bucket = hash & this.#mask;
    return bucket < this.#bucketCount ? bucket : bucket & (this.#mask >>> 1);
  }

  #head(bucket: number): Slot {
    return this.#segments[bucket >>> SEGMENT_SHIFT]![bucket & SEGMENT_MASK]!;
  }

  #setHead(bucket: number, slot: Slot): void {
    this.#segments[bucket >>> SEGMENT_SHIFT]![bucket & SEGMENT_MASK] = slot;
  }
}
