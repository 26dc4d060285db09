/**
 * The opaque token that lets a broken watch go on where it stopped, on any node.
 *
 * It holds a position and the digest at that position, as base64url of JSON. It proves nothing and
 * opens nothing: a forged one only gives its sender a wrong view of its own.
 */
import {
  type ContentDigest,
  EMPTY_DIGEST,
  ORIGIN_COUNT_MAX,
  type OriginVersion,
  RESUME_TOKEN_MAX_BYTES,
  Scope,
} from "@fpzk/core";

export interface ResumePoint {
  readonly position: readonly OriginVersion[];
  readonly digest: ContentDigest;
}

/** Nothing seen yet. */
export const START: ResumePoint = { position: [], digest: EMPTY_DIGEST };

const TOKEN_FORMAT = 1;

/**
 * At most {@link RESUME_TOKEN_MAX_BYTES} long: a position that does not fit is left out, and the
 * watch then begins with everything.
 */
export function encodeResumeToken(point: ResumePoint): string {
  const { high, low } = point.digest;
  const full = encode([TOKEN_FORMAT, high, low, point.position.map(toEntry)]);
  return full.length <= RESUME_TOKEN_MAX_BYTES ? full : encode([TOKEN_FORMAT, high, low, []]);
}

/** The point, or undefined for anything that {@link encodeResumeToken} did not make. */
export function parseResumeToken(token: string): ResumePoint | undefined {
  if (token.length > RESUME_TOKEN_MAX_BYTES || !/^[A-Za-z0-9_-]+$/.test(token)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
  if (!Array.isArray(value) || value.length !== 4 || value[0] !== TOKEN_FORMAT) return undefined;
  const [, high, low, entries] = value as unknown[];
  if (!isUint32(high) || !isUint32(low) || !Array.isArray(entries)) return undefined;
  if (entries.length > ORIGIN_COUNT_MAX) return undefined;
  const position = entries.map(parseEntry);
  if (!position.every((entry) => entry !== undefined)) return undefined;
  return { position, digest: { high, low } };
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value), "utf8").toString("base64url");
}

function toEntry({ origin, version }: OriginVersion): unknown[] {
  return [origin.nodeId, origin.generation, origin.scope, version];
}

function parseEntry(entry: unknown): OriginVersion | undefined {
  if (!Array.isArray(entry) || entry.length !== 4) return undefined;
  const [nodeId, generation, scope, version] = entry as unknown[];
  if (typeof nodeId !== "string" || nodeId === "") return undefined;
  if (!isCount(generation) || !isCount(version)) return undefined;
  if (scope !== Scope.global && scope !== Scope.region) return undefined;
  return { origin: { nodeId, generation, scope }, version };
}

function isUint32(value: unknown): value is number {
  return typeof value === "number" && value >>> 0 === value;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
