/**
 * The kinds of settings. One field is one zod schema that carries, beside its check and default,
 * the words that error messages and `docs/configuration.md` use.
 */
import { z } from "zod";
import { isHost, parseHostPort } from "./address.js";
import { formatDurationMs, parseDurationMs } from "./duration.js";

/** How a text from a flag or the environment becomes a value. */
export type FieldKind =
  | "text"
  | "integer"
  | "number"
  | "boolean"
  | "duration"
  | "list"
  | "map"
  | "structure";

/** What people need to know of a field. */
export interface FieldMeta {
  readonly kind: FieldKind;
  /** What it does, one sentence, for the table and `--help`. */
  readonly about: string;
  /** What values are allowed, to follow "allowed: ". */
  readonly allowed: string;
  /** As shown in the table; empty for none. */
  readonly defaultText: string;
  /** Never shown in messages. */
  readonly isSecret: boolean;
}

export const fieldRegistry = z.registry<FieldMeta>();

interface Words {
  readonly about: string;
}

/** A whole number within bounds. */
export function integer(o: Words & { min: number; max: number; default: number }) {
  const schema = z.int().min(o.min).max(o.max).default(o.default);
  return described(schema, o, "integer", integerWords(o), String(o.default));
}

/** A number with a fraction within bounds. */
export function ratio(o: Words & { min: number; max: number; default: number }) {
  const schema = z.number().min(o.min).max(o.max).default(o.default);
  return described(schema, o, "number", `a number from ${o.min} to ${o.max}`, String(o.default));
}

/** A whole number that may be left out. */
export function optionalInteger(o: Words & { min: number; max: number; defaultText: string }) {
  const schema = z.int().min(o.min).max(o.max).optional();
  return described(schema, o, "integer", integerWords(o), o.defaultText);
}

function integerWords(o: { min: number; max: number }): string {
  return `a whole number from ${o.min} to ${o.max}`;
}

export function boolean(o: Words & { default: boolean }) {
  const schema = z.boolean().default(o.default);
  return described(schema, o, "boolean", "true or false", String(o.default));
}

/** A number with a fraction within bounds that may be left out. */
export function optionalRatio(o: Words & { min: number; max: number; defaultText: string }) {
  const schema = z.number().min(o.min).max(o.max).optional();
  return described(schema, o, "number", `a number from ${o.min} to ${o.max}`, o.defaultText);
}

/** Yes or no, or neither. */
export function optionalBoolean(o: Words & { defaultText: string }) {
  return described(z.boolean().optional(), o, "boolean", "true or false", o.defaultText);
}

/** A span of time; milliseconds once parsed. */
export function duration(o: Words & { minMs: number; maxMs: number; defaultMs: number }) {
  const schema = durationSchema(o).default(o.defaultMs);
  return described(schema, o, "duration", durationWords(o), formatDurationMs(o.defaultMs));
}

/** A span of time that may be left out. */
export function optionalDuration(o: Words & { minMs: number; maxMs: number; defaultText: string }) {
  const schema = durationSchema(o).optional();
  return described(schema, o, "duration", durationWords(o), o.defaultText);
}

/** A span of time, or one word; may be left out. */
export function optionalDurationOr<const W extends string>(
  o: Words & { word: W; minMs: number; maxMs: number; defaultText: string },
) {
  const schema = z.union([z.literal(o.word), durationSchema(o)]).optional();
  return described(schema, o, "text", `${o.word}, or ${durationWords(o)}`, o.defaultText);
}

function durationSchema(o: { minMs: number; maxMs: number }) {
  return z.unknown().transform((value, context): number => {
    const durationMs = parseDurationMs(value);
    if (durationMs !== undefined && durationMs >= o.minMs && durationMs <= o.maxMs) {
      return durationMs;
    }
    context.addIssue({ code: "custom", message: "", input: value });
    return z.NEVER;
  });
}

function durationWords(o: { minMs: number; maxMs: number }): string {
  const bounds = `${formatDurationMs(o.minMs)} to ${formatDurationMs(o.maxMs)}`;
  return `a duration such as "3s" or "500ms", or milliseconds, from ${bounds}`;
}

/** One of some words, or none. */
export function optionalChoice<const T extends readonly [string, ...string[]]>(
  o: Words & { values: T; defaultText: string },
) {
  const schema = z.enum(o.values).optional();
  return described(schema, o, "text", `one of ${o.values.join(", ")}`, o.defaultText);
}

export function choice<const T extends readonly [string, ...string[]]>(
  o: Words & { values: T; default: T[number] },
) {
  // A transform, because zod's default wants its own idea of the enum's type.
  const schema = z
    .enum(o.values)
    .optional()
    .transform((value): T[number] => value ?? o.default);
  const allowed = `one of ${o.values.join(", ")}`;
  return described(schema, o, "text", allowed, o.default);
}

/** What a text must be, in code and in words. */
interface TextRule {
  readonly isAllowed: (text: string) => boolean;
  readonly allowed: string;
}

export const NAME_RULE: TextRule = {
  isAllowed: (text) => isName(text) && text !== "",
  allowed: "a text of 1 to 200 bytes without control characters",
};
export const NAME_OR_EMPTY_RULE: TextRule = {
  isAllowed: isName,
  allowed: "a text of up to 200 bytes without control characters",
};
export const HOST_RULE: TextRule = {
  isAllowed: isHost,
  allowed: "an IP address or host name, without a port",
};
export const HOST_PORT_RULE: TextRule = {
  isAllowed: (text) => parseHostPort(text) !== undefined,
  allowed: 'a text "host:port" with a port from 1 to 65535, IPv6 as "[::1]:7100"',
};
export const SEED_RULE: TextRule = {
  isAllowed: (text) => parseHostPort(text, 1) !== undefined,
  allowed: 'a text "host:port", or a DNS name (port 7100)',
};
export const PATH_RULE: TextRule = {
  isAllowed: (text) => text !== "" && !text.includes("\0"),
  allowed: "a path of a file",
};

/** A rule for shared keys: short ones can be guessed from what an eavesdropper sees. */
export function secretRule(minBytes: number): TextRule {
  return {
    isAllowed: (text) => Buffer.byteLength(text) >= minBytes && Buffer.byteLength(text) <= 1_024,
    allowed: `a text of ${minBytes} to 1024 bytes, for example from "openssl rand -base64 36"`,
  };
}

export function text(o: Words & { rule: TextRule; default: string }) {
  const schema = z.string().refine(o.rule.isAllowed).default(o.default);
  return described(schema, o, "text", o.rule.allowed, o.default === "" ? '""' : o.default);
}

export function optionalText(
  o: Words & { rule: TextRule; defaultText: string; isSecret?: boolean },
) {
  const schema = z.string().refine(o.rule.isAllowed).optional();
  return described(schema, o, "text", o.rule.allowed, o.defaultText, o.isSecret ?? false);
}

/** A text that must be there, inside a structure. */
export function requiredText(o: Words & { rule: TextRule; isSecret?: boolean }) {
  const schema = z.string().refine(o.rule.isAllowed);
  return described(schema, o, "text", o.rule.allowed, "", o.isSecret ?? false);
}

/** Texts in a list; in flags and the environment, with commas between. */
export function list(o: Words & { rule: TextRule; max: number }) {
  const item = described(z.string().refine(o.rule.isAllowed), o, "text", o.rule.allowed, "");
  const schema = z.array(item).max(o.max).default([]);
  return described(schema, o, "list", `a list of up to ${o.max}, each ${o.rule.allowed}`, "none");
}

/** Texts by name; in flags and the environment, `name=text` with commas between. */
export function map(o: Words & { rule: TextRule; max: number }) {
  const item = described(z.string().refine(o.rule.isAllowed), o, "text", o.rule.allowed, "");
  const schema = z
    .record(z.string(), item)
    .refine((value) => Object.keys(value).length <= o.max)
    .default({});
  return described(schema, o, "map", `up to ${o.max} entries, each ${o.rule.allowed}`, "none");
}

/** A list of structures; only a file can hold it. */
export function structures<T extends z.core.$ZodShape>(
  o: Words & { allowed: string; shape: T; max: number },
) {
  const item = described(z.strictObject(o.shape), o, "structure", o.allowed, "", true);
  const schema = z.array(item).max(o.max).default([]);
  const allowed = `a list of up to ${o.max}: ${o.allowed}`;
  return described(schema, o, "structure", allowed, "none", true);
}

/** Some of a closed set of words, at least one. */
export function choices<const T extends readonly [string, ...string[]]>(o: Words & { values: T }) {
  const allowed = `a list of at least one of ${o.values.join(", ")}`;
  const item = described(z.enum(o.values), o, "text", `one of ${o.values.join(", ")}`, "");
  return described(z.array(item).min(1), o, "list", allowed, "");
}

function described<S extends z.ZodType>(
  schema: S,
  words: Words,
  kind: FieldKind,
  allowed: string,
  defaultText: string,
  isSecret = false,
): S {
  fieldRegistry.add(schema, { kind, about: words.about, allowed, defaultText, isSecret });
  return schema;
}

function isName(text: string): boolean {
  return Buffer.byteLength(text) <= 200 && !/\p{Cc}/u.test(text);
}
