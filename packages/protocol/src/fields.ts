/**
 * Checks of single values of a decoded frame.
 *
 * Each returns the value with its type proved, or throws a {@link WireFault} that names the field,
 * the value and the bound.
 */
import {
  CLAIM_MAX,
  type ErrorCode,
  ROUTE_SET_SERVICE,
  SESSION_NUMBER_MAX,
  type Stamp,
} from "@fpzk/core";
import { findNameProblem, findTextProblem, type NameKind, show } from "./names.js";
import { WireFault } from "./wire-fault.js";
import { DURATION_MAX_MS, TEXT_MAX_BYTES } from "./wire-limits.js";
import { ERROR_NUMBERS, namesByNumber } from "./wire-types.js";

/** The values of an array with at least `countMin` and at most `countMax` of them. */
export function readArray(
  value: unknown,
  field: string,
  countMin: number,
  countMax: number,
): readonly unknown[] {
  if (!Array.isArray(value)) throw new WireFault(field, `${show(value)} must be an array`);
  if (value.length < countMin || value.length > countMax) {
    throw new WireFault(
      field,
      `has ${value.length} values, must have at least ${countMin} and at most ${countMax}`,
    );
  }
  return value;
}

/** A positional structure: at least `countMin` values; later ones are additions, ignored. */
export function readFields(value: unknown, field: string, countMin: number): readonly unknown[] {
  return readArray(value, field, countMin, Number.MAX_SAFE_INTEGER);
}

/** Every element of an array through `read`; a fault names the index. */
export function readList<T>(
  value: unknown,
  field: string,
  countMax: number,
  read: (value: unknown) => T,
): T[] {
  const values = readArray(value, field, 0, countMax);
  const list: T[] = [];
  let index = 0;
  try {
    for (; index < values.length; index += 1) list.push(read(values[index]));
  } catch (fault) {
    throw fault instanceof WireFault ? fault.within(`${field}[${index}]`) : fault;
  }
  return list;
}

/** A whole number in a range. */
export function readInteger(
  value: unknown,
  field: string,
  min = 0,
  max = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
    throw new WireFault(field, `${show(value)} must be a whole number >= ${min} and <= ${max}`);
  }
  return value + 0; // -0 becomes 0
}

export function readDuration(value: unknown, field: string): number {
  return readInteger(value, field, 0, DURATION_MAX_MS);
}

export function readBoolean(value: unknown, field: string): boolean {
  if (typeof value !== "boolean") throw new WireFault(field, `${show(value)} must be a boolean`);
  return value;
}

export function readName(value: unknown, kind: NameKind, field: string = kind): string {
  const problem = findNameProblem(kind, value);
  if (problem !== undefined) throw new WireFault(field, `${show(value)} ${problem}`);
  return value as string;
}

/** What can be watched: a service, or the route sets of the namespace. */
export function readWatchedName(value: unknown): string {
  return value === ROUTE_SET_SERVICE ? ROUTE_SET_SERVICE : readName(value, "service");
}

/** A text without control characters; may be empty. */
export function readText(value: unknown, field: string, maxBytes: number): string {
  const problem = typeof value === "string" ? findTextProblem(value, maxBytes) : "must be a text";
  if (problem !== undefined) throw new WireFault(field, `${show(value)} ${problem}`);
  return value as string;
}

/** A text for people: any characters. */
export function readProse(value: unknown, field: string, maxBytes = TEXT_MAX_BYTES): string {
  if (typeof value !== "string") throw new WireFault(field, `${show(value)} must be a text`);
  if (value.length > maxBytes) {
    throw new WireFault(field, `of ${value.length} characters must have at most ${maxBytes}`);
  }
  return value;
}

export function readBytes(
  value: unknown,
  field: string,
  maxBytes: number,
  minBytes = 0,
): Uint8Array {
  if (!(value instanceof Uint8Array)) {
    throw new WireFault(field, `${show(value)} must be bytes`);
  }
  if (value.length > maxBytes || value.length < minBytes) {
    throw new WireFault(field, `of ${value.length} bytes must have ${minBytes} to ${maxBytes}`);
  }
  return value;
}

/** The name that a number stands for in a table. */
export function readEnum<Name extends string>(
  value: unknown,
  field: string,
  names: ReadonlyMap<number, Name>,
): Name {
  const name = typeof value === "number" ? names.get(value) : undefined;
  if (name === undefined) {
    throw new WireFault(field, `${show(value)} must be one of ${[...names.keys()].join(", ")}`);
  }
  return name;
}

const errorNames = namesByNumber(ERROR_NUMBERS);

export function readErrorCode(value: unknown, field: string): ErrorCode {
  return readEnum(value, field, errorNames);
}

/** An error code, or undefined for 0. */
export function readMaybeErrorCode(value: unknown, field: string): ErrorCode | undefined {
  return value === 0 ? undefined : readErrorCode(value, field);
}

export function writeMaybeErrorCode(code: ErrorCode | undefined): number {
  return code === undefined ? 0 : ERROR_NUMBERS[code];
}

/** A stamp from `[incarnation, session, claim]`. */
export function readStamp(value: unknown, field: string): Stamp {
  const fields = readFields(value, field, 3);
  try {
    return {
      incarnation: readInteger(fields[0], "incarnation"),
      session: readInteger(fields[1], "session", 0, SESSION_NUMBER_MAX),
      claim: readInteger(fields[2], "claim", 0, CLAIM_MAX),
    };
  } catch (fault) {
    throw fault instanceof WireFault ? fault.within(field) : fault;
  }
}

export function writeStamp(stamp: Stamp): unknown[] {
  return [stamp.incarnation, stamp.session, stamp.claim];
}

export function readMaybeStamp(value: unknown, field: string): Stamp | undefined {
  return value === null || value === undefined ? undefined : readStamp(value, field);
}

export function writeMaybeStamp(stamp: Stamp | undefined): unknown[] | null {
  return stamp === undefined ? null : writeStamp(stamp);
}

/** A text for people, cut so that every receiver takes it. */
export function writeProse(text: string, maxCount = TEXT_MAX_BYTES / 4): string {
  return text.length > maxCount ? `${text.slice(0, maxCount - 1)}…` : text;
}

/** A duration as whole milliseconds within what every receiver takes, never shorter than meant. */
export function writeDuration(durationMs: number): number {
  return Math.min(Math.max(Math.ceil(durationMs), 0), DURATION_MAX_MS);
}
