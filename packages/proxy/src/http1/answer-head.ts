/**
 * What an answer's head says, once its lines are read: pure, and as strict as with requests.
 *
 * @see RFC 9112 §4 (status line), §6.3 (length of a body).
 */
import type { FailureReason, Fields } from "../call.js";
import { readFraming, shown } from "./framing.js";
import type { HeadFault } from "./head-reader.js";

export interface AnswerHead {
  readonly statusCode: number;
  readonly reason: string;
  readonly fields: Fields;
  readonly framing: AnswerFraming;
  /** 0: none follows; undefined: told by its end. */
  readonly bodyBytes: number | undefined;
  /** The instance keeps its connection. */
  readonly keepsAlive: boolean;
  /** For how long it does, by its own word; undefined when it does not say. */
  readonly keepAliveMs: number | undefined;
  readonly upgrade: string | undefined;
}

export type AnswerFraming = "none" | "length" | "chunked" | "close";

export interface AnswerFault {
  readonly fault: FailureReason;
  readonly detail: string;
}

/** Reads an answer to a request of `method` whose lines were accepted. */
export function readAnswerHead(
  firstLine: string,
  fields: Fields,
  method: string,
): AnswerHead | AnswerFault {
  const isVersion10 = firstLine.startsWith("HTTP/1.0 ");
  const statusCode = parseStatus(firstLine);
  if ((!isVersion10 && !firstLine.startsWith("HTTP/1.1 ")) || statusCode === undefined) {
    return { fault: "answer-head", detail: `status line ${shown(firstLine)} is none of HTTP/1` };
  }
  const read = readFraming(fields);
  if (!read.ok) return { fault: "answer-framing", detail: read.detail };
  const { framing } = read;
  if (isVersion10 && framing.isChunked) {
    return { fault: "answer-framing", detail: "Transfer-Encoding in an answer of HTTP/1.0" };
  }
  const asked = isVersion10 ? framing.hasKeepAlive && !framing.hasClose : !framing.hasClose;
  let how: AnswerFraming = "close";
  if (statusCode < 200 || statusCode === 204 || statusCode === 304 || method === "HEAD") {
    how = "none";
  } else if (framing.isChunked) how = "chunked";
  else if (framing.lengthBytes !== undefined) how = framing.lengthBytes === 0 ? "none" : "length";
  return {
    statusCode,
    reason: firstLine.slice(13),
    fields,
    framing: how,
    bodyBytes: how === "none" ? 0 : framing.lengthBytes,
    keepsAlive: asked && how !== "close",
    keepAliveMs: framing.keepAlive === undefined ? undefined : parseKeepAlive(framing.keepAlive),
    upgrade: framing.hasUpgrade ? framing.upgrade : undefined,
  };
}

/** Tells the results of {@link readAnswerHead} apart. */
export function isAnswerFault(value: AnswerHead | AnswerFault): value is AnswerFault {
  return "fault" in value;
}

/** The fault of a head whose lines are wrong. */
export function answerHeadFault(fault: HeadFault): AnswerFault {
  const isSize = fault === "header-size" || fault === "header-count";
  return {
    fault: isSize ? "answer-size" : "answer-head",
    detail: isSize
      ? `the answer's header section exceeds a limit (${fault})`
      : `the answer's header section is not one of HTTP/1 (${fault})`,
  };
}

/** `HTTP/1.1 200` and then nothing or a blank. */
function parseStatus(firstLine: string): number | undefined {
  if (firstLine.length > 12 && firstLine.charCodeAt(12) !== 32) return undefined;
  const hundreds = firstLine.charCodeAt(9) - 48;
  const tens = firstLine.charCodeAt(10) - 48;
  const ones = firstLine.charCodeAt(11) - 48;
  const isDigits = tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9;
  if (!isDigits || !(hundreds >= 1 && hundreds <= 5)) return undefined;
  return hundreds * 100 + tens * 10 + ones;
}

/** `timeout=5` of a Keep-Alive field (RFC 2068 §19.7.1.1), in ms. */
function parseKeepAlive(value: string): number | undefined {
  const seconds = /(?:^|[,; ])timeout=(\d{1,6})(?:$|[,; ])/i.exec(value)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1_000;
}
