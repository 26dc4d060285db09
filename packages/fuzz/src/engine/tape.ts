/** Bytes read as choices: a mutated input is another sequence of valid steps. */
export class Tape {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    const value = this.#bytes[this.#at] ?? 0;
    this.#at += 1;
    return value;
  }

  /** 0 to `count` - 1. */
  below(count: number): number {
    const value = count <= 256 ? this.byte() : this.byte() * 256 + this.byte();
    return value % count;
  }

  flag(): boolean {
    return (this.byte() & 1) === 1;
  }

  pick<const T>(list: readonly [T, ...T[]]): T {
    return list[this.below(list.length)] ?? list[0];
  }

  list<T>(countMax: number, make: () => T): T[] {
    return Array.from({ length: this.below(countMax + 1) }, make);
  }
}
