/**
 * One request through the proxy: attempts on instances until one answers, streamed both ways.
 *
 * Nothing is buffered whole: each side is paused while the other is full. Another instance is
 * tried only while the caller has seen no byte of an answer (see `retry-rule.ts`).
 *
 * Trailers of answers are passed; those of requests are dropped, as RFC 9110 §6.5.1 allows.
 * `100 Continue` is sent when an instance has accepted the request's header, so that a request
 * which no instance takes is refused before its body is sent.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type CallResult, ErrorCode, type Instant } from "@fpzk/core";
import type { Dispatcher } from "undici";
import { type Balancer, type Choice, isChoice } from "./balancer.js";
import { passableTrailers, responseHeaders } from "./headers.js";
import type { InstancePools } from "./instance-pools.js";
import type { ProxyMetrics } from "./metrics.js";
import { type Problem, sendProblem } from "./problem.js";
import { hasRequestBody, RequestBody } from "./request-body.js";
import type { RequestRecord } from "./request-record.js";
import { isRepeatable, isRetryableStatus } from "./retry-rule.js";
import type { RouteTarget } from "./route-table.js";

export interface ExchangePorts {
  readonly balancer: Balancer;
  readonly pools: InstancePools;
  readonly metrics: ProxyMetrics;
  readonly now: () => Instant;
  readonly answerTimeoutMs: number;
  readonly isDraining: () => boolean;
}

export interface ExchangeRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: RouteTarget;
  /** Fields that the instance sees. */
  readonly headers: string[];
  readonly expectsContinue: boolean;
  readonly record: RequestRecord;
}

/** An exchange under way, for the one who reads the caller's connection. */
export interface RunningExchange {
  /** Whether the caller is still sending its request and has seen nothing of an answer. */
  readonly isRefusable: boolean;
  /** Gives the request up and answers with a problem. Only while refusable. */
  refuse(problem: Problem): void;
}

/** Starts the exchange; it ends with the response's `close` event. */
export function startExchange(input: ExchangeRequest, ports: ExchangePorts): RunningExchange {
  const exchange = new Exchange(input, ports);
  exchange.start();
  return exchange;
}

const CALLER_GONE = new Error("the caller went away");
const SUPERSEDED = new Error("the proxy gave this attempt up");

class Exchange implements RunningExchange {
  readonly #input: ExchangeRequest;
  readonly #ports: ExchangePorts;
  readonly #hasBody: boolean;
  readonly #timeoutMs: number;
  #attempt: Attempt | undefined;
  #tried: Set<string> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isEnded = false;

  constructor(input: ExchangeRequest, ports: ExchangePorts) {
    this.#input = input;
    this.#ports = ports;
    this.#hasBody = hasRequestBody(input.request);
    this.#timeoutMs = input.target.timeoutMs ?? ports.answerTimeoutMs;
  }

  start(): void {
    const { response } = this.#input;
    response.once("close", () => this.#onCallerClosed());
    response.on("timeout", () => this.#onCallerIdle());
    this.#timer = setTimeout(() => this.#onDeadline(), this.#timeoutMs);
    this.#ports.balancer.onRequest();
    this.#try(undefined);
  }

  get isRefusable(): boolean {
    const { request, response } = this.#input;
    return !this.#isEnded && !request.complete && !response.headersSent;
  }

  refuse(problem: Problem): void {
    const attempt = this.#attempt;
    if (attempt !== undefined) {
      this.#finish(attempt, undefined);
      attempt.abort(SUPERSEDED);
    }
    this.#refuse(problem);
  }

  /** @param earlier - Why the attempt before failed, told when there is nobody else to ask. */
  #try(earlier: Problem | undefined): void {
    const { target, record } = this.#input;
    const choice = this.#ports.balancer.choose(target, this.#tried);
    if (!isChoice(choice)) {
      this.#refuse(earlier ?? choice);
      return;
    }
    const id = choice.picked.instance.id;
    if (this.#tried?.has(id)) {
      // The picker ran out of others. Once more on the same one is still worth it after a break.
      this.#tried.clear();
    }
    record.isServiceKnown = true;
    record.instanceId = id;
    record.attemptCount += 1;
    if (record.attemptCount > 1) {
      const service = this.#ports.metrics.serviceLabel(record.service, true);
      this.#ports.metrics.retries.inc({ service });
    }
    this.#attempt = new Attempt(choice, this);
    this.#dispatch(choice, this.#attempt);
  }

  #dispatch(choice: Choice, attempt: Attempt): void {
    const { request, target, headers, expectsContinue, response, record } = this.#input;
    const body = this.#hasBody
      ? new RequestBody(request, {
          onWanted: () => {
            if (expectsContinue && !response.headersSent) response.writeContinue();
          },
          onChunk: (sizeBytes) => {
            record.requestBodyBytes += sizeBytes;
            if (!response.headersSent) this.#timer?.refresh();
          },
        })
      : null;
    // A destroyed body reports its error here; the attempt learns of it from undici.
    body?.on("error", () => {});
    const pool = this.#ports.pools.get(choice.origin, this.#ports.now());
    try {
      pool.dispatch(
        {
          path: target.path,
          method: request.method as Dispatcher.HttpMethod,
          headers,
          body,
        },
        attempt,
      );
    } catch (error) {
      attempt.onResponseError(undefined, error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Whether the attempt is the one whose answer counts. */
  isCurrent(attempt: Attempt): boolean {
    return !this.#isEnded && this.#attempt === attempt;
  }

  /** An instance's final status arrived; true when it is passed on. */
  onAnswer(attempt: Attempt, statusCode: number, raw: string[], text: string): boolean {
    const { request, response, target, record } = this.#input;
    const isRetryable = isRetryableStatus(statusCode, target.retryOn);
    if (isRetryable && this.#mayRetry()) {
      this.#ports.balancer.finish(attempt.choice, "error");
      this.#retry(attempt, undefined);
      return false;
    }
    clearTimeout(this.#timer);
    const headers = responseHeaders(raw);
    // A body that nobody will read to its end makes the connection unusable afterwards.
    const mustClose = this.#ports.isDraining() || !request.complete;
    if (mustClose) headers.push("connection", "close");
    response.writeHead(statusCode, text, headers);
    record.statusCode = statusCode;
    if (request.method === "HEAD") response.flushHeaders();
    return true;
  }

  onInformation(statusCode: number, headers: Readonly<Record<string, unknown>>): void {
    const { response } = this.#input;
    const link = headers["link"];
    if (statusCode !== 103 || response.headersSent) return;
    if (typeof link !== "string" && !Array.isArray(link)) return;
    try {
      response.writeEarlyHints({ link });
    } catch {
      // A link that Node does not accept: hints may be left out (RFC 8297 §2).
    }
  }

  /** Passes a piece on; false asks to pause until {@link onRoom}. */
  onChunk(chunk: Buffer): boolean {
    this.#input.record.responseBodyBytes += chunk.length;
    return this.#input.response.write(chunk);
  }

  onRoom(resume: () => void): void {
    this.#input.response.once("drain", resume);
  }

  onAnswerEnd(attempt: Attempt, trailers: Readonly<Record<string, string | string[]>>): void {
    const { response, record } = this.#input;
    const passable = passableTrailers(trailers);
    // Only a chunked answer to a caller of HTTP/1.1 carries trailers.
    if (passable.length > 0 && response.chunkedEncoding) response.addTrailers(passable);
    record.outcome = "completed";
    this.#finish(attempt, record.statusCode >= 500 ? "error" : "success");
    response.end();
  }

  onAttemptFailed(attempt: Attempt, error: Error): void {
    const { response, record, request } = this.#input;
    if (isCallerFault(error)) {
      this.#finish(attempt, undefined);
      const detail = `the request cannot be passed on: ${error.message}`;
      this.#refuse({ code: ErrorCode.invalidArgument, detail });
      return;
    }
    if (request.destroyed && !request.complete) {
      // The caller broke off its body; its `close` event ends the exchange.
      this.#finish(attempt, undefined);
      response.destroy();
      return;
    }
    const result = attempt.isConnected ? "error" : "connect-failure";
    if (response.headersSent) {
      this.#finish(attempt, result);
      record.outcome = "failed";
      response.destroy(error);
      return;
    }
    const problem = failureProblem(attempt, record.service, error);
    this.#ports.balancer.finish(attempt.choice, result);
    if (this.#mayRetry()) {
      this.#retry(attempt, problem);
      return;
    }
    this.#attempt = undefined;
    this.#refuse(problem);
  }

  #mayRetry(): boolean {
    const { request, target, record } = this.#input;
    if (!isRepeatable(request.method ?? "", this.#hasBody)) return false;
    if (record.attemptCount > target.retryCount) return false;
    if (this.#ports.balancer.tryRetry()) return true;
    this.#ports.metrics.retriesRefused.inc();
    return false;
  }

  #retry(attempt: Attempt, problem: Problem | undefined): void {
    this.#tried ??= new Set();
    this.#tried.add(attempt.choice.picked.instance.id);
    this.#attempt = undefined;
    attempt.abort(SUPERSEDED);
    this.#try(problem);
  }

  #refuse(problem: Problem): void {
    clearTimeout(this.#timer);
    const { response, record } = this.#input;
    if (response.headersSent || response.destroyed) return;
    if (this.#ports.isDraining()) response.setHeader("connection", "close");
    record.statusCode = sendProblem(response, problem);
  }

  #onDeadline(): void {
    const attempt = this.#attempt;
    if (attempt !== undefined) {
      this.#finish(attempt, "error");
      attempt.abort(SUPERSEDED);
    }
    const { record } = this.#input;
    this.#refuse({
      code: ErrorCode.deadlineExceeded,
      detail: `${record.service} did not answer within ${this.#timeoutMs} ms`,
    });
  }

  /** No byte moved on the caller's connection: end it when the caller is who should move. */
  #onCallerIdle(): void {
    const { response } = this.#input;
    if (response.writableLength > 0) response.destroy();
    else if (this.isRefusable) {
      const detail = "the request did not arrive in time";
      this.refuse({ code: ErrorCode.deadlineExceeded, detail, statusCode: 408 });
    }
  }

  #onCallerClosed(): void {
    clearTimeout(this.#timer);
    const attempt = this.#attempt;
    this.#isEnded = true;
    if (attempt === undefined) return;
    if (!this.#input.response.writableFinished) this.#input.record.outcome = "aborted";
    this.#finish(attempt, undefined);
    attempt.abort(CALLER_GONE);
  }

  #finish(attempt: Attempt, result: CallResult | undefined): void {
    if (this.#attempt !== attempt) return;
    this.#attempt = undefined;
    this.#ports.balancer.finish(attempt.choice, result);
  }
}

/** One try on one instance: undici's callbacks, guarded against coming late. */
class Attempt implements Dispatcher.DispatchHandler {
  readonly choice: Choice;
  /** The request was written to a connection. */
  isConnected = false;
  readonly #exchange: Exchange;
  #controller: Dispatcher.DispatchController | undefined;
  #aborted: Error | undefined;

  constructor(choice: Choice, exchange: Exchange) {
    this.choice = choice;
    this.#exchange = exchange;
  }

  abort(reason: Error): void {
    this.#aborted = reason;
    this.#controller?.abort(reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.isConnected = true;
    this.#controller = controller;
    if (this.#aborted !== undefined) controller.abort(this.#aborted);
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: Readonly<Record<string, unknown>>,
    statusMessage?: string,
  ): void {
    if (!this.#exchange.isCurrent(this)) return;
    if (statusCode < 200) {
      this.#exchange.onInformation(statusCode, headers);
      return;
    }
    const raw = rawTexts(controller.rawHeaders);
    this.#exchange.onAnswer(this, statusCode, raw, statusMessage ?? "");
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#exchange.isCurrent(this) || this.#exchange.onChunk(chunk)) return;
    controller.pause();
    this.#exchange.onRoom(() => controller.resume());
  }

  onResponseEnd(
    _controller: Dispatcher.DispatchController,
    trailers: Readonly<Record<string, string | string[]>>,
  ): void {
    if (this.#exchange.isCurrent(this)) this.#exchange.onAnswerEnd(this, trailers);
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.#exchange.isCurrent(this)) this.#exchange.onAttemptFailed(this, error);
  }
}

function rawTexts(raw: Dispatcher.DispatchController["rawHeaders"]): string[] {
  if (!Array.isArray(raw)) return [];
  return raw.map((part) => (typeof part === "string" ? part : part.toString("latin1")));
}

/** Undici refused the request itself: a path or field that it will not send. */
function isCallerFault(error: Error): boolean {
  const code = (error as { code?: unknown }).code;
  return code === "UND_ERR_INVALID_ARG" || code === "UND_ERR_NOT_SUPPORTED";
}

function failureProblem(attempt: Attempt, service: string, error: Error): Problem {
  const id = attempt.choice.picked.instance.id;
  const code = (error as { code?: unknown }).code;
  const why = typeof code === "string" ? code : error.message;
  const doing = attempt.isConnected ? "broke off before it answered" : "cannot be connected to";
  return {
    code: ErrorCode.unavailable,
    detail: `instance ${id} of ${service} ${doing}: ${why}`,
    statusCode: attempt.isConnected ? 502 : 503,
  };
}
