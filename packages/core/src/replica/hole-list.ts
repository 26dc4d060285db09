/**
 * Which versions of one origin this copy has passed over because nobody could read them to it.
 *
 * A hole is a stretch of versions, first excluded, last included, as deltas are. What a later
 * delta covers without a hole of its own closes it. Bounded: beyond {@link ORIGIN_HOLE_COUNT_MAX}
 * the two that lie closest become one, which claims less than is true and never more.
 */
import { assert } from "../assert.js";
import { ORIGIN_HOLE_COUNT_MAX } from "../limits.js";
import type { Hole, RecordGroup } from "../messages.js";
import { originText } from "../record.js";

export class HoleList {
  /** Ascending; no two touch. */
  #holes: Hole[] = [];

  get count(): number {
    return this.#holes.length;
  }

  /** Every version up to here was read; the versions seen when there is no hole. */
  provenUpTo(seen: number): number {
    return Math.min(seen, this.#holes[0]?.after ?? seen);
  }

  has(version: number): boolean {
    return this.#holes.some((hole) => version > hole.after && version <= hole.upTo);
  }

  /** The part of each hole that lies in (`after`, `upTo`]. */
  within(after: number, upTo: number): Hole[] {
    return this.#holes.flatMap((hole) => {
      const part = { ...hole, after: Math.max(after, hole.after), upTo: Math.min(upTo, hole.upTo) };
      return part.after < part.upTo ? [part] : [];
    });
  }

  open(hole: Hole): void {
    if (hole.after >= hole.upTo) return;
    let merged = hole;
    const apart = this.#holes.filter((held) => {
      if (held.upTo < merged.after || held.after > merged.upTo) return true;
      merged = {
        after: Math.min(held.after, merged.after),
        upTo: Math.max(held.upTo, merged.upTo),
        reason: held.reason,
      };
      return false;
    });
    this.#holes = [...apart, merged].sort((a, b) => a.after - b.after);
    if (this.#holes.length > ORIGIN_HOLE_COUNT_MAX) this.#joinClosest();
    assert(this.#holes.length <= ORIGIN_HOLE_COUNT_MAX, "holes must be bounded");
  }

  /** Every version in (`from`, `to`] was read, or proved to be gone. */
  close(from: number, to: number): void {
    this.#holes = this.#holes.flatMap((hole) => {
      if (from <= hole.after)
        return to >= hole.upTo ? [] : [{ ...hole, after: Math.max(hole.after, to) }];
      return to >= hole.upTo && from < hole.upTo ? [{ ...hole, upTo: from }] : [hole];
    });
  }

  #joinClosest(): void {
    let best = 0;
    const distance = (index: number) =>
      (this.#holes[index + 1]?.after ?? Number.POSITIVE_INFINITY) - (this.#holes[index]?.upTo ?? 0);
    for (let index = 1; index < this.#holes.length - 1; index += 1) {
      if (distance(index) < distance(best)) best = index;
    }
    const [left, right] = this.#holes.slice(best, best + 2);
    if (left === undefined || right === undefined) return;
    this.#holes.splice(best, 2, { ...left, upTo: right.upTo });
  }
}

/** What of each origin could not be read in the parts of a reset, in version order. */
export function holesByOrigin(torn: readonly RecordGroup[]): Map<string, Hole[]> {
  const holes = new Map<string, Hole[]>();
  for (const group of torn) {
    const name = originText(group.origin);
    const all = [...(holes.get(name) ?? []), ...(group.holes ?? [])];
    holes.set(
      name,
      all.sort((a, b) => a.after - b.after),
    );
  }
  return holes;
}
