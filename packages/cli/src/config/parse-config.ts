/**
 * Settings from flags, environment and file become one checked, frozen object, or all that is
 * wrong with them at once. Flags win over the environment, which wins over the file.
 */
import { z } from "zod";
import { type ConfigFile, parseConfigFile } from "./config-file.js";
import { type FieldKind, type FieldMeta, fieldRegistry } from "./field.js";
import { type Field, listFields, sectionOf } from "./field-list.js";
import { formatValue, type Mistake, nearestWord } from "./mistake.js";
import type { ConfigKind, RelationValues } from "./relation.js";

export interface ConfigSources {
  readonly file: { readonly name: string; readonly text: string } | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Texts by flag name; a flag given more than once has several, one without a value `true`. */
  readonly flags: ReadonlyMap<string, string | readonly string[] | boolean>;
}

export type ParsedConfig<T> =
  | {
      readonly isGood: true;
      readonly config: T;
      /** Where each setting came from; absent ones have their default. */
      readonly sources: ReadonlyMap<string, string>;
    }
  | { readonly isGood: false; readonly mistakes: readonly Mistake[] };

/** Environment variables of the commands that are no settings. */
export const CLIENT_ENVIRONMENT: readonly string[] = [
  "FPZK_CONFIG",
  "FPZK_SERVER",
  "FPZK_TOKEN",
  "FPZK_NAMESPACE",
  // From the primary to its workers.
  "FPZK_WORKER_PLACE",
];

/** Reads one program's settings from all sources. */
export function parseConfig<S extends z.ZodObject>(
  kind: ConfigKind<S>,
  sources: ConfigSources,
): ParsedConfig<z.output<S>> {
  const fields = listFields(kind.schema, kind.environmentPrefix);
  const mistakes: Mistake[] = [];
  const file = readFile(sources.file, mistakes);
  const raw = new RawSettings(file);
  for (const field of fields) {
    const text = environmentText(field, sources.environment);
    if (text !== undefined && field.environmentName !== undefined) {
      raw.set(field.path, valueOfTexts(field.kind, text), field.environmentName);
    }
    const flag = field.flagName === undefined ? undefined : sources.flags.get(field.flagName);
    if (flag !== undefined && field.flagName !== undefined) {
      raw.set(field.path, valueOfTexts(field.kind, flag), field.flagName);
    }
  }
  mistakes.push(...unknownVariables(fields, kind.environmentPrefix, sources.environment));
  const parsed = kind.schema.safeParse(raw.values);
  if (!parsed.success) mistakes.push(...toMistakes(kind.schema, fields, parsed.error.issues, raw));
  mistakes.push(...brokenRelations(kind, fields, raw));
  if (mistakes.length > 0 || !parsed.success) return { isGood: false, mistakes };
  return { isGood: true, config: deepFreeze(parsed.data), sources: raw.usedSources(fields) };
}

/** The merged values before any check, and where each came from. */
class RawSettings {
  readonly values: Record<string, unknown>;
  readonly #file: ConfigFile | undefined;
  readonly #sources = new Map<string, string>();

  constructor(file: ConfigFile | undefined) {
    this.#file = file;
    this.values = structuredClone(file?.values ?? {}) as Record<string, unknown>;
  }

  set(path: string, value: unknown, source: string): void {
    const keys = path.split(".");
    const last = keys.pop() ?? path;
    let section = this.values;
    for (const key of keys) {
      const child = section[key];
      // A section of a wrong kind stays as it is, to be reported.
      if (child !== undefined && !isRecord(child)) return;
      const next = child ?? {};
      section[key] = next;
      section = next;
    }
    section[last] = value;
    this.#sources.set(path, source);
  }

  get(path: readonly PropertyKey[]): unknown {
    let value: unknown = this.values;
    for (const key of path) {
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, key))
        return undefined;
      value = (value as Record<PropertyKey, unknown>)[key];
    }
    return value;
  }

  sourceOf(path: readonly PropertyKey[]): string {
    for (let length = path.length; length > 0; length -= 1) {
      const source = this.#sources.get(path.slice(0, length).map(String).join("."));
      if (source !== undefined) return source;
    }
    if (this.#file === undefined || path.length === 0) return "default";
    // A setting that is not there is missing where its parent is.
    const isThere = this.get(path) !== undefined;
    if (!isThere && path.length === 1) return "default";
    return this.#file.sourceOf(isThere ? path : path.slice(0, -1));
  }

  usedSources(fields: readonly Field[]): ReadonlyMap<string, string> {
    const used = new Map<string, string>();
    for (const field of fields) {
      const path = field.path.split(".");
      if (this.get(path) !== undefined) used.set(field.path, this.sourceOf(path));
    }
    return used;
  }
}

function readFile(file: ConfigSources["file"], mistakes: Mistake[]): ConfigFile | undefined {
  if (file === undefined) return undefined;
  const parsed = parseConfigFile(file.name, file.text);
  if ("sourceOf" in parsed) return parsed;
  mistakes.push(...parsed);
  return undefined;
}

/** What a text (or several) of a flag or variable stands for; what it cannot be stays a text. */
function valueOfTexts(kind: FieldKind, given: string | readonly string[] | boolean): unknown {
  if (typeof given === "boolean") return given;
  const texts = typeof given === "string" ? [given] : given;
  if (kind === "list") return texts.flatMap(splitCommas);
  if (kind === "map") {
    const entries = texts.flatMap(splitCommas).map((entry) => {
      const at = entry.indexOf("=");
      return at < 0
        ? ([entry, undefined] as const)
        : ([entry.slice(0, at), entry.slice(at + 1)] as const);
    });
    return Object.fromEntries(entries);
  }
  const text = (texts.at(-1) ?? "").trim();
  if (kind === "integer") return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
  if (kind === "number") return /^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : text;
  if (kind === "boolean") return text === "true" ? true : text === "false" ? false : text;
  return text;
}

function splitCommas(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** The variable's text; undefined when it is not set, empty, or written by Kubernetes. */
function environmentText(
  field: Field,
  environment: ConfigSources["environment"],
): string | undefined {
  const text = field.environmentName === undefined ? undefined : environment[field.environmentName];
  return text === undefined || text === "" || /^(tcp|udp|sctp):\/\//.test(text) ? undefined : text;
}

/** Kubernetes gives every pod variables named after its services: of one named `fpzk-…`, these. */
const KUBERNETES_VARIABLE =
  /^FPZK(_.+)?_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;

function unknownVariables(
  fields: readonly Field[],
  prefix: string,
  environment: ConfigSources["environment"],
): readonly Mistake[] {
  const known = fields.flatMap(({ environmentName }) => environmentName ?? []);
  return Object.keys(environment)
    .filter((name) => name.startsWith(prefix) && !known.includes(name))
    .filter((name) => !CLIENT_ENVIRONMENT.includes(name) && !isOfOther(name, prefix))
    .filter((name) => !KUBERNETES_VARIABLE.test(name))
    .sort()
    .map((name) => unknownName(name, "environment", known));
}

function isOfOther(name: string, prefix: string): boolean {
  return prefix === "FPZK_" && name.startsWith("FPZK_PROXY_");
}

function unknownName(path: string, source: string, known: readonly string[]): Mistake {
  const nearest = nearestWord(path, known);
  const hint = nearest === undefined ? `one of ${known.join(", ")}` : `did you mean ${nearest}?`;
  return { path, source, valueText: undefined, problem: "is not a setting", allowed: hint };
}

/** Zod's issues in our words: one for each path, with the field's own account of what is allowed. */
function toMistakes(
  schema: z.ZodObject,
  fields: readonly Field[],
  issues: readonly z.core.$ZodIssue[],
  raw: RawSettings,
): readonly Mistake[] {
  const byPath = new Map<string, Mistake>();
  for (const issue of issues) {
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) {
        const path = [...issue.path, key];
        const mistake = unknownKey(schema, fields, path, raw);
        byPath.set(mistake.path, mistake);
      }
      continue;
    }
    const path = pathText(issue.path);
    if (!byPath.has(path)) byPath.set(path, badValue(schema, issue.path, raw));
  }
  return [...byPath.values()];
}

function unknownKey(
  schema: z.ZodObject,
  fields: readonly Field[],
  path: readonly PropertyKey[],
  raw: RawSettings,
): Mistake {
  const parent = path.slice(0, -1);
  const siblings = Object.keys(sectionOf(schemaAt(schema, parent))?.shape ?? {});
  const whole = pathText(path);
  const prefix = parent.length === 0 ? "" : `${pathText(parent)}.`;
  const known = siblings.map((name) => prefix + name);
  // `sessionTtl` at the top was meant as `cluster.sessionTtl`.
  const elsewhere = fields.find((field) => field.path.split(".").at(-1) === path.at(-1));
  const mistake = unknownName(whole, raw.sourceOf(path), known);
  return elsewhere === undefined
    ? mistake
    : { ...mistake, allowed: `did you mean ${elsewhere.path}?` };
}

function badValue(schema: z.ZodObject, path: readonly PropertyKey[], raw: RawSettings): Mistake {
  const found = schemaAt(schema, path);
  const meta = metaOf(found);
  const value = raw.get(path);
  const source = raw.sourceOf(path);
  const section = sectionOf(found);
  const allowed =
    meta?.allowed ??
    (section === undefined ? "" : `a section with ${Object.keys(section.shape).join(", ")}`);
  if (value === undefined) {
    return { path: pathText(path), source, valueText: undefined, problem: "is missing", allowed };
  }
  const isUnquoted =
    meta?.kind === "text" && (typeof value === "number" || typeof value === "boolean");
  return {
    path: pathText(path),
    source,
    valueText: formatValue(value, meta?.isSecret ?? true),
    problem: isUnquoted ? `is a ${typeof value}, not a text: put it in quotes` : "",
    allowed,
  };
}

function brokenRelations(
  kind: ConfigKind,
  fields: readonly Field[],
  raw: RawSettings,
): readonly Mistake[] {
  const good = new Map<string, unknown>();
  for (const field of fields) {
    const parsed = field.schema.safeParse(raw.get(field.path.split(".")));
    if (parsed.success) good.set(field.path, parsed.data);
  }
  const values: RelationValues = {
    value: (path) => good.get(path),
    number: (path) => Number(good.get(path)),
  };
  return kind.relations.flatMap((relation) => {
    if (!relation.paths.every((path) => good.has(path))) return [];
    const problem = relation.check(values);
    if (problem === undefined) return [];
    const [path] = relation.paths;
    const value = raw.get(path.split(".")) ?? good.get(path);
    const isSecret = fields.find((field) => field.path === path)?.isSecret ?? false;
    const valueText = value === undefined ? undefined : formatValue(value, isSecret);
    const source = raw.sourceOf(path.split("."));
    return [
      { path, source, valueText, problem: `does not fit: ${problem}`, allowed: relation.rule },
    ];
  });
}

function schemaAt(schema: z.ZodObject, path: readonly PropertyKey[]): z.ZodType | undefined {
  let current: z.ZodType | undefined = schema;
  for (const key of path) {
    current = childSchema(current, key);
    if (current === undefined) return undefined;
  }
  return current;
}

function childSchema(schema: z.ZodType | undefined, key: PropertyKey): z.ZodType | undefined {
  let current: unknown = schema;
  while (
    current instanceof z.ZodDefault ||
    current instanceof z.ZodOptional ||
    current instanceof z.ZodPrefault
  ) {
    current = current.unwrap();
  }
  if (current instanceof z.ZodObject) return current.shape[String(key)];
  if (current instanceof z.ZodArray) return current.element as z.ZodType;
  if (current instanceof z.ZodRecord) return current.valueType as z.ZodType;
  return undefined;
}

function metaOf(schema: z.ZodType | undefined): FieldMeta | undefined {
  return schema === undefined ? undefined : fieldRegistry.get(schema);
}

/** `tokens[0].roles[1]` */
function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    return text === "" ? String(key) : `${text}.${String(key)}`;
  }, "");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const child of Object.values(value)) deepFreeze(child);
  }
  return value;
}
