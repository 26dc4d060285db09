/**
 * When an exchange is late: for its caller, for its route, and for the instance that is asked. Pure.
 *
 * All three end when an answer begins; what follows is the answer's length. Instants lie in
 * numbers that may be Infinity: no bound, or none any more.
 */
import { ATTEMPT_MIN_MS, type Instant } from "@fpzk/core";

export interface ExchangeBounds {
  /** Of the route, from the last piece of the request on. */
  readonly timeoutMs: number;
  /** How long the caller itself waits; undefined when it did not say. */
  readonly callerMs: number | undefined;
  /** Of each attempt; undefined for no such bound. */
  readonly attemptMs: number | undefined;
}

export class ExchangeDeadlines {
  #timeoutMs = Number.POSITIVE_INFINITY;
  #attemptMs = Number.POSITIVE_INFINITY;
  /** When the caller gives up. */
  #callerAtMs = Number.POSITIVE_INFINITY;
  /** When an answer must have begun, whoever gives it. Invariant: never after the caller's. */
  #answerAtMs = Number.POSITIVE_INFINITY;
  /** When the instance that is asked must have begun to answer. */
  #attemptAtMs = Number.POSITIVE_INFINITY;

  /** The request arrived. */
  begin({ timeoutMs, callerMs, attemptMs }: ExchangeBounds, now: Instant): void {
    this.#timeoutMs = timeoutMs;
    if (attemptMs !== undefined) this.#attemptMs = attemptMs;
    if (callerMs !== undefined) this.#callerAtMs = now + callerMs;
    this.#beginAnswer(now);
  }

  /** An instance is asked. */
  beginAttempt(now: Instant): void {
    this.#attemptAtMs = now + this.#attemptMs;
  }

  /** A piece of the request's body arrived: nobody can answer before the last one. */
  renew(now: Instant): void {
    this.#beginAnswer(now);
    this.beginAttempt(now);
  }

  endAttempt(): void {
    this.#attemptAtMs = Number.POSITIVE_INFINITY;
  }

  /** An answer began, or none will. The caller's own deadline stays: it says who was late. */
  end(): void {
    this.#answerAtMs = Number.POSITIVE_INFINITY;
    this.endAttempt();
  }

  get hasCallers(): boolean {
    return this.#callerAtMs !== Number.POSITIVE_INFINITY;
  }

  /** What is left of the caller's time. */
  callerLeftMs(now: Instant): number {
    return this.#callerAtMs - now;
  }

  /** Too little is left to ask an instance. */
  isLate(now: Instant): boolean {
    return this.#answerAtMs - now < ATTEMPT_MIN_MS;
  }

  /** It is the caller that gave too little time. */
  isCallerLate(nowMs: number): boolean {
    return this.#callerAtMs - nowMs < ATTEMPT_MIN_MS;
  }

  isAnswerDue(nowMs: number): boolean {
    return nowMs >= this.#answerAtMs;
  }

  isAttemptDue(nowMs: number): boolean {
    return nowMs >= this.#attemptAtMs;
  }

  /** Why a request that is late was given up. */
  lateText(service: string, nowMs: number): string {
    return this.isCallerLate(nowMs)
      ? `the caller's deadline passed before ${service} answered`
      : `${service} did not answer within ${this.#timeoutMs} ms`;
  }

  get attemptLateText(): string {
    return `it did not begin to answer within ${this.#attemptMs} ms`;
  }

  #beginAnswer(now: Instant): void {
    this.#answerAtMs = Math.min(now + this.#timeoutMs, this.#callerAtMs);
  }
}
