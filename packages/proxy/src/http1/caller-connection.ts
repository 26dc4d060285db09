/**
 * A caller's HTTP/1.1 connection: one request in work at a time, what follows it waits.
 *
 * Bytes are read on while a request is in work, up to a bound, so that a caller who leaves is
 * noticed; they are looked at when the answer has left. A request that is wrong therefore never
 * disturbs the answer of the one before it.
 *
 * @see RFC 9112 §9.3 (persistence), §9.3.2 (pipelining), §9.6 (tear-down).
 */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { ErrorCode } from "@fpzk/core";
import type { Call } from "../call.js";
import type { CoarseClock } from "../coarse-clock.js";
import type { ProxyLimits } from "../options.js";
import { type Problem, problemAnswer } from "../problem.js";
import { BodyReader, MORE, REFUSED } from "./body-reader.js";
import { HeadReader } from "./head-reader.js";
import { type CallConnection, Http1Call } from "./http1-call.js";
import { fieldLines, Output } from "./output.js";
import {
  HTTP2_PREFACE_LINE,
  headRefusal,
  isRefusal,
  type RefusalReason,
  type RequestRefusal,
  readRequestHead,
  refusal,
} from "./request-head.js";

export interface CallerPorts {
  readonly limits: ProxyLimits;
  readonly clock: CoarseClock;
  readonly isDraining: () => boolean;
  /** A request arrived. The receiver must be bound before this returns. */
  readonly onCall: (call: Call) => void;
  /** A request was refused for breaking the protocol or a limit. */
  readonly onRefused: (reason: RefusalReason) => void;
  readonly onClosed: (connection: CallerConnection) => void;
  /** The connection began as one of HTTP/2: here it is, with all that was read. */
  readonly onHttp2: (socket: Socket) => void;
}

/** What a caller sends ahead of its turn is read up to this, then the connection is paused. */
const UNREAD_MAX_BYTES = 16_384;
/** A connection that is closed by us is read for this long, so that its last answer arrives. */
const LINGER_MS = 2_000;
export class CallerConnection implements CallConnection {
  readonly output: Output;
  readonly scheme: "http" | "https";
  readonly remoteAddress: string;
  readonly #socket: Socket;
  readonly #ports: CallerPorts;
  readonly #head: HeadReader;
  #body: BodyReader | undefined;
  #call: Http1Call | undefined;
  /** Read and not looked at yet, from {@link #unreadAt} on. */
  #unread: Buffer | undefined;
  #unreadAt = 0;
  /** A request was read: from then on it is a connection of HTTP/1.1. */
  #hasCalled = false;
  #isBodyPaused = false;
  #isDriving = false;
  #isSocketPaused = false;
  /** The answer was given and waits for room; the call is over when there is. */
  #isFlushing = false;
  #lingersUntilMs: number | undefined;
  /** Since when a head is incomplete. */
  #headSinceMs: number | undefined;
  #movedAtMs: number;

  readonly #onData = (chunk: Buffer): void => this.#take(chunk);
  readonly #onEnd = (): void => this.#onCallerEnd();
  readonly #onDrain = (): void => this.#onRoom();
  readonly #onClose = (): void => this.#closed();

  constructor(socket: Socket, ports: CallerPorts) {
    this.#socket = socket;
    this.#ports = ports;
    this.scheme = socket instanceof TLSSocket ? "https" : "http";
    this.remoteAddress = socket.remoteAddress ?? "unknown";
    this.output = new Output(socket);
    this.#head = new HeadReader(ports.limits, true);
    this.#movedAtMs = ports.clock.nowMs;
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("drain", this.#onDrain);
    socket.on("close", this.#onClose);
    // Its `close` follows and says all that is needed.
    socket.on("error", ignore);
  }

  get isDraining(): boolean {
    return this.#ports.isDraining();
  }

  get dateText(): string {
    return this.#ports.clock.dateText;
  }

  /** Ends the connection if it is between two requests. */
  closeIfIdle(): void {
    if (this.#call === undefined && !this.#head.isWithin) this.#linger();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  setBodyPaused(isPaused: boolean): void {
    this.#isBodyPaused = isPaused;
    if (!isPaused) this.#drive();
  }

  breakOff(mustReset: boolean): void {
    if (mustReset && !(this.#socket instanceof TLSSocket)) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }

  onAnswerEnd(): void {
    if (this.output.isFull) this.#isFlushing = true;
    else this.#finishCall();
  }

  switchProtocols(): Duplex {
    const rest = this.#unread?.subarray(this.#unreadAt);
    return this.#leave(rest);
  }

  /** The other protocol's first bytes were read as a head: they are put back. */
  #handOver(): void {
    const rest = this.#unread?.subarray(this.#unreadAt) ?? Buffer.alloc(0);
    const preface = Buffer.from(`${HTTP2_PREFACE_LINE}\r\n\r\n`);
    const socket = this.#leave(Buffer.concat([preface, rest]));
    this.#lingersUntilMs = Number.POSITIVE_INFINITY;
    this.#ports.onHttp2(socket);
  }

  /** Takes no more part in what happens to the socket. */
  #leave(rest: Buffer | undefined): Socket {
    const socket = this.#socket;
    socket.off("data", this.#onData);
    socket.off("end", this.#onEnd);
    socket.off("drain", this.#onDrain);
    socket.off("close", this.#onClose);
    socket.pause();
    if (rest !== undefined && rest.length > 0) socket.unshift(rest);
    this.#unread = undefined;
    this.#call = undefined;
    this.#ports.onClosed(this);
    return socket;
  }

  /** Looks for what takes too long; called now and then. */
  sweep(nowMs: number): void {
    const { limits } = this.#ports;
    if (this.#lingersUntilMs !== undefined) {
      if (nowMs >= this.#lingersUntilMs) this.#socket.destroy();
      return;
    }
    const idleMs = nowMs - this.#movedAtMs;
    const isIdle = idleMs >= limits.idleTimeoutMs;
    const call = this.#call;
    if (call === undefined) {
      const isLate =
        this.#headSinceMs !== undefined && nowMs - this.#headSinceMs >= limits.headerTimeoutMs;
      if (isLate) this.#refuse(lateRefusal());
      else if (isIdle && this.#headSinceMs === undefined) this.#linger();
      return;
    }
    if (isIdle && this.#socket.writableLength > 0) this.#socket.destroy();
    else if (!call.isComplete) {
      const isLate =
        limits.requestTimeoutMs > 0 && nowMs - call.startedAtMs >= limits.requestTimeoutMs;
      if (isLate || (isIdle && !this.#isBodyPaused)) this.#fault(lateRefusal());
    }
  }

  #take(chunk: Buffer): void {
    this.#movedAtMs = this.#ports.clock.nowMs;
    if (this.#lingersUntilMs !== undefined) return;
    if (this.#unread === undefined) this.#unread = chunk;
    else this.#unread = Buffer.concat([this.#unread.subarray(this.#unreadAt), chunk]);
    this.#unreadAt = 0;
    this.#drive();
  }

  /** Reads what there is, as far as it may be. */
  #drive(): void {
    // An answer given at once ends its call within this loop, which then goes on.
    if (this.#isDriving) return;
    this.#isDriving = true;
    while (this.#unread !== undefined && this.#lingersUntilMs === undefined) {
      const call = this.#call;
      if (call === undefined) this.#readHead(this.#unread);
      else if (call.isComplete || this.#isBodyPaused) break;
      else this.#readBody(call, this.#unread);
    }
    this.#isDriving = false;
    this.#regulate();
  }

  #readHead(unread: Buffer): void {
    const end = this.#head.read(unread, this.#unreadAt);
    if (end === MORE) {
      this.#unread = undefined;
      if (this.#head.isWithin) this.#headSinceMs ??= this.#ports.clock.nowMs;
      return;
    }
    if (end === REFUSED) {
      this.#refuse(headRefusal(this.#head.fault, this.#ports.limits));
      return;
    }
    this.#advance(unread, end);
    this.#headSinceMs = undefined;
    const head = readRequestHead(this.#head.firstLine, this.#head.fields());
    if (isRefusal(head)) {
      if (!this.#hasCalled && this.#head.firstLine === HTTP2_PREFACE_LINE) this.#handOver();
      else this.#refuse(head);
      return;
    }
    const call = new Http1Call(head, this, this.#ports.clock.nowMs);
    this.#call = call;
    this.#hasCalled = true;
    if (!call.isComplete) {
      this.#isBodyPaused = true;
      this.#beginBody(head.bodyBytes);
    }
    this.#ports.onCall(call);
    if (!call.isComplete && this.#unread === undefined) call.receiver?.onBodyFlush();
  }

  #beginBody(bodyBytes: number | undefined): void {
    this.#body ??= new BodyReader(this.#ports.limits, (piece) =>
      this.#call?.receiver?.onBody(piece),
    );
    if (bodyBytes === undefined) this.#body.beginChunked();
    else this.#body.beginLength(bodyBytes);
  }

  #readBody(call: Http1Call, unread: Buffer): void {
    const body = this.#body as BodyReader;
    const end = body.read(unread, this.#unreadAt);
    if (end === REFUSED) {
      this.#fault(refusal("body", 400, `the request body is not one of HTTP: ${body.fault}`));
      return;
    }
    if (end === MORE) this.#unread = undefined;
    else {
      this.#advance(unread, end);
      call.isComplete = true;
      if (this.#call === call) call.receiver?.onBodyEnd(body.trailers);
    }
    if (this.#call === call) call.receiver?.onBodyFlush();
  }

  #advance(unread: Buffer, end: number): void {
    this.#unreadAt = end;
    if (end >= unread.length) this.#unread = undefined;
  }

  /** Stops reading while much is unread, and goes on when it is not. */
  #regulate(): void {
    const unreadBytes = this.#unread === undefined ? 0 : this.#unread.length - this.#unreadAt;
    const mustPause = unreadBytes >= UNREAD_MAX_BYTES;
    if (mustPause === this.#isSocketPaused || this.#socket.destroyed) return;
    this.#isSocketPaused = mustPause;
    if (mustPause) this.#socket.pause();
    else this.#socket.resume();
  }

  #onRoom(): void {
    this.#movedAtMs = this.#ports.clock.nowMs;
    if (this.#isFlushing) {
      this.#isFlushing = false;
      this.#finishCall();
    } else this.#call?.receiver?.onRoom();
  }

  /** The answer left whole. */
  #finishCall(): void {
    const call = this.#call;
    if (call === undefined) return;
    this.#call = undefined;
    this.#isBodyPaused = false;
    this.#movedAtMs = this.#ports.clock.nowMs;
    if (call.mustClose || !call.isComplete) this.#linger();
    call.receiver?.onClosed(true);
    if (this.#lingersUntilMs === undefined) {
      if (this.#ports.isDraining()) this.#linger();
      else if (this.#unread !== undefined) this.#drive();
    }
  }

  /** A request whose head cannot be served: what it is followed by cannot be trusted. */
  #refuse({ reason, problem }: RequestRefusal): void {
    this.#ports.onRefused(reason);
    const { statusCode, title, fields, body } = problemAnswer(problem);
    this.output.text(`HTTP/1.1 ${statusCode} ${title}\r\n${fieldLines(fields)}`);
    this.output.text("connection: close\r\n\r\n");
    this.output.piece(body);
    this.output.flush();
    this.#linger();
  }

  /** A body that breaks the protocol or does not arrive. */
  #fault({ reason, problem }: RequestRefusal): void {
    this.#unread = undefined;
    this.#isBodyPaused = true;
    this.#ports.onRefused(reason);
    this.#call?.receiver?.onFault(problem);
  }

  /** Closes in order: what was written arrives, though more is on its way here. */
  #linger(): void {
    if (this.#lingersUntilMs !== undefined) return;
    this.#lingersUntilMs = this.#ports.clock.nowMs + LINGER_MS;
    this.#unread = undefined;
    this.#socket.end();
    if (this.#isSocketPaused) this.#socket.resume();
  }

  /** The caller sends no more. Who ends its side while it waits for an answer is gone. */
  #onCallerEnd(): void {
    if (this.#call === undefined) this.#socket.end();
    else this.#socket.destroy();
  }

  #closed(): void {
    const call = this.#call;
    this.#call = undefined;
    this.#unread = undefined;
    this.#lingersUntilMs ??= 0;
    this.#ports.onClosed(this);
    if (call === undefined) return;
    call.isEnded = true;
    call.receiver?.onClosed(false);
  }
}

function lateRefusal(): RequestRefusal {
  const detail = "the request did not arrive in time";
  const problem: Problem = { code: ErrorCode.deadlineExceeded, detail, statusCode: 408 };
  return { reason: "timeout", problem };
}

function ignore(): void {}
