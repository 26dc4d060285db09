/**
 * Up to where a copy's lacking a record proves that it is gone.
 *
 * A giver leaves out of one origin's stream what another origin's record has replaced. Where that
 * record comes later, or by another way, the versions seen cover for a while what is neither here
 * nor gone. So each delta says, for each origin, up to which version its records may have replaced
 * others' (`replacedBy`), and a copy proves nothing new until it has read all that. What it proved
 * before still holds: its position stands still meanwhile. What a copy was told it tells on with
 * all that it gives, for it may itself have left out what its own giver did.
 *
 * Why it suffices: let a copy have seen a record that it was not sent. Then a higher record of the
 * same key is named in `replacedBy`. Once that was read it is held, or replaced by a higher one
 * that is named as well; stamps only rise, so at the end of the chain stands a held record, or a
 * removal.
 *
 * Does not ask for what it waits for: repair does.
 */
import type { OriginIndex } from "../table/record-table.js";
import { after, type Instant } from "../time.js";

/**
 * Who has waited so long, and lacks nothing that any neighbour names, waits for what was lost with
 * all who had it. Longer than repair takes over three hops, with much to spare.
 */
export const REPLACEMENT_WAIT_MS = 30_000;

export class ClosedPosition {
  /** By origin index: the highest version known to have replaced another origin's record. */
  readonly #replacedBy: number[] = [];
  /** By origin index: what is waited for no more. */
  readonly #waived: number[] = [];
  /** Origins whose records up to `#replacedBy` have not all been read, since when. */
  readonly #awaited = new Map<OriginIndex, Instant>();
  /** What was seen when the first of them was named; undefined while none is. */
  #proven: readonly number[] | undefined;
  #revision = 0;

  /** Rises when more is named. */
  get revision(): number {
    return this.#revision;
  }

  /** Nothing is awaited: all that was seen is proved. */
  get isClosed(): boolean {
    return this.#proven === undefined;
  }

  /** The part of the versions seen of an origin that proves what is lacking gone. */
  provenUpTo(index: OriginIndex, seen: number): number {
    return this.#proven === undefined ? seen : Math.min(seen, this.#proven[index] ?? 0);
  }

  /**
   * A record of the origin, up to this version, replaced another's. To be said before what was
   * replaced counts as seen.
   *
   * @param read - Up to here all of the origin was read.
   * @param seen - By origin index, what was seen.
   */
  name(
    index: OriginIndex,
    version: number,
    known: { readonly read: number; readonly seen: readonly number[]; readonly now: Instant },
  ): void {
    if (version <= (this.#replacedBy[index] ?? 0)) return;
    this.#replacedBy[index] = version;
    this.#revision += 1;
    if (version <= known.read || version <= (this.#waived[index] ?? 0)) return;
    this.#proven ??= [...known.seen];
    if (!this.#awaited.has(index)) this.#awaited.set(index, known.now);
  }

  /** More was read: what is here is waited for no more. */
  settle(readVersion: (index: OriginIndex) => number): void {
    for (const index of this.#awaited.keys()) {
      if (readVersion(index) >= (this.#replacedBy[index] ?? 0)) this.#awaited.delete(index);
    }
    if (this.#awaited.size === 0) this.#proven = undefined;
  }

  /** Whether something has been waited for as long as makes sense. */
  hasOverdue(now: Instant): boolean {
    for (const since of this.#awaited.values()) {
      if (now >= after(since, REPLACEMENT_WAIT_MS)) return true;
    }
    return false;
  }

  /** Gives up waiting for what is overdue: nobody has it. */
  waiveOverdue(now: Instant): OriginIndex[] {
    const waived: OriginIndex[] = [];
    for (const [index, since] of this.#awaited) {
      if (now < after(since, REPLACEMENT_WAIT_MS)) continue;
      this.#waived[index] = this.#replacedBy[index] ?? 0;
      this.#awaited.delete(index);
      waived.push(index);
    }
    if (this.#awaited.size === 0) this.#proven = undefined;
    return waived;
  }

  /** What is to be told to one who has read of each origin up to `readBy`. */
  *lackedBy(readBy: (index: OriginIndex) => number): Iterable<[OriginIndex, number]> {
    for (const key of Object.keys(this.#replacedBy)) {
      const index = Number(key);
      const version = this.#replacedBy[index] ?? 0;
      if (version <= (this.#waived[index] ?? 0) || version <= readBy(index)) continue;
      yield [index, version];
    }
  }

  /** The origin was collected, or begins anew. */
  forget(index: OriginIndex): void {
    this.#replacedBy[index] = 0;
    this.#waived[index] = 0;
    this.#awaited.delete(index);
    if (this.#awaited.size === 0) this.#proven = undefined;
  }
}
