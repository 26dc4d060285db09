/** A source of randomness; production and simulation inject the same seeded kind. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
}

/**
 * A seeded generator: equal seeds give equal sequences on every machine.
 *
 * SplitMix32-style mixing ("mulberry32", Tommy Ettinger, public domain). Not for secrets.
 */
export class SeededRandom implements Random {
  /** Signed: V8 boxes numbers above 2^31, which would allocate at every other draw. */
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  /** A generator of its own for one concern, so that drawing more there shifts nobody else. */
  fork(): SeededRandom {
    return new SeededRandom(Math.floor(this.next() * 4294967296));
  }
}

/** A whole number in [0, bound). `bound` must be at least 1. */
export function randomBelow(random: Random, bound: number): number {
  return Math.floor(random.next() * bound);
}
