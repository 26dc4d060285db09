/** One attempt of a call: the global `fetch` at one instance, and what came of it. */
import {
  CallOutcome,
  ErrorCode,
  RegistryError,
  RetryCause,
  resultOfHttpStatus,
  retryAfterOfField,
} from "@fpzk/core";
import type { Picked } from "../api.js";
import { failureText, isConnectFailure, isNetworkFailure } from "../calls/call-failure.js";
import { retryCauseOfStatus } from "../calls/call-options.js";
import { type BodyEnd, observeResponse } from "./observed-response.js";

/** Longer timers overflow. */
const TIMER_MAX_MS = 2_147_483_647;

export interface AttemptRequest {
  readonly service: string;
  readonly path: string;
  readonly init: RequestInit;
  /** Of the caller. */
  readonly signal: AbortSignal | undefined;
  /** Until the answer begins. */
  readonly attemptMs: number;
  /** Until it is complete. */
  readonly leftMs: number;
  readonly timeoutMs: number;
  /** The call's time was not its own: being late then says nothing of the instance. */
  readonly isInherited: boolean;
}

/** What came of an attempt, and why it may be worth another. */
export type AttemptEnd =
  | {
      readonly type: "response";
      readonly response: Response;
      readonly cause: RetryCause | undefined;
    }
  | { readonly type: "failure"; readonly error: unknown; readonly cause: RetryCause | undefined };

export class FetchAttempt {
  readonly #picked: Picked;
  readonly #request: AttemptRequest;
  readonly #controller = new AbortController();
  readonly #abort = (): void => this.#controller.abort(this.#request.signal?.reason);
  #timer: NodeJS.Timeout | undefined;
  /** Which of the bounds was reached. */
  #expired: "attempt" | "call" | undefined;

  constructor(picked: Picked, request: AttemptRequest) {
    this.#picked = picked;
    this.#request = request;
  }

  async run(): Promise<AttemptEnd> {
    const { path, init, signal, attemptMs, leftMs } = this.#request;
    signal?.addEventListener("abort", this.#abort, { once: true });
    this.#arm(attemptMs, attemptMs < leftMs ? "attempt" : "call");
    const begin = performance.now();
    try {
      const response = await fetch(`${this.#picked.url}${path}`, {
        ...init,
        signal: this.#controller.signal,
      });
      this.#picked.answered();
      this.#arm(leftMs - (performance.now() - begin), "call");
      const cause = retryCauseOfStatus(response.status);
      const result = this.#resultOf(response);
      return {
        type: "response",
        cause,
        response: observeResponse(response, {
          ended: (end) => this.#bodyEnded(end, result),
          forgotten: () => this.#finish(undefined),
        }),
      };
    } catch (error) {
      return this.#failed(error);
    }
  }

  #resultOf({ status, headers }: Response): ReturnType<typeof resultOfHttpStatus> {
    const field = headers.get("retry-after");
    const retryAfterMs = field === null ? undefined : retryAfterOfField(field, Date.now());
    return resultOfHttpStatus(status, retryAfterMs);
  }

  #bodyEnded(end: BodyEnd, result: ReturnType<typeof resultOfHttpStatus>): unknown {
    if (end.type !== "broken") {
      this.#finish(result);
      return undefined;
    }
    const failure = this.#failed(end.error);
    return failure.error;
  }

  #failed(error: unknown): Extract<AttemptEnd, { type: "failure" }> {
    const { service, signal, timeoutMs, isInherited } = this.#request;
    const at = `call ${service} at ${this.#picked.url}`;
    const failure = (code: ErrorCode, text: string, cause: unknown): RegistryError =>
      new RegistryError(code, `${at}: ${text}`, { cause });
    if (signal?.aborted === true) {
      this.#finish(CallOutcome.cancelled);
      const told = failure(ErrorCode.cancelled, "was aborted", signal.reason);
      return { type: "failure", error: told, cause: undefined };
    }
    if (this.#expired !== undefined) {
      const isCall = this.#expired === "call";
      this.#finish(isCall && isInherited ? CallOutcome.cancelled : CallOutcome.error);
      const text = isCall
        ? `no answer within ${timeoutMs} ms`
        : "it did not begin to answer in time";
      const told = failure(ErrorCode.deadlineExceeded, text, error);
      // A late instance is as good as one that broke off: it may have done what was asked.
      return { type: "failure", error: told, cause: isCall ? undefined : RetryCause.reset };
    }
    if (isConnectFailure(error)) {
      this.#finish(CallOutcome.connectFailure);
      const told = failure(ErrorCode.unavailable, failureText(error), error);
      return { type: "failure", error: told, cause: RetryCause.connectFailure };
    }
    if (isNetworkFailure(error)) {
      this.#finish(CallOutcome.error);
      const told = failure(ErrorCode.unavailable, failureText(error), error);
      return { type: "failure", error: told, cause: RetryCause.reset };
    }
    // How the call was written, or what its own body threw: says nothing of the instance.
    this.#finish(undefined);
    return { type: "failure", error, cause: undefined };
  }

  #finish(result: Parameters<Picked["release"]>[0]): void {
    clearTimeout(this.#timer);
    this.#request.signal?.removeEventListener("abort", this.#abort);
    this.#picked.release(result);
  }

  #arm(delayMs: number, bound: "attempt" | "call"): void {
    clearTimeout(this.#timer);
    if (delayMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(
      () => {
        this.#expired = bound;
        this.#controller.abort();
      },
      Math.min(TIMER_MAX_MS, Math.max(0, Math.ceil(delayMs))),
    );
  }
}
