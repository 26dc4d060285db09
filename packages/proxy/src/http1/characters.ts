/**
 * Which bytes may stand where, as tables over all 256.
 *
 * @see RFC 9110 §5.5 (field values), §5.6.2 (tokens); RFC 3986 §3.2 (authority).
 */
import type { Fields } from "../call.js";

const DIGITS = "0123456789";
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** `tchar`: methods and field names. */
export const TOKEN = tableOf(`!#$%&'*+-.^_\`|~${DIGITS}${LETTERS}`);
/** HTAB, SP, VCHAR and obs-text: no control character, so no CR, LF and NUL. */
export const FIELD_VALUE = tableWhere((byte) => byte === 9 || (byte >= 0x20 && byte !== 0x7f));
/** Visible ASCII without `#`, which never belongs to a target (RFC 9112 §3.2). */
export const TARGET = tableWhere((byte) => byte > 0x20 && byte < 0x7f && byte !== 0x23);
/** What a host and a port are written with; no `@`, no list of two hosts. */
export const AUTHORITY = tableOf(`-._~%!$&'()*+;=:[]${DIGITS}${LETTERS}`);

export const HTAB = 9;
export const LF = 10;
export const CR = 13;
export const SP = 32;
export const COLON = 58;
export const SEMICOLON = 59;

/** Whether every character is in the table; false for an empty text. */
export function isAll(table: Uint8Array, text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 255 || table[code] !== 1) return false;
  }
  return text.length > 0;
}

/** What is wrong with fields that come from elsewhere than {@link HeadReader}. */
export function fieldsFault(fields: Fields): string | undefined {
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? "";
    const value = fields[index + 1] ?? "";
    if (!isAll(TOKEN, name)) return `a field name ${JSON.stringify(name)} is no token`;
    if (value !== "" && !isAll(FIELD_VALUE, value)) {
      return `field ${name} has a control character or one above U+00FF`;
    }
  }
  return undefined;
}

function tableOf(characters: string): Uint8Array {
  return tableWhere((byte) => characters.includes(String.fromCharCode(byte)));
}

function tableWhere(isIn: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (isIn(byte) ? 1 : 0));
}
