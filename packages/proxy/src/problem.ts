/**
 * Answers that the proxy gives itself: RFC 9457 problem details with a `code` from core's table.
 */
import type { ServerResponse } from "node:http";
import { ERROR_CODES, type ErrorCode } from "@fpzk/core";

export interface Problem {
  readonly code: ErrorCode;
  /** What was tried, the value, what to do. */
  readonly detail: string;
  /** Default: the code's status in core's table. */
  readonly statusCode?: number;
}

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Content Too Large",
  417: "Expectation Failed",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  508: "Loop Detected",
};

export function problemStatus(problem: Problem): number {
  return problem.statusCode ?? ERROR_CODES[problem.code].httpStatus;
}

/** Answers with a problem, and closes the connection when a request body is still on its way. */
export function sendProblem(response: ServerResponse, problem: Problem): number {
  const statusCode = problemStatus(problem);
  const body = problemBody(problem);
  const headers: Record<string, string | number> = {
    "content-type": "application/problem+json",
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
  };
  if (statusCode === 503) headers["retry-after"] = 1;
  if (!response.req.complete) headers["connection"] = "close";
  response.writeHead(statusCode, headers);
  response.end(response.req.method === "HEAD" ? undefined : body);
  return statusCode;
}

/** The same as raw text, for a connection whose parser gave up. */
export function rawProblem(problem: Problem): string {
  const statusCode = problemStatus(problem);
  const body = problemBody(problem);
  return (
    `HTTP/1.1 ${statusCode} ${TITLES[statusCode] ?? "Error"}\r\n` +
    "content-type: application/problem+json\r\n" +
    `content-length: ${Buffer.byteLength(body)}\r\n` +
    `connection: close\r\n\r\n${body}`
  );
}

function problemBody(problem: Problem): string {
  const status = problemStatus(problem);
  return JSON.stringify({
    type: "about:blank",
    title: TITLES[status] ?? "Error",
    status,
    code: problem.code,
    detail: problem.detail,
  });
}
