/** A bounded queue that one reader iterates over; it gathers from its making, not from the first read. */
import { ErrorCode, RegistryError } from "@fpzk/core";

export class ChangeQueue<Item> implements AsyncIterableIterator<Item> {
  readonly #countMax: number;
  readonly #onEnd: () => void;
  #items: Item[] = [];
  #readIndex = 0;
  #waiting: {
    resolve: (result: IteratorResult<Item, undefined>) => void;
    reject: (error: RegistryError) => void;
  }[] = [];
  #error: RegistryError | undefined;
  #isEnded = false;

  constructor(countMax: number, onEnd: () => void) {
    this.#countMax = countMax;
    this.#onEnd = onEnd;
  }

  push(item: Item): void {
    if (this.#isEnded) return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      waiting.resolve({ value: item, done: false });
      return;
    }
    if (this.#items.length - this.#readIndex >= this.#countMax) {
      // What is lost cannot be told apart from what never was: the reader must start anew.
      this.#items = [];
      this.#readIndex = 0;
      const message = `reader of changes lags behind: waiting count must be <= ${this.#countMax}`;
      this.#error = new RegistryError(ErrorCode.resourceExhausted, message);
      this.end();
      return;
    }
    this.#items.push(item);
  }

  /** No more items; what was gathered can still be read. Idempotent. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const { resolve } of this.#waiting) resolve({ value: undefined, done: true });
    this.#waiting = [];
    this.#onEnd();
  }

  next(): Promise<IteratorResult<Item, undefined>> {
    const item = this.#items[this.#readIndex];
    if (item !== undefined) {
      this.#readIndex += 1;
      if (this.#readIndex === this.#items.length) {
        this.#items = [];
        this.#readIndex = 0;
      }
      return Promise.resolve({ value: item, done: false });
    }
    const error = this.#error;
    if (error !== undefined) {
      this.#error = undefined;
      return Promise.reject(error);
    }
    if (this.#isEnded) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<Item, undefined>> {
    this.#items = [];
    this.#readIndex = 0;
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
