import type { Slot } from "../table/record-table.js";

/** A set of slots as bits: a million cost 125 kB. */
export class SlotSet {
  #bits = new Uint8Array(1024);

  add(slot: Slot): void {
    const byte = slot >>> 3;
    if (byte >= this.#bits.length) {
      const grown = new Uint8Array(Math.max(byte + 1, this.#bits.length * 2));
      grown.set(this.#bits);
      this.#bits = grown;
    }
    this.#bits[byte] = (this.#bits[byte] ?? 0) | (1 << (slot & 7));
  }

  has(slot: Slot): boolean {
    return ((this.#bits[slot >>> 3] ?? 0) & (1 << (slot & 7))) !== 0;
  }
}
