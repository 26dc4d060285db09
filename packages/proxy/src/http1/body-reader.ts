/**
 * Finds a body in the bytes after a head: by length, by chunks, or until the connection ends.
 *
 * Pieces are views of the bytes read. Chunk extensions are read over and never passed on.
 *
 * @see RFC 9112 §6.3 (length), §7.1 (chunked), §7.1.2 (trailer section).
 */
import { NO_FIELDS } from "../call.js";
import { CR, FIELD_VALUE, LF, SEMICOLON } from "./characters.js";
import { type HeadLimits, HeadReader, MORE, REFUSED } from "./head-reader.js";

/** Digits of a chunk's size: 2^52 bytes, and what a number holds exactly. */
const SIZE_DIGITS_MAX = 13;
/** Of all chunks of one body: extensions that nobody reads are only a burden. */
export const EXTENSION_MAX_BYTES = 16_384;

/** What `read` returns beside the place after the body. */
export { MORE, REFUSED };

/** Where within a body the next byte stands. */
const State = {
  done: 0,
  length: 1,
  close: 2,
  firstDigit: 3,
  digits: 4,
  extension: 5,
  sizeLf: 6,
  data: 7,
  dataCr: 8,
  dataLf: 9,
  trailers: 10,
} as const;

type State = (typeof State)[keyof typeof State];

/** Reads one body after the other of a connection. */
export class BodyReader {
  readonly #limits: HeadLimits;
  readonly #onPiece: (piece: Buffer) => void;
  #state: State = State.done;
  /** Bytes left of the length, or of the chunk. */
  #left = 0;
  #digitCount = 0;
  #extensionBytes = 0;
  #trailers: HeadReader | undefined;
  #trailerFields: readonly string[] = NO_FIELDS;
  #fault = "";

  /** @param onPiece - Told of each piece before {@link read} returns. */
  constructor(limits: HeadLimits, onPiece: (piece: Buffer) => void) {
    this.#limits = limits;
    this.#onPiece = onPiece;
  }

  get isDone(): boolean {
    return this.#state === State.done;
  }

  /** Whether the end of the connection ends the body. */
  get endsByClose(): boolean {
    return this.#state === State.close;
  }

  /** What is wrong, after {@link REFUSED}. */
  get fault(): string {
    return this.#fault;
  }

  /** Of the chunked body that was read last. */
  get trailers(): readonly string[] {
    return this.#trailerFields;
  }

  beginLength(bytes: number): void {
    this.#trailerFields = NO_FIELDS;
    this.#left = bytes;
    this.#state = bytes === 0 ? State.done : State.length;
  }

  beginChunked(): void {
    this.#trailerFields = NO_FIELDS;
    this.#extensionBytes = 0;
    this.#state = State.firstDigit;
  }

  beginUntilClose(): void {
    this.#trailerFields = NO_FIELDS;
    this.#state = State.close;
  }

  /** Takes back what was begun: the body is not read. */
  stop(): void {
    this.#state = State.done;
  }

  /** @returns Where the bytes after the body begin, {@link MORE} or {@link REFUSED}. */
  read(chunk: Buffer, start: number): number {
    let at = start;
    const end = chunk.length;
    while (this.#state !== State.done) {
      if (this.#state === State.trailers) return this.#readTrailers(chunk, at);
      if (at >= end) return MORE;
      if (this.#state === State.close) {
        this.#onPiece(at === 0 ? chunk : chunk.subarray(at));
        return MORE;
      }
      if (this.#state === State.length || this.#state === State.data) at = this.#pass(chunk, at);
      else if (!this.#step(chunk[at] as number)) return REFUSED;
      else at += 1;
    }
    return at;
  }

  #pass(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#left);
    this.#left -= end - at;
    if (this.#left === 0) this.#state = this.#state === State.data ? State.dataCr : State.done;
    this.#onPiece(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end));
    return end;
  }

  /** One byte of what stands between the data of two chunks; false for a fault. */
  #step(byte: number): boolean {
    switch (this.#state) {
      case State.firstDigit:
        this.#left = 0;
        this.#digitCount = 0;
        if (hexDigit(byte) < 0) return this.#refuse("a chunk size is no hexadecimal number");
        this.#state = State.digits;
        return this.#stepDigit(byte);
      case State.digits:
        return this.#stepDigit(byte);
      case State.extension:
        if (byte === CR) this.#state = State.sizeLf;
        else if (FIELD_VALUE[byte] !== 1) {
          return this.#refuse("a chunk extension has a control character");
        } else {
          this.#extensionBytes += 1;
          if (this.#extensionBytes > EXTENSION_MAX_BYTES) {
            return this.#refuse(`chunk extensions exceed ${EXTENSION_MAX_BYTES} bytes`);
          }
        }
        return true;
      case State.sizeLf:
        if (byte !== LF) return this.#refuse("a chunk size does not end in CR LF");
        this.#state = this.#left === 0 ? State.trailers : State.data;
        return true;
      case State.dataCr:
        if (byte !== CR) return this.#refuse("a chunk is longer than its size");
        this.#state = State.dataLf;
        return true;
      default:
        if (byte !== LF) return this.#refuse("a chunk does not end in CR LF");
        this.#state = State.firstDigit;
        return true;
    }
  }

  #stepDigit(byte: number): boolean {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      this.#digitCount += 1;
      if (this.#digitCount > SIZE_DIGITS_MAX) return this.#refuse("a chunk size is too large");
      this.#left = this.#left * 16 + digit;
      return true;
    }
    if (byte === CR) this.#state = State.sizeLf;
    else if (byte === SEMICOLON) this.#state = State.extension;
    else return this.#refuse("a chunk size is no hexadecimal number");
    return true;
  }

  #readTrailers(chunk: Buffer, at: number): number {
    this.#trailers ??= new HeadReader(this.#limits, false);
    const end = this.#trailers.read(chunk, at);
    if (end === MORE) return MORE;
    if (end === REFUSED) {
      this.#refuse(`the trailer section is not one of HTTP (${this.#trailers.fault})`);
      return REFUSED;
    }
    this.#trailerFields = this.#trailers.fields();
    this.#state = State.done;
    return end;
  }

  #refuse(fault: string): boolean {
    this.#fault = fault;
    this.#state = State.done;
    return false;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 0x20;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}
