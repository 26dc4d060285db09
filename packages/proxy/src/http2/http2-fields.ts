/**
 * Fields of HTTP/2 and the proxy's flat lists, in both directions: pure.
 *
 * What node:http2 hands over passed nghttp2's checks; values are checked once more, for they go on
 * into HTTP/1.1, where a line end would begin another field.
 *
 * @see RFC 9113 §8.2 (fields), §8.2.3 (cookie), §8.3.1 (pseudo-header fields of requests).
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import type { Fields } from "../call.js";
import { isGrpc } from "../grpc.js";
import { AUTHORITY, fieldsFault, isAll, TARGET, TOKEN } from "../http1/characters.js";
import { shown } from "../http1/framing.js";
import type { RefusalReason } from "../http1/request-head.js";

export interface Http2RequestHead {
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly fields: Fields;
  /** As `content-length` says; undefined when it says nothing. */
  readonly lengthBytes: number | undefined;
  readonly expectsContinue: boolean;
}

export interface Http2HeadFault {
  readonly reason: RefusalReason;
  readonly detail: string;
}

/** Fields of one connection, which HTTP/2 does not have (RFC 9113 §8.2.2), and `host`. */
const NOT_OF_HTTP2: ReadonlySet<string> = new Set([
  "connection",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);
/** node:http2 throws when one of these is given twice: the first is sent. */
const SINGLE_VALUED: ReadonlySet<string> = new Set([
  ...["access-control-allow-credentials", "access-control-max-age"],
  ...["access-control-request-method", "age", "authorization", "content-encoding"],
  ...["content-language", "content-length", "content-location", "content-md5", "content-range"],
  ...["content-type", "date", "dnt", "etag", "expires", "from", "host", "if-match"],
  ...["if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "last-modified"],
  ...["location", "max-forwards", "proxy-authorization", "range", "referer", "retry-after", "tk"],
  ...["upgrade-insecure-requests", "user-agent", "x-content-type-options"],
]);

/** RFC 9113 §6.5.2: what a field counts beside its name and value. */
const FIELD_OVERHEAD_BYTES = 32;

/**
 * What is wrong with the size of a section. A field that is kept by index comes again and again at
 * a byte each (RFC 7541 §2.3), and node:http2 bounds only how many there are.
 *
 * @param rawHeaders - Names and values in turn, one byte for each character.
 */
export function sectionFault(
  rawHeaders: readonly string[],
  headerMaxBytes: number,
): string | undefined {
  let bytes = (rawHeaders.length / 2) * FIELD_OVERHEAD_BYTES;
  for (const text of rawHeaders) bytes += text.length;
  if (bytes <= headerMaxBytes) return undefined;
  return `the header section is larger than ${headerMaxBytes} bytes: ${bytes} by RFC 9113, 6.5.2`;
}

/** @param rawHeaders - Names and values in turn, pseudo-header fields first. */
export function readHttp2Request(
  rawHeaders: readonly string[],
  { headerMaxBytes }: { readonly headerMaxBytes: number },
): Http2RequestHead | Http2HeadFault {
  const tooLarge = sectionFault(rawHeaders, headerMaxBytes);
  if (tooLarge !== undefined) return { reason: "header-size", detail: tooLarge };
  const fields: string[] = [];
  let [method, authority, path, cookie]: string[] = ["", "", "", ""];
  let host: string | undefined;
  let length: string | undefined;
  let expectation: string | undefined;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    const value = rawHeaders[index + 1] as string;
    if (name.charCodeAt(0) === 58) {
      if (name === ":method") method = value;
      else if (name === ":authority") authority = value;
      else if (name === ":path") path = value;
      continue;
    }
    if (name === "cookie") {
      cookie = cookie === "" ? value : `${cookie}; ${value}`;
      continue;
    }
    if (name === "host") host = value;
    else if (name === "content-length") length = value;
    else if (name === "expect") expectation = value;
    fields.push(name, value);
  }
  if (cookie !== "") fields.push("cookie", cookie as string);
  authority ||= host ?? "";
  const fault = headFault({ method: method ?? "", authority, path: path ?? "", host, fields });
  if (fault !== undefined) return fault;
  if (expectation !== undefined && expectation.toLowerCase() !== "100-continue") {
    const detail = `expectation ${shown(expectation)} is not known; use 100-continue`;
    return { reason: "expectation", detail };
  }
  return {
    ...{ method: method ?? "", authority, path: path || "/", fields },
    // nghttp2 refused what is no number, or not the length of the body.
    lengthBytes: length === undefined ? undefined : Number(length),
    expectsContinue: expectation !== undefined,
  };
}

export function isHeadFault(value: Http2RequestHead | Http2HeadFault): value is Http2HeadFault {
  return "reason" in value;
}

interface Addressed {
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly host: string | undefined;
  readonly fields: Fields;
}

function headFault(head: Addressed): Http2HeadFault | undefined {
  const { method, authority, path, host, fields } = head;
  if (!isAll(TOKEN, method)) return { reason: "method", detail: "the method is no token" };
  if (authority !== "" && !isAll(AUTHORITY, authority)) {
    return { reason: "host", detail: `authority ${shown(authority)} is no host and port` };
  }
  if (host !== undefined && host.toLowerCase() !== authority.toLowerCase()) {
    const detail = `host ${shown(host)} is not the authority ${shown(authority)}`;
    return { reason: "host", detail };
  }
  const isPath = path.startsWith("/") || (path === "*" && method === "OPTIONS");
  if (method !== "CONNECT" && (!isPath || !isAll(TARGET, path))) {
    const detail = "the path must begin with / and have no character that must be encoded";
    return { reason: "target", detail };
  }
  const fault = fieldsFault(fields);
  return fault === undefined ? undefined : { reason: "field", detail: `the request has ${fault}` };
}

/** Fields without pseudo-header fields, as they came. */
export function plainFields(rawHeaders: readonly string[]): string[] {
  const fields: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.charCodeAt(0) !== 58) fields.push(name, rawHeaders[index + 1] as string);
  }
  return fields;
}

/** Fields as node:http2 sends them, added to pseudo-header fields. */
export function toHttp2Headers(fields: Fields, pseudo: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = Object.assign(Object.create(null), pseudo);
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = (fields[index] as string).toLowerCase();
    const value = fields[index + 1] as string;
    if (NOT_OF_HTTP2.has(name)) continue;
    if (name === "te" && value !== "trailers") continue;
    const known = headers[name];
    if (known === undefined) headers[name] = value;
    else if (SINGLE_VALUED.has(name)) continue;
    else if (Array.isArray(known)) known.push(value);
    else headers[name] = [String(known), value];
  }
  return headers;
}

/** The status of an answer; 0 when there is none. */
export function statusOf(
  headers: IncomingHttpHeaders & { ":status"?: number | undefined },
): number {
  return headers[":status"] ?? 0;
}

/**
 * Whether trailers may follow a body. Waiting for them takes a frame more, so after a body of known
 * length only those of gRPC are waited for, which always has them: a server may tell the length too.
 */
export function mayHaveTrailers(fields: Fields, bodyBytes: number | undefined): boolean {
  return bodyBytes === undefined || (bodyBytes > 0 && isGrpc(fields));
}
