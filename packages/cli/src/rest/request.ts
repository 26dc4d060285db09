/** One HTTP exchange with a server, as a command needs it: bounded, with errors for people. */
import { readFileSync } from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { type ErrorCode, isErrorCode, RegistryError } from "@fpzk/core";

export interface Target {
  /** `http://host:port` without a path. */
  readonly baseUrl: URL;
  readonly token: string | undefined;
  readonly caFile: string | undefined;
}

export interface Exchange {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** With its query; encoded. */
  readonly path: string;
  readonly body?: unknown;
  /** Longest silence of the server until the answer has begun. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes of one answer that is held in memory. */
export const ANSWER_MAX_BYTES = 256 * 1024 * 1024;
const PROBLEM_MAX_BYTES = 1024 * 1024;

/**
 * Sends one request; resolves with the begun answer when its status is 2xx.
 *
 * @throws RegistryError with the server's code, or `unavailable` when nobody answered.
 */
export async function exchange(target: Target, wanted: Exchange): Promise<IncomingMessage> {
  const answer = await send(target, wanted);
  const status = answer.statusCode ?? 0;
  if (status >= 200 && status < 300) return answer;
  throw toError(status, await readText(answer, PROBLEM_MAX_BYTES), target);
}

/** The same for one JSON document; undefined when the answer is empty. */
export async function exchangeJson(target: Target, wanted: Exchange): Promise<unknown> {
  const text = await readText(await exchange(target, wanted), ANSWER_MAX_BYTES);
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RegistryError("unknown", `${target.baseUrl.href} answered no JSON; is it FPZK?`, {
      cause: error,
    });
  }
}

function send(target: Target, wanted: Exchange): Promise<IncomingMessage> {
  const { baseUrl, token } = target;
  const text = wanted.body === undefined ? undefined : JSON.stringify(wanted.body);
  return new Promise((resolve, reject) => {
    const isSecure = baseUrl.protocol === "https:";
    const request = (isSecure ? httpsRequest : httpRequest)(new URL(wanted.path, baseUrl), {
      method: wanted.method,
      agent: false,
      headers: {
        accept: "application/json, application/x-ndjson",
        "user-agent": "fpzk-cli",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(text === undefined
          ? {}
          : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
      },
      ...(wanted.signal === undefined ? {} : { signal: wanted.signal }),
      ...(isSecure && target.caFile !== undefined ? { ca: readFileSync(target.caFile) } : {}),
    });
    const timer = setTimeout(() => {
      const waited = `no answer within ${wanted.timeoutMs} ms`;
      request.destroy(new RegistryError("unavailable", `${baseUrl.origin}: ${waited}`));
    }, wanted.timeoutMs);
    request.on("close", () => clearTimeout(timer));
    request.on("socket", (socket) => socket.setKeepAlive(true, 10_000));
    request.on("error", (error) => reject(toConnectError(error, target)));
    request.on("response", (answer) => {
      clearTimeout(timer);
      resolve(answer);
    });
    request.end(text);
  });
}

async function readText(answer: IncomingMessage, maxBytes: number): Promise<string> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  for await (const part of answer) {
    sizeBytes += (part as Buffer).length;
    if (sizeBytes > maxBytes) {
      answer.destroy();
      throw new RegistryError("out_of_range", `an answer must have <= ${maxBytes} bytes`);
    }
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString("utf8");
}

/** The server's problem document, or the bare status of something in between. */
function toError(status: number, text: string, target: Target): RegistryError {
  const problem = parseProblem(text);
  if (problem !== undefined) return new RegistryError(problem.code, problem.detail);
  const codes: Readonly<Record<number, ErrorCode>> = {
    400: "invalid_argument",
    401: "unauthenticated",
    403: "permission_denied",
    429: "resource_exhausted",
  };
  const code = codes[status] ?? (status >= 502 ? "unavailable" : "unknown");
  const hint = status === 404 ? "; is it an FPZKServer?" : "";
  return new RegistryError(code, `${target.baseUrl.origin} answered ${status}${hint}`);
}

function parseProblem(text: string): { code: ErrorCode; detail: string } | undefined {
  try {
    const { code, detail, title } = JSON.parse(text) as Record<string, unknown>;
    return isErrorCode(code) ? { code, detail: String(detail ?? title ?? code) } : undefined;
  } catch {
    return undefined;
  }
}

function toConnectError(error: Error, target: Target): RegistryError {
  if (error instanceof RegistryError) return error;
  if (error.name === "AbortError") return new RegistryError("cancelled", "interrupted");
  const { code } = error as NodeJS.ErrnoException;
  const reasons: Readonly<Record<string, string>> = {
    ECONNREFUSED: "nobody listens there",
    ENOTFOUND: "there is no such host",
    ECONNRESET: "the connection was closed",
    EHOSTUNREACH: "the host cannot be reached",
    ENETUNREACH: "the network cannot be reached",
  };
  const reason = reasons[code ?? ""] ?? error.message;
  const hint = "start one with: fpzk server, or name another with --server";
  return new RegistryError("unavailable", `${target.baseUrl.origin}: ${reason} (${hint})`, {
    cause: error,
  });
}
