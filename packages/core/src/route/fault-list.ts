/** Checks of values from outside that name every fault at once: its place, its value, its bound. */
import { NAME_MAX_BYTES } from "../limits.js";
import { utf8ByteLength } from "../table/utf8.js";

/** A value with members, not a list. */
export type Fields = Readonly<Record<string, unknown>>;

export class FaultList {
  readonly faults: string[] = [];

  add(at: string, value: unknown, bound: string): undefined {
    this.faults.push(`${at} ${shown(value)} ${bound}`);
    return undefined;
  }

  /** The members of an object, none of them unknown. */
  fields(at: string, value: unknown, known: readonly string[]): Fields | undefined {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return this.add(at, value, `must be an object with ${known.join(", ")}`);
    }
    for (const key of Object.keys(value)) {
      if (known.includes(key)) continue;
      this.add(
        `${at}.${printable(key)}`,
        (value as Fields)[key],
        `is unknown; known: ${known.join(", ")}`,
      );
    }
    return value as Fields;
  }

  list(at: string, value: unknown, max: number): readonly unknown[] | undefined {
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) return this.add(at, value, "must be a list");
    if (value.length >= 1 && value.length <= max) return value;
    return this.add(at, value, `must have 1 to ${max} entries`);
  }

  text(at: string, value: unknown, rule: TextRule): string | undefined {
    if (value === undefined) return undefined;
    if (typeof value === "string" && rule.isAllowed(value)) return value;
    return this.add(at, value, `must be ${rule.allowed}`);
  }

  boolean(at: string, value: unknown): boolean | undefined {
    if (value === undefined || typeof value === "boolean") return value;
    return this.add(at, value, "must be true or false");
  }

  whole(at: string, value: unknown, min: number, max: number): number | undefined {
    if (value === undefined) return undefined;
    const isWithin = typeof value === "number" && Number.isSafeInteger(value);
    if (isWithin && value >= min && value <= max) return value;
    return this.add(at, value, `must be a whole number, ${min} to ${max}`);
  }
}

export interface TextRule {
  readonly isAllowed: (text: string) => boolean;
  /** To follow "must be ". */
  readonly allowed: string;
}

/** A service, a namespace or the name of a route. */
export const NAME_RULE: TextRule = {
  isAllowed: (text) => isLabel(text) && text !== "" && !text.includes("/"),
  allowed: `a text of 1 to ${NAME_MAX_BYTES} bytes without control characters and "/"`,
};

/** What instances say of themselves: a group, a version, a zone. */
export const LABEL_RULE: TextRule = {
  isAllowed: isLabel,
  allowed: `a text of up to ${NAME_MAX_BYTES} bytes without control characters`,
};

function isLabel(text: string): boolean {
  return isPrintable(text) && utf8ByteLength(text) <= NAME_MAX_BYTES;
}

/** No control characters (C0, DEL, C1). */
export function isPrintable(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x20 || (unit >= 0x7f && unit < 0xa0)) return false;
  }
  return true;
}

/** A value for a message: short, on one line. */
export function shown(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  }
  if (Array.isArray(value)) return `(a list of ${value.length})`;
  if (typeof value === "object" && value !== null) return "(an object)";
  return String(value).slice(0, 80);
}

function printable(key: string): string {
  return isPrintable(key) ? key.slice(0, 80) : shown(key);
}
