/** New inputs from old ones: bytes changed anywhere, and values changed where a form is known. */
import { type Random, randomBelow } from "@fpzk/core";
import { Packr } from "msgpackr";
import type { InputForm } from "./target.js";
import { mutateTree } from "./tree-mutation.js";

const packr = new Packr({ useRecords: false, int64AsType: "number", moreTypes: false });
const CHANGE_COUNT_MAX = 6;
const INTERESTING_BYTES = [0, 1, 0x7f, 0x80, 0xff, 0xc0, 0xc1, 0xdd, 0x90, 0x0a, 0x20, 0x2f, 0x22];

export interface Mutator {
  readonly form: InputForm;
  readonly words: readonly string[];
  readonly maxBytes: number;
  readonly random: Random;
}

/** A changed copy of `input`, perhaps with parts of `other`. */
export function mutate(mutator: Mutator, input: Uint8Array, other: Uint8Array): Uint8Array {
  const { form, random, maxBytes } = mutator;
  const isStructured = (form === "frame" || form === "json") && randomBelow(random, 4) > 0;
  const changed = isStructured ? mutateValues(mutator, input) : mutateBytes(mutator, input, other);
  return changed.subarray(0, maxBytes);
}

function mutateValues(mutator: Mutator, input: Uint8Array): Uint8Array {
  try {
    if (mutator.form === "json") {
      const value: unknown = JSON.parse(Buffer.from(input).toString());
      return Buffer.from(JSON.stringify(mutateTree(value, mutator)) ?? "null");
    }
    return Uint8Array.from(packr.pack(mutateTree(packr.unpack(input as Buffer), mutator)));
  } catch {
    // It has not the form any more: then its bytes.
    return mutateBytes(mutator, input, input);
  }
}

function mutateBytes(mutator: Mutator, input: Uint8Array, other: Uint8Array): Uint8Array {
  const { random, words } = mutator;
  let bytes = Buffer.from(input);
  const changeCount = 1 + randomBelow(random, CHANGE_COUNT_MAX);
  for (let count = 0; count < changeCount; count += 1) {
    const at = randomBelow(random, bytes.length + 1);
    const length = 1 + randomBelow(random, Math.max(1, Math.min(64, bytes.length)));
    switch (randomBelow(random, 9)) {
      case 0:
        if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << randomBelow(random, 8));
        break;
      case 1:
        if (at < bytes.length) bytes[at] = randomBelow(random, 256);
        break;
      case 2:
        if (at < bytes.length) bytes[at] = pick(random, INTERESTING_BYTES) ?? 0;
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
        break;
      case 4:
        bytes = insert(bytes, at, bytes.subarray(at, at + length));
        break;
      case 5: {
        const from = randomBelow(random, other.length + 1);
        bytes = insert(bytes, at, other.subarray(from, from + length));
        break;
      }
      case 6: {
        const word = pick(random, words);
        if (word !== undefined) bytes = insert(bytes, at, Buffer.from(word));
        break;
      }
      case 7:
        bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(at)]);
        break;
      case 8:
        if (at < bytes.length) bytes[at] = ((bytes[at] ?? 0) + randomBelow(random, 9) - 4) & 0xff;
        break;
    }
  }
  return bytes;
}

function insert(bytes: Buffer, at: number, part: Uint8Array): Buffer<ArrayBuffer> {
  return Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(at)]);
}

/** Any of a list; undefined of an empty one. */
export function pick<T>(random: Random, list: readonly T[]): T | undefined {
  return list[randomBelow(random, Math.max(1, list.length))];
}
