/**
 * What a name may be: 1 to 200 bytes of UTF-8, no control characters, for some no `/`.
 *
 * Also no U+FEFF, which some decoders drop at the start of a text, and no U+FFFD, which stands for
 * bytes that were no UTF-8: a name must be the same on every node, or digests never agree.
 */
import { NAME_MAX_BYTES, type Refusal } from "@fpzk/core";

/** What names there are, and what each allows. */
export const NAME_RULES = {
  namespace: { mayBeEmpty: false, maySlash: false },
  service: { mayBeEmpty: false, maySlash: false },
  id: { mayBeEmpty: false, maySlash: true },
  nodeId: { mayBeEmpty: false, maySlash: true },
  clientId: { mayBeEmpty: false, maySlash: true },
  clusterName: { mayBeEmpty: false, maySlash: true },
  group: { mayBeEmpty: true, maySlash: true },
  version: { mayBeEmpty: true, maySlash: true },
  region: { mayBeEmpty: true, maySlash: true },
  zone: { mayBeEmpty: true, maySlash: true },
} as const satisfies Record<string, { mayBeEmpty: boolean; maySlash: boolean }>;
export type NameKind = keyof typeof NAME_RULES;

/** Why a value is no name of this kind; undefined when it is one. */
export function checkName(kind: NameKind, value: unknown): Refusal | undefined {
  const problem = findNameProblem(kind, value);
  if (problem === undefined) return undefined;
  return { code: "invalid_argument", message: `${kind} ${show(value)} ${problem}` };
}

/** The bound that a value breaks as a name of this kind, for example `must have 1 to 200 bytes`. */
export function findNameProblem(kind: NameKind, value: unknown): string | undefined {
  if (typeof value !== "string") return "must be a text";
  const rule = NAME_RULES[kind];
  if (value.length === 0) {
    return rule.mayBeEmpty ? undefined : `must have 1 to ${NAME_MAX_BYTES} bytes`;
  }
  return findTextProblem(value, NAME_MAX_BYTES, rule.maySlash);
}

/**
 * The bound that a text breaks: its bytes as UTF-8, control characters (C0, DEL, C1), halves of
 * surrogate pairs, U+FEFF, U+FFFD, and `/` where it is not allowed.
 */
export function findTextProblem(
  text: string,
  maxBytes: number,
  maySlash = true,
): string | undefined {
  const length = text.length;
  if (length > maxBytes) return `must have at most ${maxBytes} bytes`;
  let byteCount = length;
  for (let index = 0; index < length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit > 0x2f && unit < 0x7f) continue;
    if (unit < 0x20 || (unit >= 0x7f && unit < 0xa0)) {
      return `must have no control characters, but has U+${hex(unit)} at ${index}`;
    }
    if (unit === 0x2f && !maySlash) return `must have no '/', but has one at ${index}`;
    if (unit < 0x80) continue;
    byteCount += unit < 0x800 ? 1 : 2;
    if (unit === 0xfeff || unit === 0xfffd) {
      return `must be whole Unicode, but has U+${hex(unit)} at ${index}`;
    }
    if (unit < 0xd800 || unit > 0xdfff) continue;
    const next = text.charCodeAt(index + 1);
    if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) {
      return `must be Unicode, but has half a surrogate pair at ${index}`;
    }
    // Four bytes for two units: two were counted for the pair and two more for its first half.
    index += 1;
  }
  return byteCount > maxBytes ? `must have at most ${maxBytes} bytes` : undefined;
}

/** A value for a message: as JSON, cut to 80 characters. */
export function show(value: unknown): string {
  if (typeof value === "string") return cut(JSON.stringify(value.slice(0, 80)));
  if (value === undefined) return "undefined";
  if (value instanceof Uint8Array) return `bytes(${value.length})`;
  if (Array.isArray(value)) return `array(${value.length})`;
  if (typeof value === "object" && value !== null) return "object";
  return cut(String(value));
}

function cut(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

function hex(unit: number): string {
  return unit.toString(16).toUpperCase().padStart(4, "0");
}
