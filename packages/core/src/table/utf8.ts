/**
 * UTF-8 for a package that knows no TextEncoder, made so that every JavaScript string survives.
 *
 * Well-formed text gives plain UTF-8. A lone surrogate, which UTF-8 proper cannot say, is encoded
 * as the three bytes of its code unit ("WTF-8"), so that two different strings never become equal
 * bytes. Decoding trusts its input: it reads back what was encoded here.
 *
 * @see Simon Sapin, "The WTF-8 encoding", https://wtf-8.codeberg.page/
 */
import { assert } from "../assert.js";

/** The most bytes that one UTF-16 code unit can take. */
export const UTF8_UNIT_MAX_BYTES = 3;

/** Bytes that a text takes, without encoding it. */
export function utf8ByteLength(text: string): number {
  let bytes = 0;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) {
      bytes += 1;
    } else if (unit < 0x800) {
      bytes += 2;
    } else if (isPairAt(text, index, unit)) {
      bytes += 4;
      index += 1;
    } else {
      bytes += 3;
    }
  }
  return bytes;
}

/**
 * Encodes a text into `target` from `offset` on.
 *
 * @returns The offset after the last byte. The caller made sure that there is room.
 */
export function encodeUtf8(text: string, target: Uint8Array, offset: number): number {
  let at = offset;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) {
      target[at++] = unit;
    } else if (unit < 0x800) {
      target[at++] = 0xc0 | (unit >> 6);
      target[at++] = 0x80 | (unit & 0x3f);
    } else if (isPairAt(text, index, unit)) {
      index += 1;
      const point = 0x10000 + ((unit - 0xd800) << 10) + (text.charCodeAt(index) - 0xdc00);
      target[at++] = 0xf0 | (point >> 18);
      target[at++] = 0x80 | ((point >> 12) & 0x3f);
      target[at++] = 0x80 | ((point >> 6) & 0x3f);
      target[at++] = 0x80 | (point & 0x3f);
    } else {
      target[at++] = 0xe0 | (unit >> 12);
      target[at++] = 0x80 | ((unit >> 6) & 0x3f);
      target[at++] = 0x80 | (unit & 0x3f);
    }
  }
  assert(at <= target.length, "an encoded text must fit the room given");
  return at;
}

/** The text encoded in `source` from `start` up to `end`. */
export function decodeUtf8(source: Uint8Array, start: number, end: number): string {
  let text = "";
  let at = start;
  while (at < end) {
    const first = source[at++]!;
    if (first < 0x80) {
      text += String.fromCharCode(first);
    } else if (first < 0xe0) {
      text += String.fromCharCode(((first & 0x1f) << 6) | (source[at++]! & 0x3f));
    } else if (first < 0xf0) {
      const middle = (source[at++]! & 0x3f) << 6;
      text += String.fromCharCode(((first & 0x0f) << 12) | middle | (source[at++]! & 0x3f));
    } else {
      const high = ((first & 0x07) << 18) | ((source[at++]! & 0x3f) << 12);
      const middle = (source[at++]! & 0x3f) << 6;
      text += String.fromCodePoint(high | middle | (source[at++]! & 0x3f));
    }
  }
  return text;
}

/** Whether a surrogate pair starts at `index`. */
function isPairAt(text: string, index: number, unit: number): boolean {
  if (unit < 0xd800 || unit > 0xdbff || index + 1 >= text.length) return false;
  const next = text.charCodeAt(index + 1);
  return next >= 0xdc00 && next <= 0xdfff;
}
