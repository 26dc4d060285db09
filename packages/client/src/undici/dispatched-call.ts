/** One call of an undici user and its attempts; the rules are those of `fetch/fetch-call.ts`. */
import {
  CallOutcome,
  type CallResult,
  ErrorCode,
  formatTimeoutMs,
  NEVER,
  RegistryError,
  RetryCause,
  resultOfHttpStatus,
  retryAfterOfField,
  TIMEOUT_FIELD,
} from "@fpzk/core";
import type { Dispatcher } from "undici";
import type { CallOptions, Picked, ServiceCaller } from "../api.js";
import { CallDeadline, deadlinePassed } from "../calls/call-deadline.js";
import { isConnectFailure } from "../calls/call-failure.js";
import { isIdempotent, mayRepeat, retryCauseOfStatus } from "../calls/call-options.js";
import { contextOf, KEY_FIELD } from "../calls/key-field.js";
import { fieldOf, withField } from "./header-fields.js";

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
  readonly #deadline: CallDeadline;
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
    const { headers } = ports.options;
    this.#key = fieldOf(headers, KEY_FIELD);
    const { timeoutMs } = this.#options;
    const field = fieldOf(headers, TIMEOUT_FIELD);
    this.#deadline = new CallDeadline({ timeoutMs, field }, performance.now());
  }

  start(): void {
    const { caller } = this.#ports;
    const { timeoutMs } = this.#deadline;
    if (this.#deadline.isOver(performance.now())) {
      // As all failures: not before `dispatch` has returned.
      queueMicrotask(() => this.fail(NO_CONTROLLER, deadlinePassed(caller.service)));
      return;
    }
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

  /** Being late says something of an instance, unless the time was not the call's own. */
  get lateOutcome(): CallOutcome {
    return this.#deadline.isInherited ? CallOutcome.cancelled : CallOutcome.error;
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
          headers: this.#headers(),
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

  /** With what is left now. */
  #headers(): NonNullable<Dispatcher.DispatchOptions["headers"]> | null {
    const { headers = null } = this.#ports.options;
    if (this.#deadline.ends === NEVER) return headers;
    const left = formatTimeoutMs(this.#deadline.leftMs(performance.now()));
    return withField(headers, TIMEOUT_FIELD, left);
  }

  #expire(): void {
    const { caller } = this.#ports;
    const { timeoutMs } = this.#deadline;
    const message = `call ${caller.service}: no complete answer within ${timeoutMs} ms`;
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
    const broken = isUnsent ? CallOutcome.connectFailure : CallOutcome.error;
    const failure = isLate ? this.#call.lateOutcome : broken;
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
