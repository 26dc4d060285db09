/** The input that runs now, in memory that two threads share: `[count, length, bytes]`. */

const HEAD_BYTES = 8;

export class Board {
  readonly #head: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(memory: SharedArrayBuffer) {
    this.#head = new Int32Array(memory, 0, 2);
    this.#bytes = new Uint8Array(memory, HEAD_BYTES);
  }

  static memoryFor(maxBytes: number): SharedArrayBuffer {
    return new SharedArrayBuffer(HEAD_BYTES + maxBytes);
  }

  put(input: Uint8Array): void {
    const shown = input.subarray(0, this.#bytes.length);
    this.#bytes.set(shown);
    Atomics.store(this.#head, 1, shown.length);
    Atomics.add(this.#head, 0, 1);
  }

  /** Nothing runs any more. */
  rest(): void {
    Atomics.store(this.#head, 0, 0);
  }

  /** Rises with each input; 0 before the first and after the last. */
  get count(): number {
    return Atomics.load(this.#head, 0);
  }

  /** A copy of the input that runs. */
  get input(): Uint8Array {
    return this.#bytes.slice(0, Atomics.load(this.#head, 1));
  }
}
