/**
 * Reads the head of a message, or a trailer section, from bytes as they arrive.
 *
 * Strict: a line ends in CRLF and nothing else; CR, LF, NUL and other control characters stand
 * nowhere within one; no space before a colon; no folded lines. Whatever two readers could take
 * for two different things is refused. Lines are judged in order, byte by byte, so that how the
 * bytes were cut into reads makes no difference.
 *
 * @see RFC 9112 §2.2 (line endings), §5 (field lines), §5.2 (folding).
 */
import { COLON, CR, FIELD_VALUE, HTAB, LF, SP, TOKEN } from "./characters.js";

export interface HeadLimits {
  /** Of the whole section, line ends included. */
  readonly headerMaxBytes: number;
  readonly headerCountMax: number;
}

/** Why a section is refused, by its first fault. */
export type HeadFault =
  | "line-end"
  | "first-line"
  | "fold"
  | "field-name"
  | "field-value"
  | "header-size"
  | "header-count";

/** What {@link HeadReader.read} returns when it needs more bytes. */
export const MORE = -1;
/** What {@link HeadReader.read} returns when {@link HeadReader.fault} says why. */
export const REFUSED = -2;

export class HeadReader {
  readonly #limits: HeadLimits;
  readonly #hasFirstLine: boolean;
  /** What earlier reads brought of an incomplete section. */
  #pending: Buffer | undefined;
  #pendingBytes = 0;
  /** Where the first line begins: empty lines before it are skipped. */
  #startAt = 0;
  /** Where the line begins that is read next, from the section's start. */
  #lineAt = 0;
  #isInFields: boolean;
  #firstLineEnd = 0;
  /** Four offsets a field: name from, name to, value from, value to. */
  readonly #marks: number[] = [];
  #markCount = 0;
  #text = "";
  #fault: HeadFault = "first-line";

  /** @param hasFirstLine - False for trailers, which are fields only. */
  constructor(limits: HeadLimits, hasFirstLine: boolean) {
    this.#limits = limits;
    this.#hasFirstLine = hasFirstLine;
    this.#isInFields = !hasFirstLine;
  }

  /** Whether a section has begun and is not whole. */
  get isWithin(): boolean {
    return this.#pendingBytes > 0;
  }

  /** Why the section was refused. */
  get fault(): HeadFault {
    return this.#fault;
  }

  /** Without its line end. Valid until the next {@link read}. */
  get firstLine(): string {
    return this.#text.slice(0, this.#firstLineEnd);
  }

  /** Fields of the section that was read last, as a fresh list. */
  fields(): string[] {
    const text = this.#text;
    const marks = this.#marks;
    const fields: string[] = [];
    for (let at = 0; at < this.#markCount; at += 4) {
      fields.push(text.slice(marks[at], marks[at + 1]), text.slice(marks[at + 2], marks[at + 3]));
    }
    return fields;
  }

  /**
   * Reads on.
   *
   * @param start - Where in `chunk` unread bytes begin.
   * @returns Where in `chunk` the bytes after the section begin, {@link MORE} when all were taken
   *   and it is not whole, or {@link REFUSED}. After the first and the last a new section begins.
   */
  read(chunk: Buffer, start: number): number {
    const earlierBytes = this.#pendingBytes;
    if (earlierBytes === 0) {
      const end = this.#scan(chunk, start, chunk.length);
      if (end === MORE) this.#keep(chunk, start);
      return end;
    }
    this.#keep(chunk, start);
    const pending = this.#pending as Buffer;
    const end = this.#scan(pending, 0, this.#pendingBytes);
    if (end === MORE) return MORE;
    this.#pending = undefined;
    this.#pendingBytes = 0;
    return end === REFUSED ? REFUSED : start + end - earlierBytes;
  }

  /** Adds to what is pending, never more than a byte above the limit. */
  #keep(chunk: Buffer, start: number): void {
    const maxBytes = this.#limits.headerMaxBytes + 1;
    const addedBytes = Math.min(chunk.length - start, maxBytes - this.#pendingBytes);
    const neededBytes = this.#pendingBytes + addedBytes;
    let pending = this.#pending;
    if (pending === undefined || pending.length < neededBytes) {
      const roomBytes = Math.min(maxBytes, Math.max(512, neededBytes * 2));
      const larger = Buffer.allocUnsafeSlow(roomBytes);
      pending?.copy(larger, 0, 0, this.#pendingBytes);
      pending = larger;
    }
    chunk.copy(pending, this.#pendingBytes, start, start + addedBytes);
    this.#pending = pending;
    this.#pendingBytes = neededBytes;
  }

  /** @returns As {@link read}, but from `bytes`, whose section begins at `base`. */
  #scan(bytes: Buffer, base: number, available: number): number {
    const end = Math.min(available, base + this.#limits.headerMaxBytes);
    let at = base + this.#lineAt;
    if (this.#lineAt === 0) {
      this.#markCount = 0;
      this.#startAt = 0;
    }
    if (!this.#isInFields) {
      at = this.#scanFirstLine(bytes, base, at, end);
      if (at < 0) return at === MORE ? this.#more(end, available) : this.#refuse();
    }
    for (;;) {
      const next = this.#scanField(bytes, base, at, end);
      if (next === MORE) return this.#more(end, available);
      if (next === REFUSED) return this.#refuse();
      this.#lineAt = next - base;
      // Only an empty line is this short.
      if (next === at + 2) {
        const from = base + this.#startAt;
        this.#text = bytes.toString("latin1", from, next);
        this.#begin();
        return next;
      }
      at = next;
    }
  }

  #scanFirstLine(bytes: Buffer, base: number, from: number, end: number): number {
    let at = from;
    // RFC 9112 §2.2: empty lines before a message are skipped; they count for the limit.
    while (at + 1 < end && bytes[at] === CR && bytes[at + 1] === LF) at += 2;
    this.#lineAt = at - base;
    this.#startAt = at - base;
    const lineAt = at;
    while (at < end && FIELD_VALUE[bytes[at] as number] === 1) at += 1;
    if (at >= end) return MORE;
    if (bytes[at] === CR && at + 1 >= end) return MORE;
    if (bytes[at] !== CR || bytes[at + 1] !== LF) {
      const isEnd = bytes[at] === CR || bytes[at] === LF;
      this.#fault = isEnd ? "line-end" : "first-line";
      return REFUSED;
    }
    this.#firstLineEnd = at - lineAt;
    this.#isInFields = true;
    this.#lineAt = at + 2 - base;
    return at + 2;
  }

  #scanField(bytes: Buffer, base: number, from: number, end: number): number {
    let at = from;
    while (at < end && TOKEN[bytes[at] as number] === 1) at += 1;
    if (at >= end) return MORE;
    if (bytes[at] !== COLON || at === from) return this.#oddLine(bytes, from, at, end);
    const nameEnd = at;
    at += 1;
    while (at < end && (bytes[at] === SP || bytes[at] === HTAB)) at += 1;
    const valueFrom = at;
    while (at < end && FIELD_VALUE[bytes[at] as number] === 1) at += 1;
    if (at >= end) return MORE;
    if (bytes[at] !== CR) {
      this.#fault = bytes[at] === LF ? "line-end" : "field-value";
      return REFUSED;
    }
    if (at + 1 >= end) return MORE;
    if (bytes[at + 1] !== LF) {
      this.#fault = "line-end";
      return REFUSED;
    }
    let valueEnd = at;
    while (valueEnd > valueFrom && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HTAB)) {
      valueEnd -= 1;
    }
    if (this.#markCount >= this.#limits.headerCountMax * 4) {
      this.#fault = "header-count";
      return REFUSED;
    }
    const marks = this.#marks;
    const origin = base + this.#startAt;
    marks[this.#markCount] = from - origin;
    marks[this.#markCount + 1] = nameEnd - origin;
    marks[this.#markCount + 2] = valueFrom - origin;
    marks[this.#markCount + 3] = valueEnd - origin;
    this.#markCount += 4;
    return at + 2;
  }

  /** A line that is no field: the empty one that ends the section, or a fault. */
  #oddLine(bytes: Buffer, from: number, at: number, end: number): number {
    const byte = bytes[at];
    if (byte === CR && at === from) {
      if (at + 1 >= end) return MORE;
      if (bytes[at + 1] === LF) return at + 2;
    }
    const isBlank = byte === SP || byte === HTAB;
    if (byte === CR || byte === LF) this.#fault = at === from ? "line-end" : "field-name";
    else if (isBlank && at === from) this.#fault = "fold";
    else this.#fault = "field-name";
    return REFUSED;
  }

  /** What there is does not suffice: wait, unless there is more than the limit already. */
  #more(end: number, available: number): number {
    if (available === end) return MORE;
    this.#fault = "header-size";
    return this.#refuse();
  }

  #refuse(): number {
    this.#begin();
    return REFUSED;
  }

  /** Makes ready for the next section; text and marks stay until it is read. */
  #begin(): void {
    this.#lineAt = 0;
    this.#isInFields = !this.#hasFirstLine;
  }
}
