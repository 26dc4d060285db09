/** One request on its way to an instance by HTTP/2: a stream of one of its sessions. */
import { type ClientHttp2Session, type ClientHttp2Stream, constants } from "node:http2";
import type { Attempt, AttemptReceiver, FailureReason, Fields, InstanceRequest } from "../call.js";
import type { CoarseClock } from "../coarse-clock.js";
import { isGrpc } from "../grpc.js";
import { firstValue } from "../headers.js";
import { fieldsFault } from "../http1/characters.js";
import {
  mayHaveTrailers,
  plainFields,
  sectionFault,
  statusOf,
  toHttp2Headers,
} from "./http2-fields.js";
import { resetStream } from "./reset.js";

/** What an attempt tells the session that carries it. */
export interface Http2AttemptOwner {
  readonly clock: CoarseClock;
  /** Of one section, as RFC 9113 §6.5.2 counts. */
  readonly headerMaxBytes: number;
  /** A waiting attempt is given up. */
  forget(attempt: Http2Attempt): void;
  /** A stream is closed: there is room for another. */
  onStreamClosed(): void;
}

/** Above this much that the instance has not taken, the caller is asked to pause. */
const FULL_BYTES = 65_536;
const NO_FIELDS: Fields = [];

export class Http2Attempt implements Attempt {
  readonly request: InstanceRequest;
  readonly receiver: AttemptReceiver;
  readonly #owner: Http2AttemptOwner;
  /** Told once, when its stream is closed. */
  onDetached: () => void = ignore;
  #stream: ClientHttp2Stream | undefined;
  #trailersIn: Fields = NO_FIELDS;
  #trailersOut: Fields = NO_FIELDS;
  #isOver = false;
  #hasAnswer = false;
  /** Of the answer's body, where its length is known. */
  #leftBytes: number | undefined;
  #isPaused = false;
  #isQuietAllowed = false;
  #movedAtMs = 0;

  constructor(request: InstanceRequest, receiver: AttemptReceiver, owner: Http2AttemptOwner) {
    this.request = request;
    this.receiver = receiver;
    this.#owner = owner;
  }

  get isReady(): boolean {
    return this.#stream !== undefined;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Opens a stream for it. */
  attach(session: ClientHttp2Session, scheme: "http" | "https"): void {
    const { method, path, fields, bodyBytes } = this.request;
    const authority = firstValue(fields, "host");
    const headers = toHttp2Headers(fields, {
      ":method": method,
      ":scheme": scheme,
      ":path": path,
      ...(authority === undefined ? {} : { ":authority": authority }),
    });
    const hasBody = bodyBytes !== 0;
    const stream = session.request(headers, {
      endStream: !hasBody,
      waitForTrailers: hasBody && mayHaveTrailers(fields, bodyBytes),
    });
    this.#stream = stream;
    this.#isQuietAllowed = isGrpc(fields);
    this.#movedAtMs = this.#owner.clock.nowMs;
    this.#listen(stream);
  }

  write(chunk: Buffer): boolean {
    const stream = this.#stream;
    if (stream === undefined || this.#isOver || stream.destroyed || chunk.length === 0) return true;
    stream.write(chunk);
    return stream.writableLength < FULL_BYTES;
  }

  /** Node gathers what is written within one turn. */
  flush(): void {}

  end(trailers: Fields): void {
    const stream = this.#stream;
    if (stream === undefined || this.#isOver || stream.destroyed) return;
    this.#trailersOut = trailers;
    stream.end();
  }

  pause(): void {
    this.#isPaused = true;
    this.#stream?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#movedAtMs = this.#owner.clock.nowMs;
    this.#stream?.resume();
  }

  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#stream === undefined) this.#owner.forget(this);
    else resetStream(this.#stream);
  }

  /** Fails an answer that stands still. What gRPC streams may be silent: pings watch those. */
  sweep(nowMs: number, answerIdleTimeoutMs: number): void {
    if (!this.#hasAnswer || this.#isPaused || this.#isQuietAllowed || this.#isOver) return;
    if (nowMs - this.#movedAtMs < answerIdleTimeoutMs) return;
    this.#fail("answer-timeout", `the answer stood still for ${answerIdleTimeoutMs} ms`, false);
  }

  /** No stream came about. */
  failUnsent(reason: FailureReason, detail: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.receiver.onFailure({ reason, detail, isUnsent: true });
  }

  #listen(stream: ClientHttp2Stream): void {
    stream.on("headers", (headers, _flags, raw?: readonly string[]) => {
      if (!this.#isOver && !this.#failsBySize(raw)) {
        this.receiver.onInform(statusOf(headers), plainFields(raw ?? []));
      }
    });
    stream.on("response", (headers, flags, raw?: readonly string[]) => {
      if (!this.#failsBySize(raw)) {
        this.#onResponse(statusOf(headers), plainFields(raw ?? []), flags);
      }
    });
    stream.on("data", (chunk: Buffer) => {
      if (this.#isOver) return;
      this.#movedAtMs = this.#owner.clock.nowMs;
      if (this.#leftBytes !== undefined) this.#leftBytes -= chunk.length;
      this.receiver.onAnswerBody(chunk);
      this.receiver.onAnswerFlush();
    });
    stream.on("trailers", (_headers, _flags, raw?: readonly string[]) => {
      if (this.#failsBySize(raw)) return;
      const trailers = plainFields(raw ?? []);
      this.#trailersIn = fieldsFault(trailers) === undefined ? trailers : NO_FIELDS;
    });
    stream.on("drain", () => {
      if (!this.#isOver) this.receiver.onRequestRoom();
    });
    stream.on("wantTrailers", () => stream.sendTrailers(toHttp2Headers(this.#trailersOut, {})));
    stream.on("end", () => this.#onEnd(stream));
    // Its `close` follows and says all that is needed.
    stream.on("error", ignore);
    stream.on("close", () => {
      this.onDetached();
      this.#onClose(stream.rstCode);
      this.#owner.onStreamClosed();
    });
  }

  #failsBySize(raw: readonly string[] = []): boolean {
    const fault = sectionFault(raw, this.#owner.headerMaxBytes);
    if (fault !== undefined && !this.#isOver) this.#fail("answer-head", fault, false);
    return fault !== undefined;
  }

  #onResponse(statusCode: number, fields: Fields, flags: number): void {
    if (this.#isOver) return;
    const fault = fieldsFault(fields);
    if (fault !== undefined || statusCode < 200 || statusCode > 999) {
      this.#fail("answer-head", fault ?? `status ${statusCode} is no final one`, false);
      return;
    }
    this.#hasAnswer = true;
    this.#movedAtMs = this.#owner.clock.nowMs;
    const isEnded = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    const isEmpty = isEnded || this.request.method === "HEAD";
    const length = firstValue(fields, "content-length");
    // With a length, only a body of it is whole; nghttp2 checks that.
    const bodyBytes = isEmpty ? 0 : length === undefined ? undefined : Number(length);
    this.#leftBytes = bodyBytes;
    this.receiver.onAnswer(statusCode, "", fields, bodyBytes);
  }

  #onEnd(stream: ClientHttp2Stream): void {
    // Node tells an end also when the stream was reset; then `close` tells the failure.
    if (this.#isOver || !this.#hasAnswer || !this.#isWhole(stream)) return;
    this.#isOver = true;
    // RFC 9113 §8.1: the answer may be whole before the request is.
    if (!stream.writableEnded) resetStream(stream);
    this.receiver.onAnswerEnd(this.#trailersIn);
  }

  /**
   * A server that does not want the rest of a request ends its answer and then resets the stream
   * with NO_ERROR (RFC 9113 §8.1): a reset after the end takes nothing from the answer. Node does
   * not say whether an end came before a reset; what is in doubt is not whole.
   */
  #isWhole({ aborted, rstCode }: ClientHttp2Stream): boolean {
    if (rstCode !== constants.NGHTTP2_NO_ERROR) return false;
    return this.#leftBytes === undefined ? !aborted : this.#leftBytes === 0;
  }

  #onClose(code: number): void {
    if (this.#isOver) return;
    // RFC 9113 §8.7: a refused stream was not processed, nor one above the last of a GOAWAY.
    if (code === constants.NGHTTP2_REFUSED_STREAM && !this.#hasAnswer) {
      this.failUnsent("refused", "it refused the stream");
    } else this.#fail("closed", `the stream was reset with code ${code}`, false);
  }

  #fail(reason: FailureReason, detail: string, isUnsent: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#stream !== undefined) resetStream(this.#stream);
    this.receiver.onFailure({ reason, detail, isUnsent });
  }
}

function ignore(): void {}
