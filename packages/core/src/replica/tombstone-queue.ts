/**
 * Tombstones by the time at which they may be forgotten: first in, first out, because all live
 * equally long. Entries of keys that were registered again are skipped when their time comes.
 */
import type { RecordKey } from "../record.js";
import type { OriginIndex, Slot } from "../table/record-table.js";
import { type Instant, NEVER } from "../time.js";

export interface TombstoneEntry {
  readonly key: RecordKey;
  readonly slot: Slot;
  /** With the version: which write it was. */
  readonly origin: OriginIndex;
  readonly version: number;
  readonly due: Instant;
}

/** Taken entries are let go in runs of this many, so that taking one is O(1). */
const COMPACT_COUNT = 1024;

export class TombstoneQueue {
  #entries: TombstoneEntry[] = [];
  #head = 0;

  get count(): number {
    return this.#entries.length - this.#head;
  }

  add(entry: TombstoneEntry): void {
    this.#entries.push(entry);
  }

  /** The oldest entry that is due, or undefined. */
  takeDue(now: Instant): TombstoneEntry | undefined {
    const entry = this.#entries[this.#head];
    if (entry === undefined || entry.due > now) return undefined;
    this.#head += 1;
    if (this.#head >= COMPACT_COUNT && this.#head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return entry;
  }

  nextDue(): Instant {
    return this.#entries[this.#head]?.due ?? NEVER;
  }
}
