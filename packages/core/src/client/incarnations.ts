/**
 * When this process began, and with which incarnation it registers what comes next.
 *
 * It begins at the hybrid clock of the node that welcomed it first, so that it comes above every
 * process that began before, also where nobody knows of those. A process that stands still, and a
 * node that reads late what was sent to it, cannot make an earlier beginning a later one; nor can a
 * claim above another process, which raises the incarnation and not the beginning.
 */
import { HLC_COUNTER_SPAN } from "../hlc.js";
import { type Random, randomBelow } from "../random.js";

export class Incarnations {
  readonly #random: Random;
  #first: number | undefined;
  #next = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** False before the first welcome: what is sent then could be read when its age cannot be told. */
  get isKnown(): boolean {
    return this.#first !== undefined;
  }

  /** When this process began; 0 lets the node choose. */
  get first(): number {
    return this.#first ?? 0;
  }

  /** For a registration that has none yet; 0 lets the node choose. */
  get next(): number {
    return this.#next;
  }

  /** A node said what to begin with; the first one is heard. */
  welcomed(firstIncarnation: number): void {
    if (this.#first !== undefined) return;
    this.#first = firstIncarnation;
    this.#next = firstIncarnation;
  }

  /**
   * Above another process's. By a random step, shorter than a millisecond of the clock, so that two
   * processes that go above the same do not meet.
   */
  above(incarnation: number): number {
    const next = incarnation + 1 + randomBelow(this.#random, HLC_COUNTER_SPAN);
    return Math.min(next, Number.MAX_SAFE_INTEGER);
  }

  /** An id was let go of: registered again, it is another life. */
  letGo(incarnation: number): void {
    if (this.#next > 0) this.#next = this.above(Math.max(this.#next, incarnation));
  }
}
