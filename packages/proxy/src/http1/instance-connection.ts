/**
 * A connection to an instance: one request at a time, its answer read as strictly as a request.
 *
 * It is used again only when nothing is in doubt: request and answer are whole, nothing followed
 * the answer, and neither side said `close`.
 */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, type SecureContext } from "node:tls";
import type { AttemptFailure, Destination, FailureReason } from "../call.js";
import type { CoarseClock } from "../coarse-clock.js";
import { type AnswerHead, answerHeadFault, isAnswerFault, readAnswerHead } from "./answer-head.js";
import { BodyReader, MORE, REFUSED } from "./body-reader.js";
import { type HeadLimits, HeadReader } from "./head-reader.js";
import type { Http1Attempt } from "./http1-attempt.js";
import { Output } from "./output.js";
import { ReadBuffers } from "./read-buffers.js";

export interface InstanceConnectionOptions {
  readonly clock: CoarseClock;
  readonly connectTimeoutMs: number;
  readonly answerIdleTimeoutMs: number;
  readonly limits: HeadLimits;
  /** Asked for each connection, so that certificates may change. */
  readonly secureContext: () => SecureContext | undefined;
}

/** Who keeps the connection. */
export interface ConnectionOwner {
  onConnected(connection: InstanceConnection): void;
  onConnectFailed(connection: InstanceConnection, failure: AttemptFailure): void;
  /** The answer was whole and the connection can serve another request. */
  onFree(connection: InstanceConnection): void;
  /** Told once, whatever the end. */
  onClosed(connection: InstanceConnection): void;
  /** A kept connection broke as a request was sent by it, before anything of an answer came. */
  onStale(connection: InstanceConnection, attempt: Http1Attempt): void;
}

/** A connection without a request is closed after this, before most servers do it themselves. */
const KEEP_ALIVE_MS = 4_000;
const KEEP_ALIVE_MAX_MS = 60_000;
/** Of what an instance says it keeps connections for, this is left out: the way takes time. */
const KEEP_ALIVE_MARGIN_MS = 1_000;
/** Interim answers before the final one; more are no sense. */
const INTERIM_COUNT_MAX = 32;

export class InstanceConnection {
  readonly output: Output;
  readonly reservedFor: Http1Attempt | undefined;
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #options: InstanceConnectionOptions;
  readonly #head: HeadReader;
  readonly #body: BodyReader;
  readonly #isTls: boolean;
  #state: "connecting" | "idle" | "busy" | "closed" = "connecting";
  #attempt: Http1Attempt | undefined;
  #answer: AnswerHead | undefined;
  #useCount = 0;
  #interimCount = 0;
  #hasAnswerBytes = false;
  #isPaused = false;
  #isTimedOut = false;
  #movedAtMs: number;
  #idleMaxMs = KEEP_ALIVE_MS;

  readonly #onData = (chunk: Buffer): void => this.#take(chunk);
  readonly #onEnd = (): void => this.#onInstanceEnd();
  readonly #onDrain = (): void => this.#attempt?.receiver.onRequestRoom();
  readonly #onError = (error: Error): void => this.#fail(error);
  readonly #onClose = (): void => this.#closed();

  /**
   * @param reservedFor - The only attempt that it may be given first: one that may take the socket
   *   over, which then has to be an ordinary stream.
   */
  constructor(
    destination: Destination,
    owner: ConnectionOwner,
    options: InstanceConnectionOptions,
    reservedFor: Http1Attempt | undefined,
  ) {
    this.reservedFor = reservedFor;
    this.#owner = owner;
    this.#options = options;
    this.#isTls = destination.isTls;
    this.#movedAtMs = options.clock.nowMs;
    this.#head = new HeadReader(options.limits, true);
    this.#body = new BodyReader(options.limits, (piece) => {
      if (this.#attempt?.isOver === false) this.#attempt.receiver.onAnswerBody(piece);
    });
    const onRead = reservedFor === undefined ? this.#onData : undefined;
    this.#socket = connectTo(destination, options.secureContext, onRead);
    this.output = new Output(this.#socket);
    const socket = this.#socket;
    socket.once(this.#isTls ? "secureConnect" : "connect", () => this.#onConnect());
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("drain", this.#onDrain);
    socket.on("error", this.#onError);
    socket.on("close", this.#onClose);
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** Hands a request to it; it must be free. */
  begin(attempt: Http1Attempt): void {
    this.#attempt = attempt;
    this.#state = "busy";
    this.#useCount += 1;
    this.#interimCount = 0;
    this.#hasAnswerBytes = false;
    this.#movedAtMs = this.#options.clock.nowMs;
    attempt.attach(this);
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#movedAtMs = this.#options.clock.nowMs;
    this.#socket.resume();
  }

  destroy(): void {
    this.#close();
    this.#socket.destroy();
  }

  /** Looks for what takes too long; called now and then. */
  sweep(nowMs: number): void {
    const { connectTimeoutMs, answerIdleTimeoutMs } = this.#options;
    const quietMs = nowMs - this.#movedAtMs;
    if (this.#state === "idle") {
      if (quietMs >= this.#idleMaxMs) this.destroy();
    } else if (this.#state === "connecting") {
      if (quietMs < connectTimeoutMs) return;
      this.#isTimedOut = true;
      this.#socket.destroy(new Error(`no connection within ${connectTimeoutMs} ms`));
    } else if (this.#answer !== undefined && !this.#isPaused && quietMs >= answerIdleTimeoutMs) {
      this.#isTimedOut = true;
      this.#socket.destroy(new Error(`the answer stood still for ${answerIdleTimeoutMs} ms`));
    }
  }

  #onConnect(): void {
    this.#state = "idle";
    this.#movedAtMs = this.#options.clock.nowMs;
    this.#owner.onConnected(this);
  }

  #take(chunk: Buffer): void {
    this.#movedAtMs = this.#options.clock.nowMs;
    const attempt = this.#attempt;
    if (attempt === undefined) {
      // Nobody asked for it: whatever it is, it must not become an answer.
      this.destroy();
      return;
    }
    this.#hasAnswerBytes = true;
    let at = 0;
    while (this.#attempt === attempt && at < chunk.length) {
      const next =
        this.#answer === undefined
          ? this.#readHead(attempt, chunk, at)
          : this.#readBody(attempt, chunk, at);
      if (next < 0) break;
      at = next;
    }
    if (this.#attempt === attempt && !attempt.isOver) attempt.receiver.onAnswerFlush();
  }

  /** @returns Where to read on, or a negative number to stop. */
  #readHead(attempt: Http1Attempt, chunk: Buffer, at: number): number {
    const end = this.#head.read(chunk, at);
    if (end === MORE) return MORE;
    if (end === REFUSED) {
      const { fault, detail } = answerHeadFault(this.#head.fault);
      return this.#refuse(fault, detail);
    }
    const { method } = attempt.request;
    const answer = readAnswerHead(this.#head.firstLine, this.#head.fields(), method);
    if (isAnswerFault(answer)) return this.#refuse(answer.fault, answer.detail);
    if (answer.statusCode === 101) return this.#switch(attempt, answer, chunk, end);
    if (answer.statusCode < 200) {
      this.#interimCount += 1;
      if (this.#interimCount > INTERIM_COUNT_MAX) {
        return this.#refuse("answer-head", `more than ${INTERIM_COUNT_MAX} interim answers`);
      }
      attempt.receiver.onInform(answer.statusCode, answer.fields);
      return end;
    }
    this.#answer = answer;
    if (answer.framing === "chunked") this.#body.beginChunked();
    else if (answer.framing === "close") this.#body.beginUntilClose();
    else this.#body.beginLength(answer.bodyBytes ?? 0);
    attempt.receiver.onAnswer(answer.statusCode, answer.reason, answer.fields, answer.bodyBytes);
    if (this.#body.isDone) this.#finish(attempt, answer, end === chunk.length);
    return end;
  }

  #readBody(attempt: Http1Attempt, chunk: Buffer, at: number): number {
    const end = this.#body.read(chunk, at);
    if (end === MORE) return MORE;
    if (end === REFUSED) return this.#refuse("answer-body", this.#body.fault);
    if (this.#answer !== undefined) this.#finish(attempt, this.#answer, end === chunk.length);
    return end;
  }

  /** The answer is whole. The connection is given back first: the next request may come at once. */
  #finish(attempt: Http1Attempt, answer: AnswerHead, isExact: boolean): void {
    if (this.#attempt !== attempt) return;
    const isReusable = isExact && answer.keepsAlive && attempt.isSent;
    const trailers = this.#body.trailers;
    const isTold = !attempt.isOver;
    attempt.finish();
    this.#attempt = undefined;
    this.#answer = undefined;
    if (isReusable) {
      this.resume();
      this.#state = "idle";
      this.#idleMaxMs = keepAliveMs(answer.keepAliveMs);
      this.#owner.onFree(this);
    } else this.destroy();
    if (isTold) attempt.receiver.onAnswerEnd(trailers);
  }

  #switch(attempt: Http1Attempt, answer: AnswerHead, chunk: Buffer, at: number): number {
    if (attempt.request.upgrade === undefined || answer.upgrade === undefined) {
      return this.#refuse("answer-switch", "it switched protocols, which nobody asked for");
    }
    const socket = this.#socket;
    socket.off("data", this.#onData);
    socket.off("end", this.#onEnd);
    socket.off("drain", this.#onDrain);
    socket.off("error", this.#onError);
    socket.off("close", this.#onClose);
    socket.pause();
    if (at < chunk.length) socket.unshift(chunk.subarray(at));
    this.#close();
    attempt.finish();
    attempt.receiver.onSwitch(answer.fields, socket);
    return REFUSED;
  }

  #refuse(reason: FailureReason, detail: string): number {
    const attempt = this.#attempt;
    this.destroy();
    attempt?.fail({ reason, detail, isUnsent: false });
    return REFUSED;
  }

  /** The instance sends no more. */
  #onInstanceEnd(): void {
    const attempt = this.#attempt;
    const answer = this.#answer;
    if (attempt !== undefined && answer !== undefined && this.#body.endsByClose) {
      this.#body.stop();
      this.#finish(attempt, answer, false);
    } else this.#fail(new Error("it ended the connection"));
  }

  /** The connection broke: before there was one, while it was kept, or within a request. */
  #fail(error: Error): void {
    if (this.#state === "closed") return;
    const wasConnecting = this.#state === "connecting";
    const attempt = this.#attempt;
    const hasAnswer = this.#hasAnswerBytes;
    this.destroy();
    const detail = error.message;
    if (wasConnecting) {
      const reason = this.#isTimedOut
        ? "connect-timeout"
        : this.#isTls
          ? tlsReason(error)
          : "connect";
      this.#owner.onConnectFailed(this, { reason, detail, isUnsent: true });
      return;
    }
    if (attempt === undefined) return;
    const isStale = this.#useCount > 1 && !hasAnswer && !this.#isTimedOut;
    if (isStale && attempt.mayRepeat()) this.#owner.onStale(this, attempt);
    else {
      const reason = this.#isTimedOut ? "answer-timeout" : "closed";
      attempt.fail({ reason, detail, isUnsent: false });
    }
  }

  #closed(): void {
    if (this.#state !== "closed") this.#fail(new Error("the connection was closed"));
  }

  #close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#attempt = undefined;
    this.#owner.onClosed(this);
  }
}

function connectTo(
  { host, port, isTls }: Destination,
  secureContext: InstanceConnectionOptions["secureContext"],
  onRead: ((chunk: Buffer) => void) | undefined,
): Socket {
  if (!isTls) {
    const options = { host, port, allowHalfOpen: true, noDelay: true };
    if (onRead === undefined) return connectTcp(options);
    return connectTcp({ ...options, onread: new ReadBuffers(onRead) });
  }
  const context = secureContext();
  const options: ConnectionOptions & { allowHalfOpen: boolean } = {
    host,
    port,
    allowHalfOpen: true,
    servername: isIP(host) === 0 ? host : "",
    ALPNProtocols: ["http/1.1"],
    ...(context === undefined ? {} : { secureContext: context }),
  };
  return connectTls(options).setNoDelay(true);
}

function keepAliveMs(hintMs: number | undefined): number {
  if (hintMs === undefined) return KEEP_ALIVE_MS;
  return Math.min(KEEP_ALIVE_MAX_MS, Math.max(0, hintMs - KEEP_ALIVE_MARGIN_MS));
}

/** A refused or reset connection is none of the handshake's. */
function tlsReason(error: Error): FailureReason {
  const code = "code" in error ? String(error.code) : "";
  return /^E[A-Z]+$/.test(code) && !code.startsWith("EPROTO") ? "connect" : "connect-tls";
}
