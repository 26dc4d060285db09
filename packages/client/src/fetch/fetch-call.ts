/**
 * `fetch` by service name: one call and its attempts.
 *
 * Every attempt is at another instance and within the retry budget, and only what is safe is tried
 * again: what reached nobody, and what may be done twice (RFC 9110 §9.2.2). All attempts share the
 * call's deadline. A body that is a stream is sent once.
 */
import {
  attemptDeadline,
  ErrorCode,
  formatTimeoutMs,
  instant,
  NEVER,
  RegistryError,
  TIMEOUT_FIELD,
} from "@fpzk/core";
import type { FetchInit, Picked } from "../api.js";
import { CallDeadline, deadlinePassed } from "../calls/call-deadline.js";
import { type CompleteCallOptions, isIdempotent, mayRepeat } from "../calls/call-options.js";
import { contextOf } from "../calls/key-field.js";
import type { Caller, CallerTable } from "../calls/service-caller.js";
import { parseServiceUrl } from "../calls/service-url.js";
import { type AttemptEnd, FetchAttempt } from "./fetch-attempt.js";
import { isReplayable } from "./replayable-body.js";

export async function fetchFrom(
  callers: CallerTable,
  url: string | URL,
  init: FetchInit,
): Promise<Response> {
  const { service, path } = parseServiceUrl(url);
  const { key, deadline, timeoutMs, attemptTimeoutMs, retryCount, retryOn, signal, ...rest } = init;
  const caller = callers.get(service, "http");
  const options = caller.callOptions({
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(attemptTimeoutMs === undefined ? {} : { attemptTimeoutMs }),
    ...(retryCount === undefined ? {} : { retryCount }),
    ...(retryOn === undefined ? {} : { retryOn }),
  });
  const headers = new Headers(rest.headers);
  const field = headers.get(TIMEOUT_FIELD);
  const call = new FetchCall({
    caller,
    options,
    deadline: new CallDeadline(
      { timeoutMs: options.timeoutMs, deadline, field },
      performance.now(),
    ),
    path,
    key,
    init: { ...rest, headers },
    headers,
    signal: signal ?? undefined,
  });
  return await call.run();
}

interface Call {
  readonly caller: Caller;
  readonly options: CompleteCallOptions;
  readonly deadline: CallDeadline;
  readonly path: string;
  readonly key: string | undefined;
  readonly init: RequestInit;
  /** Those of `init`. */
  readonly headers: Headers;
  readonly signal: AbortSignal | undefined;
}

class FetchCall {
  readonly #call: Call;
  readonly #excluded = new Set<string>();

  constructor(call: Call) {
    this.#call = call;
  }

  async run(): Promise<Response> {
    const { caller, options, deadline, signal } = this.#call;
    if (deadline.isOver(performance.now())) throw this.#notBegun();
    let picked = await caller.first(contextOf(this.#call.key), {
      timeoutMs: deadline.timeoutMs,
      signal,
    });
    for (let retriesLeft = options.retryCount; ; retriesLeft -= 1) {
      const end = await this.#attempt(picked);
      this.#excluded.add(picked.instance.id);
      const next = retriesLeft > 0 ? this.#next(end) : undefined;
      if (next === undefined) {
        if (end.type === "response") return end.response;
        throw end.error;
      }
      // Somebody else is asked: this answer is not wanted.
      if (end.type === "response") await end.response.body?.cancel();
      picked = next;
    }
  }

  async #attempt(picked: Picked): Promise<AttemptEnd> {
    const { caller, options, deadline, path, init, headers, signal } = this.#call;
    const now = instant(performance.now());
    const times = { deadline: deadline.ends, attemptMaxMs: options.attemptTimeoutMs };
    const ends = attemptDeadline(times, now);
    if (ends === undefined || signal?.aborted === true) {
      picked.release();
      throw this.#notBegun();
    }
    const { timeoutMs, isInherited } = deadline;
    const leftMs = deadline.leftMs(now);
    if (deadline.ends !== NEVER) headers.set(TIMEOUT_FIELD, formatTimeoutMs(leftMs));
    const attempt = new FetchAttempt(picked, {
      ...{ service: caller.service, path, init, signal, timeoutMs, isInherited, leftMs },
      attemptMs: ends - now,
    });
    return await attempt.run();
  }

  #next(end: AttemptEnd): Picked | undefined {
    const { caller, options, init } = this.#call;
    const request = {
      isIdempotent: isIdempotent(init.method ?? "GET"),
      isReplayable: isReplayable(init.body),
    };
    if (!mayRepeat(end.cause, request, options)) return undefined;
    return caller.again({ ...contextOf(this.#call.key), excluded: this.#excluded });
  }

  #notBegun(): RegistryError {
    const { caller, deadline, signal } = this.#call;
    if (signal?.aborted === true) {
      const message = `call ${caller.service}: was aborted`;
      return new RegistryError(ErrorCode.cancelled, message, { cause: signal.reason });
    }
    const tried = this.#excluded.size;
    if (tried === 0 && deadline.isInherited) return deadlinePassed(caller.service);
    const message = `call ${caller.service}: its ${deadline.timeoutMs} ms were over after ${tried} attempts`;
    return new RegistryError(ErrorCode.deadlineExceeded, message);
  }
}
