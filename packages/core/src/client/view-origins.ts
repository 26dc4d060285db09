/**
 * How much a view has seen of each origin.
 *
 * `seen` is what to tell a node on the next watch: it rises with every delivery. `proven` rises only
 * with a final snapshot part: every record up to it was received or is gone, so a record at or below
 * it that the view does not know was removed before, and does not return although its tombstone has
 * been forgotten (P5).
 */
import { ORIGIN_COUNT_MAX } from "../limits.js";
import type { OriginVersion } from "../messages.js";
import { type Origin, originText } from "../record.js";
import { GLOBAL_PLACE } from "./region-places.js";

export interface OriginProgress {
  readonly origin: Origin;
  /** See `region-places.ts`. */
  readonly place: number;
  seenVersion: number;
  provenVersion: number;
}

export class ViewOrigins {
  readonly #origins = new Map<string, OriginProgress>();

  /**
   * The progress of an origin, which begins here if it is new, or was noted in another place: where
   * a saved view names no region, what it says of a region's own may be in the wrong one.
   */
  of(origin: Origin, place: number): OriginProgress {
    const key = originText(origin);
    const held = this.#origins.get(key);
    if (held !== undefined && held.place === place) return held;
    const progress = { origin, place, seenVersion: 0, provenVersion: 0 };
    this.#origins.set(key, progress);
    return progress;
  }

  /** What was seen of everyone's origins and of some regions' own; equal views say the same. */
  position(isWanted: (region: number) => boolean): readonly OriginVersion[] {
    const keys = [...this.#origins.keys()].sort();
    return keys.flatMap((key) => {
      const progress = this.#origins.get(key);
      if (progress === undefined || progress.seenVersion === 0) return [];
      if (progress.place !== GLOBAL_PLACE && !isWanted(progress.place)) return [];
      return [{ origin: progress.origin, version: progress.seenVersion }];
    });
  }

  /** Everything up to these versions was received, or is gone. */
  prove(position: readonly OriginVersion[], placeOf: (origin: Origin) => number): void {
    for (const { origin, version } of position) {
      const progress = this.of(origin, placeOf(origin));
      progress.seenVersion = Math.max(progress.seenVersion, version);
      progress.provenVersion = Math.max(progress.provenVersion, version);
    }
    if (this.#origins.size <= ORIGIN_COUNT_MAX) return;
    // Beyond the bound, those that the last answer did not name go.
    const named = new Set(position.map((entry) => originText(entry.origin)));
    for (const key of this.#origins.keys()) {
      if (!named.has(key)) this.#origins.delete(key);
    }
  }

  /** Forgets those of a place. */
  forget(place: number): void {
    for (const [key, progress] of this.#origins) {
      if (progress.place === place) this.#origins.delete(key);
    }
  }
}
