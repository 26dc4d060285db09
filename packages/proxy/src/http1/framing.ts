/**
 * Where a body ends, as a head says: pure, for requests and answers.
 *
 * @see RFC 9112 §6 (message body), §6.3 (length), §11.2 (request smuggling).
 */
import type { Fields } from "../call.js";

/** Longest length that a number holds exactly is 16 digits. */
const LENGTH_DIGITS_MAX = 16;

/** What the fields of a head say of the connection and the body. */
export interface Framing {
  /** Of `content-length`; undefined when there is none. */
  lengthBytes: number | undefined;
  isChunked: boolean;
  hasClose: boolean;
  hasKeepAlive: boolean;
  hasUpgrade: boolean;
  /** The values of these fields; undefined when they do not occur. */
  host: string | undefined;
  expect: string | undefined;
  upgrade: string | undefined;
  keepAlive: string | undefined;
  hostCount: number;
}

/** A framing, or what is wrong with it. */
export type FramingRead =
  | { readonly ok: true; readonly framing: Framing }
  | { readonly ok: false; readonly detail: string; readonly isUnsupported: boolean };

/** Reads the fields that say how a message ends and what becomes of its connection. */
export function readFraming(fields: Fields): FramingRead {
  const framing: Framing = {
    lengthBytes: undefined,
    isChunked: false,
    hasClose: false,
    hasKeepAlive: false,
    hasUpgrade: false,
    host: undefined,
    expect: undefined,
    upgrade: undefined,
    keepAlive: undefined,
    hostCount: 0,
  };
  let coding: string | undefined;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    const value = fields[index + 1] as string;
    switch (frameName(name)) {
      case "content-length": {
        if (framing.lengthBytes !== undefined) return fault("more than one Content-Length");
        const lengthBytes = parseLength(value);
        if (lengthBytes === undefined) return fault(`Content-Length ${shown(value)} is no length`);
        framing.lengthBytes = lengthBytes;
        break;
      }
      case "transfer-encoding":
        if (coding !== undefined) return fault("more than one Transfer-Encoding");
        coding = value.toLowerCase();
        break;
      case "connection":
        readConnection(value, framing);
        break;
      case "host":
        framing.host = value;
        framing.hostCount += 1;
        break;
      case "expect":
        framing.expect = framing.expect === undefined ? value : `${framing.expect}, ${value}`;
        break;
      case "upgrade":
        framing.upgrade = framing.upgrade === undefined ? value : `${framing.upgrade}, ${value}`;
        break;
      case "keep-alive":
        framing.keepAlive = value;
        break;
      default:
    }
  }
  if (coding === undefined) return { ok: true, framing };
  if (framing.lengthBytes !== undefined) {
    return fault("both Content-Length and Transfer-Encoding");
  }
  if (coding !== "chunked") {
    const isUnsupported = /^(x-)?(gzip|deflate|compress)[ \t]*,[ \t]*chunked$/.test(coding);
    const detail = `Transfer-Encoding ${shown(coding)}: only "chunked" is served`;
    return { ok: false, detail, isUnsupported };
  }
  framing.isChunked = true;
  return { ok: true, framing };
}

/** The name in lower case when it may be one of the fields of {@link Framing}, else empty. */
function frameName(name: string): string {
  switch (name.length) {
    case 4:
    case 6:
    case 7:
    case 10:
    case 14:
    case 17:
      return name.toLowerCase();
    default:
      return "";
  }
}

function readConnection(value: string, framing: Framing): void {
  const lower = value.toLowerCase();
  if (lower === "close") framing.hasClose = true;
  else if (lower === "keep-alive") framing.hasKeepAlive = true;
  else {
    for (const part of lower.split(",")) {
      const token = part.trim();
      if (token === "close") framing.hasClose = true;
      else if (token === "keep-alive") framing.hasKeepAlive = true;
      else if (token === "upgrade") framing.hasUpgrade = true;
    }
  }
}

/** `1*DIGIT`, exactly: no sign, no list, no blank. */
function parseLength(value: string): number | undefined {
  if (value.length === 0 || value.length > LENGTH_DIGITS_MAX) return undefined;
  let lengthBytes = 0;
  for (let index = 0; index < value.length; index += 1) {
    const digit = value.charCodeAt(index) - 48;
    if (digit < 0 || digit > 9) return undefined;
    lengthBytes = lengthBytes * 10 + digit;
  }
  return Number.isSafeInteger(lengthBytes) ? lengthBytes : undefined;
}

function fault(detail: string): FramingRead {
  return { ok: false, detail: `the message has ${detail}`, isUnsupported: false };
}

/** A value as it may stand in a message to people. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
