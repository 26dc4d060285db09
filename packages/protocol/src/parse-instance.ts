/**
 * Checks what people and programs write about an instance, as JSON: all problems at once.
 *
 * Nothing is converted: a port given as text is a problem, an unknown key too.
 */
import {
  BODY_MAX_BYTES,
  ENDPOINT_COUNT_MAX,
  type Endpoint,
  type InstanceDescription,
  METADATA_COUNT_MAX,
  NAME_MAX_BYTES,
  WEIGHT_DEFAULT,
  WEIGHT_MAX,
} from "@fpzk/core";
import { encodeInstanceDescription, findMetadataKeyProblem } from "./instance-description.js";
import { findNameProblem, findTextProblem, show } from "./names.js";
import { ENDPOINT_PROTOCOL_MAX_BYTES, HOST_MAX_BYTES, PROBLEM_COUNT_MAX } from "./wire-limits.js";

/** Spoken at an endpoint that does not say. */
export const ENDPOINT_PROTOCOL_DEFAULT = "http";

/** One thing wrong with an input. */
export interface Problem {
  /** Where: `endpoints[0].port`; empty for the whole. */
  readonly path: string;
  /** What stands there, as JSON, shortened. */
  readonly value: string;
  /** What must hold instead: `must be a whole number >= 1 and <= 65535`. */
  readonly bound: string;
}

export type ParsedDescription =
  | { readonly ok: true; readonly description: InstanceDescription }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** What stands in for keys that the input leaves out. */
export interface InstanceDefaults {
  readonly region?: string;
  readonly zone?: string;
  readonly startWallTime?: number;
  /** Host of endpoints that name none; without it they must. */
  readonly host?: string;
}

/** A problem as one line. */
export function problemText(problem: Problem): string {
  const head = problem.path === "" ? "" : `${problem.path} `;
  return `${head}${problem.value} ${problem.bound}`;
}

/** The description that an outside value stands for, or everything that is wrong with it. */
export function parseInstanceDescription(
  input: unknown,
  defaults: InstanceDefaults = {},
): ParsedDescription {
  const problems = new Problems();
  const source = problems.object(input, "", DESCRIPTION_KEYS);
  const description: InstanceDescription = {
    group: problems.name(source["group"], "group", ""),
    version: problems.name(source["version"], "version", ""),
    region: problems.name(source["region"], "region", defaults.region ?? ""),
    zone: problems.name(source["zone"], "zone", defaults.zone ?? ""),
    endpoints: parseEndpoints(source["endpoints"], defaults, problems),
    weight: problems.integer(source["weight"], "weight", 0, WEIGHT_MAX, WEIGHT_DEFAULT),
    metadata: parseMetadata(source["metadata"], problems),
    startWallTime: problems.integer(
      source["startWallTime"],
      "startWallTime",
      0,
      Number.MAX_SAFE_INTEGER,
      defaults.startWallTime ?? 0,
    ),
  };
  if (problems.list.length === 0) {
    const byteCount = encodeInstanceDescription(description).length;
    if (byteCount > BODY_MAX_BYTES) {
      problems.add("", `of ${byteCount} bytes`, `must have at most ${BODY_MAX_BYTES} when encoded`);
    }
  }
  if (problems.list.length > 0) return { ok: false, problems: problems.list };
  return { ok: true, description };
}

const DESCRIPTION_KEYS = [
  "group",
  "version",
  "region",
  "zone",
  "endpoints",
  "weight",
  "metadata",
  "startWallTime",
] as const satisfies readonly (keyof InstanceDescription)[];

const ENDPOINT_KEYS = [
  "protocol",
  "host",
  "port",
  "tls",
  "reach",
] as const satisfies readonly (keyof Endpoint)[];

function parseEndpoints(
  value: unknown,
  defaults: InstanceDefaults,
  problems: Problems,
): Endpoint[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > ENDPOINT_COUNT_MAX) {
    problems.add("endpoints", show(value), `must be an array of at most ${ENDPOINT_COUNT_MAX}`);
    return [];
  }
  return value.map((item, index) => parseEndpoint(item, `endpoints[${index}]`, defaults, problems));
}

function parseEndpoint(
  value: unknown,
  path: string,
  defaults: InstanceDefaults,
  problems: Problems,
): Endpoint {
  const source = problems.object(value, path, ENDPOINT_KEYS);
  const protocol = source["protocol"] ?? ENDPOINT_PROTOCOL_DEFAULT;
  if (!isProtocol(protocol)) {
    problems.add(
      `${path}.protocol`,
      show(protocol),
      `must be 1 to ${ENDPOINT_PROTOCOL_MAX_BYTES} of a-z, 0-9, '+', '.', '-', first a letter`,
    );
  }
  const host = source["host"] ?? defaults.host;
  const hostProblem = findHostProblem(host);
  if (hostProblem !== undefined) problems.add(`${path}.host`, show(host), hostProblem);
  const tls = source["tls"] ?? false;
  if (typeof tls !== "boolean") problems.add(`${path}.tls`, show(tls), "must be true or false");
  const reach = source["reach"] ?? "internal";
  if (reach !== "internal" && reach !== "public") {
    problems.add(`${path}.reach`, show(reach), 'must be "internal" or "public"');
  }
  return {
    protocol: String(protocol),
    host: String(host),
    port: problems.integer(source["port"], `${path}.port`, 1, 65_535, undefined),
    tls: tls === true,
    reach: reach === "public" ? "public" : "internal",
  };
}

function isProtocol(value: unknown): value is string {
  if (typeof value !== "string" || value.length > ENDPOINT_PROTOCOL_MAX_BYTES) return false;
  return /^[a-z][a-z0-9+.-]*$/.test(value);
}

function findHostProblem(value: unknown): string | undefined {
  if (typeof value !== "string" || value === "") return "must be a host name or an IP address";
  if (/[\s/[\]@?#]/.test(value)) return "must have no spaces, brackets, '/', '@', '?' or '#'";
  return findTextProblem(value, HOST_MAX_BYTES);
}

function parseMetadata(value: unknown, problems: Problems): Record<string, string> {
  if (value === undefined) return {};
  const source = problems.object(value, "metadata", undefined);
  const keys = Object.keys(source);
  if (keys.length > METADATA_COUNT_MAX) {
    problems.add("metadata", `of ${keys.length} keys`, `must have at most ${METADATA_COUNT_MAX}`);
    return {};
  }
  const metadata: Record<string, string> = {};
  for (const key of keys) {
    const keyProblem =
      key === ""
        ? "must not be empty"
        : (findTextProblem(key, NAME_MAX_BYTES) ?? findMetadataKeyProblem(key));
    if (keyProblem !== undefined) {
      problems.add("metadata", `key ${show(key)}`, keyProblem);
      continue;
    }
    const text = source[key];
    if (typeof text !== "string" || text.length > BODY_MAX_BYTES) {
      const path = `metadata[${JSON.stringify(key)}]`;
      problems.add(path, show(text), `must be a text of at most ${BODY_MAX_BYTES} bytes`);
      continue;
    }
    metadata[key] = text;
  }
  return metadata;
}

/** Collects problems and stands in a harmless value for each that is wrong. */
class Problems {
  readonly list: Problem[] = [];

  add(path: string, value: string, bound: string): void {
    if (this.list.length < PROBLEM_COUNT_MAX) this.list.push({ path, value, bound });
  }

  /** The value's own keys; `keys` undefined allows any. */
  object(
    value: unknown,
    path: string,
    keys: readonly string[] | undefined,
  ): Readonly<Record<string, unknown>> {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.add(path, show(value), "must be an object");
      return {};
    }
    // Null prototype and defined, not assigned: `__proto__` in JSON is a key like any other.
    const source: Record<string, unknown> = Object.create(null);
    for (const [key, content] of Object.entries(value)) {
      if (keys === undefined || keys.includes(key)) {
        source[key] = content;
      } else {
        this.add(path, `has key ${show(key)}`, `must have no keys but ${keys.join(", ")}`);
      }
    }
    return source;
  }

  name(value: unknown, kind: "group" | "version" | "region" | "zone", missing: string): string {
    if (value === undefined) return missing;
    const problem = findNameProblem(kind, value);
    if (problem !== undefined) this.add(kind, show(value), problem);
    return problem === undefined ? (value as string) : missing;
  }

  integer(
    value: unknown,
    path: string,
    min: number,
    max: number,
    missing: number | undefined,
  ): number {
    const given = value ?? missing;
    if (typeof given === "number" && Number.isInteger(given) && given >= min && given <= max) {
      return given;
    }
    this.add(path, show(given), `must be a whole number >= ${min} and <= ${max}`);
    return min;
  }
}
