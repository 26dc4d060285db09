/**
 * Answers that the proxy gives itself: RFC 9457 problem details with a `code` from core's table.
 */
import { ERROR_CODES, type ErrorCode } from "@fpzk/core";
import { type Call, type Fields, NO_FIELDS } from "./call.js";
import { grpcProblemFields, isGrpc } from "./grpc.js";

export interface Problem {
  readonly code: ErrorCode;
  /** What was tried, the value, what to do. */
  readonly detail: string;
  /** Default: the code's status in core's table. */
  readonly statusCode?: number;
  /** What went wrong at an instance, as a name that stays the same. */
  readonly reason?: string;
  /** The request broke the protocol: what else its connection brings is not looked at. */
  readonly isHostile?: boolean;
}

/** A problem as an answer of any protocol. */
export interface ProblemAnswer {
  readonly statusCode: number;
  readonly title: string;
  readonly fields: Fields;
  readonly body: Buffer;
}

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
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
  505: "HTTP Version Not Supported",
  508: "Loop Detected",
};

export function problemStatus(problem: Problem): number {
  return problem.statusCode ?? ERROR_CODES[problem.code].httpStatus;
}

export function problemAnswer(problem: Problem): ProblemAnswer {
  const statusCode = problemStatus(problem);
  const title = TITLES[statusCode] ?? "Error";
  const { code, detail, reason } = problem;
  const document = { type: "about:blank", title, status: statusCode, code, detail, reason };
  const body = Buffer.from(JSON.stringify(document));
  const fields = [
    ...["content-type", "application/problem+json"],
    ...["content-length", String(body.length)],
    ...["cache-control", "no-store"],
    ...(statusCode === 503 || statusCode === 429 ? ["retry-after", "1"] : []),
  ];
  return { statusCode, title, fields, body };
}

/** Answers a call with a problem: of gRPC by its status, of others by a document. */
export function answerProblem(call: Call, problem: Problem): void {
  if (isGrpc(call.fields)) {
    call.answer(200, "OK", grpcProblemFields(problem), 0);
    call.end(NO_FIELDS);
    return;
  }
  const { statusCode, title, fields, body } = problemAnswer(problem);
  if (problem.isHostile === true) call.closeAfterwards();
  call.answer(statusCode, title, fields, body.length);
  if (call.method !== "HEAD") call.write(body);
  call.end(NO_FIELDS);
}
