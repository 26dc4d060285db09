/**
 * What a request's head says, once its lines are read: pure.
 *
 * @see RFC 9112 §3 (request line), §3.2 (target and Host), §6.1 (framing); RFC 9110 §10.1.1
 *   (Expect), §7.8 (Upgrade).
 */
import { ErrorCode } from "@fpzk/core";
import type { Fields } from "../call.js";
import type { Problem } from "../problem.js";
import { AUTHORITY, isAll, TARGET } from "./characters.js";
import { type Framing, readFraming, shown } from "./framing.js";
import type { HeadFault } from "./head-reader.js";

export interface RequestHead {
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly isVersion10: boolean;
  readonly fields: Fields;
  /** 0: none follows; undefined: chunked. */
  readonly bodyBytes: number | undefined;
  readonly expectsContinue: boolean;
  readonly upgrade: string | undefined;
  /** The caller wants its connection kept. */
  readonly keepsAlive: boolean;
}

/** Why a request is refused; `reason` labels a metric. */
export interface RequestRefusal {
  readonly reason: RefusalReason;
  readonly problem: Problem;
}

export type RefusalReason =
  | "request-line"
  | "version"
  | "method"
  | "target"
  | "host"
  | "field"
  | "framing"
  | "expectation"
  | "header-size"
  | "header-count"
  | "body"
  | "timeout";

/** What the first bytes of HTTP/2 read as in HTTP/1.1 (RFC 9113 §3.4). */
export const HTTP2_PREFACE_LINE = "PRI * HTTP/2.0";

/** Methods of the IANA registry, and what clients of caches and devices use besides. */
const METHODS: ReadonlySet<string> = new Set(
  (
    "GET POST HEAD PUT DELETE OPTIONS PATCH CONNECT TRACE QUERY ACL BASELINE-CONTROL BIND CHECKIN " +
    "CHECKOUT COPY LABEL LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE " +
    "MOVE ORDERPATCH PROPFIND PROPPATCH REBIND REPORT SEARCH UNBIND UNCHECKOUT UNLINK UNLOCK " +
    "UPDATE UPDATEREDIRECTREF VERSION-CONTROL M-SEARCH NOTIFY PURGE SOURCE SUBSCRIBE UNSUBSCRIBE"
  ).split(" "),
);

/** Reads a request whose lines were accepted. */
export function readRequestHead(firstLine: string, fields: Fields): RequestHead | RequestRefusal {
  const methodEnd = firstLine.indexOf(" ");
  const targetEnd = firstLine.indexOf(" ", methodEnd + 1);
  const version = firstLine.slice(targetEnd + 1);
  const isVersion10 = version === "HTTP/1.0";
  if (methodEnd < 1 || targetEnd < 0) return badLine("must be a method, a target and a version");
  if (version !== "HTTP/1.1" && !isVersion10) return badVersion(version);
  const method = firstLine.slice(0, methodEnd);
  const target = firstLine.slice(methodEnd + 1, targetEnd);
  if (!METHODS.has(method)) {
    return refusal("method", 400, `method ${shown(method)} is not known`);
  }
  const read = readFraming(fields);
  if (!read.ok) return refusal("framing", read.isUnsupported ? 501 : 400, read.detail);
  const { framing } = read;
  if (isVersion10 && framing.isChunked) {
    return refusal("framing", 400, "Transfer-Encoding does not belong to HTTP/1.0");
  }
  const addressed = readTarget(method, target, framing, isVersion10);
  if ("reason" in addressed) return addressed;
  const { expect } = framing;
  if (expect !== undefined && expect.toLowerCase() !== "100-continue") {
    const detail = `expectation ${shown(expect)} is not known; use 100-continue`;
    return refusal("expectation", 417, detail);
  }
  return {
    method,
    authority: addressed.authority,
    path: addressed.path,
    isVersion10,
    fields,
    bodyBytes: framing.isChunked ? undefined : (framing.lengthBytes ?? 0),
    // RFC 9110 §10.1.1: to be ignored from callers of HTTP/1.0.
    expectsContinue: expect !== undefined && !isVersion10,
    upgrade: offeredUpgrade(framing, isVersion10),
    keepsAlive: isVersion10 ? framing.hasKeepAlive && !framing.hasClose : !framing.hasClose,
  };
}

/** Tells the results of {@link readRequestHead} apart. */
export function isRefusal(value: RequestHead | RequestRefusal): value is RequestRefusal {
  return "problem" in value;
}

/** The refusal of a head whose lines are wrong. */
export function headRefusal(fault: HeadFault, limits: { headerMaxBytes: number }): RequestRefusal {
  switch (fault) {
    case "header-size": {
      const detail = `the header section is larger than ${limits.headerMaxBytes} bytes`;
      return refusal("header-size", 431, detail);
    }
    case "header-count":
      return refusal("header-count", 431, "the request has too many header fields");
    case "first-line":
      return badLine("has a control character");
    case "line-end":
      return refusal("field", 400, "a line does not end in CR LF alone");
    case "fold":
      return refusal("field", 400, "a field is folded over two lines");
    case "field-name":
      return refusal("field", 400, "a field line must be a name, a colon and a value");
    case "field-value":
      return refusal("field", 400, "a field value has a control character");
  }
}

export function refusal(reason: RefusalReason, statusCode: number, detail: string): RequestRefusal {
  const code = statusCode === 501 ? ErrorCode.unimplemented : ErrorCode.invalidArgument;
  return { reason, problem: { code, detail, statusCode } };
}

/** Origin form, absolute form, or `*` of OPTIONS. CONNECT keeps its authority as the path. */
function readTarget(
  method: string,
  target: string,
  framing: Framing,
  isVersion10: boolean,
): { readonly authority: string; readonly path: string } | RequestRefusal {
  const host = framing.host ?? "";
  if (framing.hostCount > 1) return refusal("host", 400, "more than one Host field was sent");
  if (framing.hostCount === 0 && !isVersion10) return refusal("host", 400, "no Host was sent");
  if (host !== "" && !isAll(AUTHORITY, host)) {
    return refusal("host", 400, `Host ${shown(host)} is no host and port`);
  }
  if (!isAll(TARGET, target)) {
    return refusal("target", 400, "the request target has a character that must be encoded");
  }
  if (target.startsWith("/")) return { authority: host, path: target };
  if (target === "*" && method === "OPTIONS") return { authority: host, path: target };
  if (method === "CONNECT") return { authority: host, path: target };
  const absolute = /^https?:\/\/([^/?]+)(.*)$/i.exec(target);
  const authority = absolute?.[1];
  if (authority === undefined || !isAll(AUTHORITY, authority)) {
    return refusal("target", 400, "the request target must be a path or an http URL");
  }
  // RFC 9112 §3.2.2: the target's authority replaces Host.
  const rest = absolute?.[2] ?? "";
  return { authority, path: rest.startsWith("/") ? rest : `/${rest}` };
}

/** An offer that may be taken up: by HTTP/1.1, without a body, and not of HTTP/2 in clear text. */
function offeredUpgrade(framing: Framing, isVersion10: boolean): string | undefined {
  const { upgrade } = framing;
  if (upgrade === undefined || !framing.hasUpgrade || isVersion10) return undefined;
  if (framing.isChunked || (framing.lengthBytes ?? 0) > 0) return undefined;
  return /^h2c(\/|$)/i.test(upgrade) ? undefined : upgrade;
}

function badLine(detail: string): RequestRefusal {
  return refusal("request-line", 400, `the request line ${detail}`);
}

function badVersion(version: string): RequestRefusal {
  if (!/^HTTP\/\d\.\d$/.test(version)) return badLine("must end in HTTP/1.1");
  return refusal("version", 505, `${version} is not served here; use HTTP/1.1`);
}
