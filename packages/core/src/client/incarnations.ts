/**
 * With which incarnation this process registers an id, and which ids it held before.
 *
 * It begins at the hybrid clock of the node that welcomed it first, so that it comes above every
 * process that began before, also where nobody knows of those. A process that stands still, and a
 * node that reads late what was sent to it, cannot make an earlier beginning a later one.
 */
import { HLC_COUNTER_SPAN } from "../hlc.js";
import { SESSION_INSTANCE_COUNT_MAX } from "../limits.js";
import { type Random, randomBelow } from "../random.js";

export class Incarnations {
  readonly #random: Random;
  /** What the next registration begins with; 0 lets the node choose. */
  #next: number | undefined;
  /** Ids that were held and let go of, the oldest first; at most as many as may be held. */
  readonly #former = new Set<string>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** False before the first welcome: what is sent then could be read when its age cannot be told. */
  get isKnown(): boolean {
    return this.#next !== undefined;
  }

  /** For a registration that has none yet. */
  get next(): number {
    return this.#next ?? 0;
  }

  /** A node said what to begin with; the first one is heard. */
  welcomed(firstIncarnation: number): void {
    this.#next ??= firstIncarnation;
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
  letGo(key: string, incarnation: number, { wasHeld }: { readonly wasHeld: boolean }): void {
    if (this.#next !== undefined && this.#next > 0) {
      this.#next = this.above(Math.max(this.#next, incarnation));
    }
    if (!wasHeld) return;
    this.#former.delete(key);
    this.#former.add(key);
    const [oldest] = this.#former;
    const isFull = this.#former.size > SESSION_INSTANCE_COUNT_MAX;
    if (isFull && oldest !== undefined) this.#former.delete(oldest);
  }

  /** Whether this process held the id before. */
  wasHeld(key: string): boolean {
    return this.#former.has(key);
  }
}
