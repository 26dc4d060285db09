/** One call of an undici user and its attempts; the rules are those of `fetch/fetch-call.ts`. */
import {
  CallOutcome,
  type CallResult,
  ErrorCode,
  RegistryError,
  RetryCause,
  resultOfHttpStatus,
  retryAfterOfField,
} from "@fpzk/core";
import type { Dispatcher } from "undici";
import type { CallOptions, Picked, ServiceCaller } from "../api.js";
import { isConnectFailure } from "../calls/call-failure.js";
import { isIdempotent, mayRepeat, retryCauseOfStatus } from "../calls/call-options.js";
import { contextOf, KEY_FIELD } from "../calls/key-field.js";

type Controller = Dispatcher.DispatchController;
type Handler = Dispatcher.DispatchHandler;
type Fields = Parameters<NonNullable<Handler["onResponseStart"]>>[2];

/** Of an answer that is given up for another: longer ones end their connection. */
const DROPPED_BODY_MAX_BYTES = 65_536;
/** Longer timers overflow. */
const TIMER_MAX_MS = 2_147_483_647;

interface DispatchedCallPorts {
  readonly caller: ServiceCaller;
  readonly dispatch: Dispatcher.Dispatch;
  readonly options: Dispatcher.DispatchOptions;
  /** Of undici's present form: `compose` wraps older ones. */
  readonly handler: Handler;
}

export class DispatchedCall {
  readonly #ports: DispatchedCallPorts;
  readonly #options: Required<CallOptions>;
  readonly #excluded = new Set<string>();
  readonly #key: string | undefined;
  #retriesLeft: number;
  #timer: NodeJS.Timeout | undefined;
  /** Of the attempt under way. */
  #controller: Controller | undefined;
  #expiry: RegistryError | undefined;

  /** @throws RegistryError `invalid_argument`. */
  constructor(ports: DispatchedCallPorts) {
    this.#ports = ports;
    this.#options = ports.caller.callOptions();
    this.#retriesLeft = this.#options.retryCount;
    this.#key = fieldOf(ports.options.headers, KEY_FIELD);
  }

  start(): void {
    const { caller } = this.#ports;
    const { timeoutMs } = this.#options;
    if (timeoutMs !== Number.POSITIVE_INFINITY) {
      this.#timer = setTimeout(() => this.#expire(), Math.min(TIMER_MAX_MS, timeoutMs));
    }
    caller.first(contextOf(this.#key), { timeoutMs }).then(
      (picked) => this.#attempt(picked),
      (error: unknown) => this.fail(NO_CONTROLLER, RegistryError.from(error)),
    );
  }

  get handler(): Handler {
    return this.#ports.handler;
  }

  get expiry(): RegistryError | undefined {
    return this.#expiry;
  }

  begun(controller: Controller): void {
    this.#controller = controller;
    if (this.#expiry !== undefined) controller.abort(this.#expiry);
  }

  /** Asks another instance, if that is safe and somebody else is there; false if not. */
  tryAgain(cause: RetryCause | undefined, failed: Picked): boolean {
    const { caller, options } = this.#ports;
    this.#excluded.add(failed.instance.id);
    const request = {
      isIdempotent: isIdempotent(options.method),
      isReplayable: isReplayable(options.body),
    };
    const isOver = this.#retriesLeft === 0 || this.#expiry !== undefined;
    if (isOver || !mayRepeat(cause, request, this.#options)) return false;
    const next = caller.again({ ...contextOf(this.#key), excluded: this.#excluded });
    if (next === undefined) return false;
    this.#retriesLeft -= 1;
    this.#attempt(next);
    return true;
  }

  done(): void {
    clearTimeout(this.#timer);
  }

  fail(controller: Controller, error: Error): void {
    this.done();
    this.handler.onResponseError?.(controller, this.#expiry ?? error);
  }

  #attempt(picked: Picked): void {
    const { dispatch, options } = this.#ports;
    const { attemptTimeoutMs } = this.#options;
    const isBounded = attemptTimeoutMs !== Number.POSITIVE_INFINITY;
    const attempt = new DispatchedAttempt(this, picked);
    try {
      dispatch(
        {
          ...options,
          origin: picked.url,
          ...(isBounded ? { headersTimeout: attemptTimeoutMs } : {}),
        },
        attempt,
      );
    } catch (error) {
      // Not a fault of the instance: undici refuses the call as it is written.
      picked.release();
      this.fail(NO_CONTROLLER, error instanceof Error ? error : new Error(String(error)));
    }
  }

  #expire(): void {
    const { caller } = this.#ports;
    const message = `call ${caller.service}: no complete answer within ${this.#options.timeoutMs} ms`;
    this.#expiry = new RegistryError(ErrorCode.deadlineExceeded, message);
    this.#controller?.abort(this.#expiry);
  }
}

class DispatchedAttempt implements Handler {
  readonly #call: DispatchedCall;
  readonly #picked: Picked;
  #result: CallResult | undefined;
  /** Given up for another attempt, whose answer the caller gets. */
  #isDropped = false;
  #droppedBytes = 0;

  constructor(call: DispatchedCall, picked: Picked) {
    this.#call = call;
    this.#picked = picked;
  }

  onRequestStart(controller: Controller, context: unknown): void {
    this.#call.begun(controller);
    this.#call.handler.onRequestStart?.(controller, context);
  }

  onRequestUpgrade(...args: Parameters<NonNullable<Handler["onRequestUpgrade"]>>): void {
    const [, , , socket] = args;
    this.#picked.answered();
    // How long it is used is the caller's business.
    this.#call.done();
    socket.once("close", () => this.#picked.release(CallOutcome.success));
    this.#call.handler.onRequestUpgrade?.(...args);
  }

  onResponseStart(
    controller: Controller,
    statusCode: number,
    headers: Fields,
    statusMessage?: string,
  ): void {
    if (statusCode >= 200) {
      this.#picked.answered();
      const field = headers["retry-after"];
      const retryAfterMs =
        field === undefined ? undefined : retryAfterOfField(String(field), Date.now());
      this.#result = resultOfHttpStatus(statusCode, retryAfterMs);
      if (this.#call.tryAgain(retryCauseOfStatus(statusCode), this.#picked)) {
        this.#isDropped = true;
        this.#picked.release(this.#result);
        return;
      }
    }
    this.#call.handler.onResponseStart?.(controller, statusCode, headers, statusMessage);
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (!this.#isDropped) {
      this.#call.handler.onResponseData?.(controller, chunk);
      return;
    }
    this.#droppedBytes += chunk.length;
    if (this.#droppedBytes > DROPPED_BODY_MAX_BYTES) {
      controller.abort(new Error("the answer is not wanted any more"));
    }
  }

  onResponseEnd(controller: Controller, trailers: Fields): void {
    this.#picked.release(this.#result);
    if (this.#isDropped) return;
    this.#call.done();
    this.#call.handler.onResponseEnd?.(controller, trailers);
  }

  onResponseError(controller: Controller, error: Error): void {
    if (this.#isDropped) return;
    const isLate = this.#call.expiry !== undefined;
    const isAborted = controller?.aborted === true && !isLate;
    const isUnsent = isConnectFailure(error);
    const failure = isUnsent ? CallOutcome.connectFailure : CallOutcome.error;
    this.#picked.release(isAborted ? CallOutcome.cancelled : failure);
    // What has begun to be answered cannot begin anew.
    const mayTry = !isAborted && !isLate && this.#result === undefined;
    const cause = isUnsent ? RetryCause.connectFailure : RetryCause.reset;
    if (mayTry && this.#call.tryAgain(cause, this.#picked)) return;
    this.#call.fail(controller, error);
  }
}

/** For failures before undici has the call. */
const NO_CONTROLLER: Controller = {
  ...{ aborted: true, paused: false, reason: null },
  abort() {},
  pause() {},
  resume() {},
};

function isReplayable(body: unknown): boolean {
  return (
    body === undefined || body === null || typeof body === "string" || ArrayBuffer.isView(body)
  );
}

/** A field of headers in any of the forms that undici takes: pairs in a row, an object, entries. */
function fieldOf(headers: unknown, name: string): string | undefined {
  if (typeof headers !== "object" || headers === null) return undefined;
  for (const [key, value] of entriesOf(headers)) {
    if (String(key).toLowerCase() === name) return String(value);
  }
  return undefined;
}

function* entriesOf(headers: object): Iterable<readonly [unknown, unknown]> {
  if (Array.isArray(headers) && !Array.isArray(headers[0])) {
    for (let index = 0; index + 1 < headers.length; index += 2) {
      yield [headers[index], headers[index + 1]];
    }
  } else if (Symbol.iterator in headers) {
    yield* headers as Iterable<readonly [unknown, unknown]>;
  } else {
    yield* Object.entries(headers);
  }
}
