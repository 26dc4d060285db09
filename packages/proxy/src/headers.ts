/**
 * Which header fields pass the proxy, in both directions. Pure.
 *
 * @see RFC 9110 §7.6.1 (Connection), §7.6.3 (Via), §6.5.1 (trailers); RFC 9112 §3.2 (Host).
 */

import type { Fields as RawHeaders } from "./call.js";

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
  "proxy-authenticate",
  "proxy-authorization",
]);
/** Never removed because `Connection` names them: they frame or address the message. */
const PROTECTED: ReadonlySet<string> = new Set(["content-length", "host"]);
/** Trailers may not change framing, routing or authentication (RFC 9110 §6.5.1). */
const NOT_IN_TRAILERS: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  "authorization",
  "content-encoding",
  "content-length",
  "content-range",
  "content-type",
  "host",
  "set-cookie",
  "trailer",
]);
const FORWARDED: ReadonlySet<string> = new Set([
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
]);

/** Fields of a request that need a look; a name of another length is none of them. */
const OF_REQUEST: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  ...FORWARDED,
  "expect",
  "host",
  "via",
]);
const OF_REQUEST_LENGTHS = lengthsOf(OF_REQUEST);
const OF_ANSWER_LENGTHS = lengthsOf(new Set([...HOP_BY_HOP, "trailer"]));

export const VIA_NAME = "fpzk";
const OF_ANSWER_VIA = `1.1 ${VIA_NAME}`;

export interface RequestOrigin {
  /** Address of the caller's socket. */
  readonly remoteAddress: string;
  readonly isTls: boolean;
  /** The host that the caller asked for. */
  readonly host: string;
  readonly httpVersion: string;
  /** Keep and extend what the caller says of callers before it; else it is replaced. */
  readonly trustsForwarded: boolean;
}

/** The fields of a caller's request that the instance sees. */
export function requestHeaders(raw: RawHeaders, origin: RequestOrigin): string[] {
  const named = connectionNames(raw);
  const headers: string[] = [];
  let via = "";
  let forwardedFor = "";
  let forwardedHost: string | undefined;
  let forwardedProto: string | undefined;
  let acceptsTrailers = false;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] as string;
    const value = raw[index + 1] as string;
    if (named === undefined && OF_REQUEST_LENGTHS[name.length] !== 1) {
      headers.push(name, value);
      continue;
    }
    const lower = name.toLowerCase();
    if (lower === "te") acceptsTrailers ||= hasToken(value, "trailers");
    if (lower === "expect" || lower === "host" || isHop(lower, named)) continue;
    if (lower === "via") via += `${value}, `;
    else if (!FORWARDED.has(lower)) headers.push(name, value);
    else if (origin.trustsForwarded) {
      if (lower === "x-forwarded-for") forwardedFor += `${value}, `;
      else if (lower === "x-forwarded-host") forwardedHost = value;
      else if (lower === "x-forwarded-proto") forwardedProto = value;
      else headers.push(name, value);
    }
  }
  if (origin.host !== "") headers.push("host", origin.host);
  if (acceptsTrailers) headers.push("te", "trailers");
  headers.push("x-forwarded-for", forwardedFor + origin.remoteAddress);
  headers.push("x-forwarded-proto", forwardedProto ?? (origin.isTls ? "https" : "http"));
  if (origin.host !== "") headers.push("x-forwarded-host", forwardedHost ?? origin.host);
  headers.push("via", `${via}${origin.httpVersion} ${VIA_NAME}`);
  return headers;
}

/** The fields of an instance's answer that the caller sees. */
export function responseHeaders(raw: RawHeaders): string[] {
  const named = connectionNames(raw);
  const headers: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] as string;
    if (named !== undefined || OF_ANSWER_LENGTHS[name.length] === 1) {
      const lower = name.toLowerCase();
      if (isHop(lower, named)) continue;
      // Only a chunked answer can carry trailers.
      if (lower === "trailer" && firstValue(raw, "content-length") !== undefined) continue;
    }
    headers.push(name, raw[index + 1] as string);
  }
  headers.push("via", OF_ANSWER_VIA);
  return headers;
}

/** The fields of a trailer section that may pass. */
export function passableTrailers(trailers: RawHeaders): string[] {
  const passable: string[] = [];
  for (let index = 0; index + 1 < trailers.length; index += 2) {
    const name = trailers[index] ?? "";
    if (!NOT_IN_TRAILERS.has(name.toLowerCase())) passable.push(name, trailers[index + 1] ?? "");
  }
  return passable;
}

/** How many FPZK proxies a request passed, by its Via. */
export function passedCount(raw: RawHeaders): number {
  let count = 0;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    if (raw[index]?.length !== 3 || raw[index]?.toLowerCase() !== "via") continue;
    for (const hop of (raw[index + 1] ?? "").split(",")) {
      if (hop.trim().split(" ")[1] === VIA_NAME) count += 1;
    }
  }
  return count;
}

/** The value of the first field of a name; undefined when there is none. */
export function firstValue(raw: RawHeaders, lowerName: string): string | undefined {
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? "";
    if (name.length === lowerName.length && name.toLowerCase() === lowerName) return raw[index + 1];
  }
  return undefined;
}

/** Whether a comma-separated field value holds a token. */
export function hasToken(value: string, token: string): boolean {
  return value.split(",").some((part) => part.trim().toLowerCase() === token);
}

function isHop(lowerName: string, named: ReadonlySet<string> | undefined): boolean {
  return HOP_BY_HOP.has(lowerName) || (named?.has(lowerName) ?? false);
}

/** Fields that `Connection` declares to be of this hop only. */
function connectionNames(raw: RawHeaders): ReadonlySet<string> | undefined {
  let names: Set<string> | undefined;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    if (raw[index]?.length !== 10 || raw[index]?.toLowerCase() !== "connection") continue;
    if (isUsual(raw[index + 1] ?? "")) continue;
    for (const part of (raw[index + 1] ?? "").split(",")) {
      const name = part.trim().toLowerCase();
      if (name === "" || name === "keep-alive" || name === "close") continue;
      if (PROTECTED.has(name)) continue;
      names ??= new Set();
      names.add(name);
    }
  }
  return names;
}

/** The values of nearly every Connection field. */
function isUsual(value: string): boolean {
  return value === "keep-alive" || value === "close" || value === "Keep-Alive";
}

/** A table that tells by a name's length whether it may be in a set. */
function lengthsOf(names: ReadonlySet<string>): Uint8Array {
  const lengths = new Uint8Array(256);
  for (const name of names) lengths[name.length] = 1;
  return lengths;
}
