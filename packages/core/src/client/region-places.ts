/**
 * Which region's own records a view takes in, and which it shows.
 *
 * A region's own record is a key of that region: records of two regions with one name do not
 * compete, and a tombstone of one says nothing of the other. So a view keeps each region's apart,
 * in a *place*. It takes in those of the region that it is connected in, and shows those of the
 * region that last gave it a complete answer. Where a saved view names no region, its own are those
 * of the first one that answers, as far as their owners are there.
 */
import { VIEW_REGION_COUNT_MAX } from "../limits.js";

/** Place of what is seen everywhere. */
export const GLOBAL_PLACE = 0;
/** The first region's, which has no name until a node has told it. */
const FIRST_PLACE = 1;

export class RegionPlaces {
  /** Name → place, in the order in which the regions were entered last. */
  readonly #places = new Map<string, number>();
  #entered = FIRST_PLACE;
  #shown = FIRST_PLACE;
  /** Whose own is in the first place is known: some region has answered, or was entered before. */
  #isSettled = false;

  /** Of the region that the client is connected in. */
  get entered(): number {
    return this.#entered;
  }

  /** Of the region whose own records are shown. */
  get shown(): number {
    return this.#shown;
  }

  /** The region that the client is connected in; empty before any has said its name. */
  get enteredRegion(): string {
    return this.#nameOf(this.#entered);
  }

  /** The region whose own records are shown; empty until one has answered. */
  get shownRegion(): string {
    return this.#isSettled ? this.#nameOf(this.#shown) : "";
  }

  /**
   * A session in a region begins.
   *
   * @returns A place whose content is to be forgotten first, because it is used anew.
   */
  enter(region: string): number | undefined {
    if (region === "") return undefined;
    if (!this.#isSettled) this.#places.clear();
    const known = this.#places.get(region);
    const forgotten = known === undefined ? this.#makeRoom() : undefined;
    this.#entered = known ?? forgotten ?? this.#places.size + FIRST_PLACE;
    this.#places.delete(region);
    this.#places.set(region, this.#entered);
    return forgotten;
  }

  /** The region gave a complete answer: its own records are shown. True when others were. */
  arrive(): boolean {
    this.#isSettled = this.#places.size > 0;
    const isOther = this.#shown !== this.#entered;
    this.#shown = this.#entered;
    return isOther;
  }

  #nameOf(wanted: number): string {
    for (const [region, place] of this.#places) if (place === wanted) return region;
    return "";
  }

  #makeRoom(): number | undefined {
    if (this.#places.size < VIEW_REGION_COUNT_MAX) return undefined;
    for (const [region, place] of this.#places) {
      if (place === this.#shown || place === this.#entered) continue;
      this.#places.delete(region);
      return place;
    }
    return undefined;
  }
}
