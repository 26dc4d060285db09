/**
 * Where a column table keeps ids and bodies: a log of entries in fixed chunks, cleaned as it ages.
 *
 * New entries go to the end of the newest chunk; a replaced or removed one is merely dead. When a
 * quarter of all chunk bytes is dead, the chunk with the most dead bytes is moved: its living
 * entries go to the end of the log and the chunk is used again. Entries name their slot, so that
 * a walk over a chunk finds which are alive (the slot's reference points back) and who to tell.
 *
 * Bound: `byteCount` <= max(4/3 x living bytes, living bytes + 2 chunks) + 3 chunks, whatever the
 * history. One call moves at most {@link MOVES_PER_CALL_MAX} chunks, so no call is long.
 *
 * Entry: slot (3 bytes), length of the id (1), length of the body (1 to 3, base 128), id, body;
 * padded to {@link GRANULE_BYTES}. A reference is chunk number and offset in granules, 32 bits.
 *
 * @see Rosenblum & Ousterhout, "The Design and Implementation of a Log-Structured File System"
 * (1992), for cleaning by segments.
 */
import { assert } from "../assert.js";
import { BODY_MAX_BYTES, NAME_MAX_BYTES } from "../limits.js";
import { hashByteRange } from "./byte-hash.js";
import type { Slot } from "./record-table.js";
import { decodeUtf8 } from "./utf8.js";

export const ARENA_CHUNK_BYTES = 256 * 1024;
/** No reference: what a slot without an entry must say. */
export const NO_REFERENCE = 0xffff_ffff;

const GRANULE_BYTES = 2;
const CHUNK_SHIFT = 17;
const OFFSET_MASK = (1 << CHUNK_SHIFT) - 1;
/** 8 GiB: what 32-bit references reach. */
const CHUNK_COUNT_MAX = 1 << (32 - CHUNK_SHIFT);
const HEAD_BYTES = 4;
const MOVES_PER_CALL_MAX = 2;

assert(
  GRANULE_BYTES << CHUNK_SHIFT === ARENA_CHUNK_BYTES,
  "references must cover exactly the bytes of a chunk",
);
assert(NAME_MAX_BYTES <= 0xff, "an id's length must fit one byte");
assert(
  (HEAD_BYTES + 3 + NAME_MAX_BYTES + BODY_MAX_BYTES) * 10 <= ARENA_CHUNK_BYTES,
  "the end of a chunk that the next entry does not fit must be a small part of it",
);

/** Who holds the references to entries, and is told when an entry moves. */
export interface ReferenceHolder {
  reference(slot: Slot): number;
  setReference(slot: Slot, reference: number): void;
}

interface Chunk {
  readonly bytes: Uint8Array;
  /** Offset after the last entry. */
  endBytes: number;
  /** Bytes of dead entries, and of the end that no entry took. */
  deadBytes: number;
}

export class RecordArena {
  /** By chunk number; the number of a chunk given back is used again. */
  readonly #chunks: (Chunk | undefined)[] = [];
  readonly #freeNumbers: number[] = [];
  #chunkCount = 0;
  #current = -1;
  #spare: Chunk | undefined;
  #deadBytes = 0;
  #movedBytes = 0;

  /** Bytes of all chunks held. */
  get byteCount(): number {
    return (this.#chunkCount + (this.#spare === undefined ? 0 : 1)) * ARENA_CHUNK_BYTES;
  }

  /** Bytes of chunks that belong to no living entry, the newest chunk's free end excepted. */
  get deadBytes(): number {
    return this.#deadBytes;
  }

  /** Bytes of living entries that cleaning has copied so far. */
  get movedBytes(): number {
    return this.#movedBytes;
  }

  /** Adds an entry; moves nothing, so that `id` and `body` may be views of older entries. */
  append(slot: Slot, id: Uint8Array, idBytes: number, body: Uint8Array): number {
    const entryBytes = padded(HEAD_BYTES + lengthBytes(body.length) + idBytes + body.length);
    const offset = this.#reserve(entryBytes);
    const { bytes } = this.#chunk(this.#current);
    bytes[offset] = slot & 0xff;
    bytes[offset + 1] = (slot >> 8) & 0xff;
    bytes[offset + 2] = (slot >> 16) & 0xff;
    bytes[offset + 3] = idBytes;
    let at = offset + HEAD_BYTES;
    let rest = body.length;
    while (rest > 0x7f) {
      bytes[at++] = 0x80 | (rest & 0x7f);
      rest >>= 7;
    }
    bytes[at++] = rest;
    // Ids are short: a loop beats a call that makes a view.
    for (let index = 0; index < idBytes; index += 1) bytes[at++] = id[index]!;
    bytes.set(body, at);
    return reference(this.#current, offset);
  }

  /** Puts a body of the same length in place of an entry's; false when the length differs. */
  replaceBody(at: number, body: Uint8Array): boolean {
    const bytes = this.#chunk(at >>> CHUNK_SHIFT).bytes;
    const offset = offsetOf(at);
    if (bodyLength(bytes, offset) !== body.length) return false;
    bytes.set(body, bodyStart(bytes, offset));
    return true;
  }

  /** Declares an entry dead. */
  free(at: number): void {
    const number = at >>> CHUNK_SHIFT;
    const chunk = this.#chunk(number);
    const deadBytes = entryLength(chunk.bytes, offsetOf(at));
    chunk.deadBytes += deadBytes;
    this.#deadBytes += deadBytes;
    assert(chunk.deadBytes <= ARENA_CHUNK_BYTES, "an entry must be freed only once");
    this.#giveBackIfDead(number);
  }

  /** Keeps the bound: moves what lives in the deadest chunks while too many bytes are dead. */
  clean(holder: ReferenceHolder): void {
    for (let moveCount = 0; moveCount < MOVES_PER_CALL_MAX; moveCount += 1) {
      if (this.#deadBytes <= 2 * ARENA_CHUNK_BYTES) return;
      if (this.#deadBytes * 4 <= this.#chunkCount * ARENA_CHUNK_BYTES) return;
      this.#move(this.#deadest(), holder);
    }
  }

  /** A view of an entry's body, good until the next append or clean. */
  body(at: number): Uint8Array {
    const bytes = this.#chunk(at >>> CHUNK_SHIFT).bytes;
    const offset = offsetOf(at);
    const start = bodyStart(bytes, offset);
    return bytes.subarray(start, start + bodyLength(bytes, offset));
  }

  id(at: number): string {
    const bytes = this.#chunk(at >>> CHUNK_SHIFT).bytes;
    const offset = offsetOf(at);
    const start = idStart(bytes, offset);
    return decodeUtf8(bytes, start, start + bytes[offset + 3]!);
  }

  isId(at: number, id: Uint8Array, idBytes: number): boolean {
    const bytes = this.#chunk(at >>> CHUNK_SHIFT).bytes;
    const offset = offsetOf(at);
    if (bytes[offset + 3] !== idBytes) return false;
    const start = idStart(bytes, offset);
    for (let index = 0; index < idBytes; index += 1) {
      if (bytes[start + index] !== id[index]) return false;
    }
    return true;
  }

  /** {@link hashByteRange} of an entry's id. */
  hashId(at: number, seed: number): number {
    const bytes = this.#chunk(at >>> CHUNK_SHIFT).bytes;
    const offset = offsetOf(at);
    const start = idStart(bytes, offset);
    return hashByteRange(bytes, start, start + bytes[offset + 3]!, seed);
  }

  /** Room for an entry at the end of the log. */
  #reserve(entryBytes: number): number {
    const current = this.#chunks[this.#current];
    if (current !== undefined && current.endBytes + entryBytes <= ARENA_CHUNK_BYTES) {
      const offset = current.endBytes;
      current.endBytes += entryBytes;
      return offset;
    }
    if (current !== undefined) {
      const restBytes = ARENA_CHUNK_BYTES - current.endBytes;
      current.deadBytes += restBytes;
      this.#deadBytes += restBytes;
    }
    const full = this.#current;
    this.#openChunk();
    if (current !== undefined) this.#giveBackIfDead(full);
    this.#chunk(this.#current).endBytes = entryBytes;
    return 0;
  }

  #openChunk(): void {
    const number = this.#freeNumbers.pop() ?? this.#chunks.length;
    assert(number < CHUNK_COUNT_MAX, `chunk number ${number} must be below ${CHUNK_COUNT_MAX}`);
    this.#chunks[number] = this.#spare ?? {
      bytes: new Uint8Array(ARENA_CHUNK_BYTES),
      endBytes: 0,
      deadBytes: 0,
    };
    this.#spare = undefined;
    this.#chunkCount += 1;
    this.#current = number;
  }

  /** Gives a chunk without living entries back, unless entries are still added to it. */
  #giveBackIfDead(number: number): void {
    const chunk = this.#chunk(number);
    if (number === this.#current || chunk.deadBytes < ARENA_CHUNK_BYTES) return;
    this.#deadBytes -= chunk.deadBytes;
    this.#chunks[number] = undefined;
    this.#freeNumbers.push(number);
    this.#chunkCount -= 1;
    chunk.endBytes = 0;
    chunk.deadBytes = 0;
    this.#spare = chunk;
  }

  #deadest(): number {
    let best = -1;
    let bestBytes = 0;
    for (let number = 0; number < this.#chunks.length; number += 1) {
      const deadBytes = this.#chunks[number]?.deadBytes ?? 0;
      if (deadBytes > bestBytes && number !== this.#current) {
        best = number;
        bestBytes = deadBytes;
      }
    }
    return best;
  }

  /** Copies the living entries of a chunk to the end of the log, which gives the chunk back. */
  #move(number: number, holder: ReferenceHolder): void {
    const { bytes, endBytes } = this.#chunk(number);
    let offset = 0;
    while (offset < endBytes) {
      const length = entryLength(bytes, offset);
      const slot = slotOf(bytes, offset);
      const from = reference(number, offset);
      if (holder.reference(slot) === from) {
        const to = this.#reserve(length);
        this.#chunk(this.#current).bytes.set(bytes.subarray(offset, offset + length), to);
        holder.setReference(slot, reference(this.#current, to));
        this.#movedBytes += length;
        this.free(from);
      }
      offset += length;
    }
    assert(offset === endBytes, `walk of chunk ${number} ended at ${offset}, not at ${endBytes}`);
    assert(this.#chunks[number]?.bytes !== bytes, `moved chunk ${number} must be given back`);
  }

  #chunk(number: number): Chunk {
    const chunk = this.#chunks[number];
    assert(chunk !== undefined, "a reference must name a chunk in use");
    return chunk;
  }
}

function padded(bytes: number): number {
  return (bytes + GRANULE_BYTES - 1) & ~(GRANULE_BYTES - 1);
}

function reference(number: number, offset: number): number {
  return ((number << CHUNK_SHIFT) | (offset / GRANULE_BYTES)) >>> 0;
}

function offsetOf(at: number): number {
  return (at & OFFSET_MASK) * GRANULE_BYTES;
}

function lengthBytes(length: number): number {
  return length <= 0x7f ? 1 : length <= 0x3fff ? 2 : 3;
}

function slotOf(bytes: Uint8Array, offset: number): Slot {
  return bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16);
}

function bodyLength(bytes: Uint8Array, offset: number): number {
  const first = bytes[offset + HEAD_BYTES]!;
  if (first < 0x80) return first;
  const second = bytes[offset + HEAD_BYTES + 1]!;
  if (second < 0x80) return (first & 0x7f) | (second << 7);
  return (first & 0x7f) | ((second & 0x7f) << 7) | (bytes[offset + HEAD_BYTES + 2]! << 14);
}

function idStart(bytes: Uint8Array, offset: number): number {
  return offset + HEAD_BYTES + lengthBytes(bodyLength(bytes, offset));
}

function bodyStart(bytes: Uint8Array, offset: number): number {
  return idStart(bytes, offset) + bytes[offset + 3]!;
}

function entryLength(bytes: Uint8Array, offset: number): number {
  return padded(bodyStart(bytes, offset) + bodyLength(bytes, offset) - offset);
}
