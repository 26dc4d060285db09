/**
 * One stream of a caller's HTTP/2 connection as a call.
 *
 * Flow control is node's: a stream that is paused is not read, so its window is not opened again.
 *
 * @see RFC 9113 §5.2 (flow control), §8.1 (message framing), §8.5 (CONNECT is refused by the front).
 */
import { constants, type ServerHttp2Stream } from "node:http2";
import type { Duplex } from "node:stream";
import type { Call, CallReceiver, Fields } from "../call.js";
import type { CoarseClock } from "../coarse-clock.js";
import { firstValue } from "../headers.js";
import type { Problem } from "../problem.js";
import {
  type Http2RequestHead,
  mayHaveTrailers,
  plainFields,
  sectionFault,
  toHttp2Headers,
} from "./http2-fields.js";
import { resetStream } from "./reset.js";

export interface Http2CallOptions {
  readonly scheme: "http" | "https";
  readonly remoteAddress: string;
  readonly clock: CoarseClock;
  /** Of its trailers, as RFC 9113 §6.5.2 counts. */
  readonly headerMaxBytes: number;
  /** The request's head ended the stream. */
  readonly isEnded: boolean;
}

/** Above this much that the caller has not taken, the source is asked to pause. */
const FULL_BYTES = 65_536;

export class Http2Call implements Call {
  readonly httpVersion = "2";
  readonly upgrade: undefined;
  readonly method: string;
  readonly scheme: "http" | "https";
  readonly authority: string;
  readonly path: string;
  readonly fields: Fields;
  readonly bodyBytes: number | undefined;
  readonly expectsContinue: boolean;
  readonly remoteAddress: string;
  readonly startedAtMs: number;
  isComplete: boolean;
  isAnswered = false;
  receiver: CallReceiver | undefined;
  readonly #stream: ServerHttp2Stream;
  readonly #clock: CoarseClock;
  readonly #headerMaxBytes: number;
  #trailersIn: Fields = [];
  #trailersOut: Fields = [];
  #hasBody = false;
  /** `wantTrailers` follows the body. */
  #awaitsTrailers = false;
  #isEnded = false;
  /** What waits for the caller to take it, as seen last, and since when that is so. */
  #waitingBytes = 0;
  #waitingSinceMs = 0;

  constructor(stream: ServerHttp2Stream, head: Http2RequestHead, options: Http2CallOptions) {
    this.#stream = stream;
    this.#clock = options.clock;
    this.#headerMaxBytes = options.headerMaxBytes;
    this.method = head.method;
    this.scheme = options.scheme;
    this.authority = head.authority;
    this.path = head.path;
    this.fields = head.fields;
    this.bodyBytes = options.isEnded ? 0 : head.lengthBytes;
    this.expectsContinue = head.expectsContinue;
    this.remoteAddress = options.remoteAddress;
    this.startedAtMs = options.clock.nowMs;
    this.isComplete = this.bodyBytes === 0;
    this.#listen(stream);
  }

  bind(receiver: CallReceiver): void {
    this.receiver = receiver;
  }

  pause(): void {
    if (!this.isComplete) this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** Streams do not disturb each other. */
  closeAfterwards(): void {}

  inform(statusCode: number, fields: Fields): void {
    const stream = this.#stream;
    if (this.isAnswered || stream.destroyed || stream.closed) return;
    stream.additionalHeaders(toHttp2Headers(fields, { ":status": statusCode }));
  }

  answer(statusCode: number, _reason: string, fields: Fields, bodyBytes: number | undefined): void {
    this.isAnswered = true;
    const stream = this.#stream;
    if (stream.destroyed || stream.closed) return;
    const headers = toHttp2Headers(fields, { ":status": statusCode });
    const isEmpty = this.method === "HEAD" || statusCode === 204 || statusCode === 304;
    this.#hasBody = !isEmpty && bodyBytes !== 0;
    if (firstValue(fields, "date") === undefined) headers["date"] = this.#clock.dateText;
    this.#awaitsTrailers = this.#hasBody && mayHaveTrailers(fields, bodyBytes);
    stream.respond(headers, {
      endStream: !this.#hasBody,
      waitForTrailers: this.#awaitsTrailers,
    });
  }

  write(chunk: Buffer): boolean {
    const stream = this.#stream;
    if (!this.#hasBody || this.#isEnded || stream.destroyed || stream.closed) return true;
    stream.write(chunk);
    return stream.writableLength < FULL_BYTES;
  }

  /** Node gathers what is written within one turn. */
  flush(): void {}

  end(trailers: Fields): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#trailersOut = trailers;
    const stream = this.#stream;
    if (!stream.destroyed && !stream.closed && this.#hasBody) stream.end();
    else if (!stream.closed && !this.isComplete) stream.close(constants.NGHTTP2_NO_ERROR);
  }

  /** A head that node:http2 has is as good as sent. */
  retract(): boolean {
    return false;
  }

  abort(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    resetStream(this.#stream);
  }

  switchProtocols(): Duplex {
    throw new Error("HTTP/2 offers no upgrade, so that none can be accepted");
  }

  /** Ends a stream that takes too long. @param late - What is told then. */
  sweep(nowMs: number, limits: { idleTimeoutMs: number; requestTimeoutMs: number }, late: Problem) {
    if (this.#waitingMs(nowMs) >= limits.idleTimeoutMs) resetStream(this.#stream);
    // Once an answer has begun, both sides may go on for as long as they like (gRPC streams).
    else if (!this.isComplete && !this.isAnswered && limits.requestTimeoutMs > 0) {
      if (nowMs - this.startedAtMs >= limits.requestTimeoutMs) this.receiver?.onFault(late);
    }
  }

  /** How long the caller has taken nothing of what waits for it, however little that is. */
  #waitingMs(nowMs: number): number {
    const waitingBytes = this.#stream.writableLength;
    if (waitingBytes !== this.#waitingBytes || waitingBytes === 0) {
      this.#waitingBytes = waitingBytes;
      this.#waitingSinceMs = nowMs;
    }
    return nowMs - this.#waitingSinceMs;
  }

  /** RFC 9113 §8.1: the answer is whole, the rest of the request is not wanted. */
  #refuseRest(): void {
    if (this.#isEnded && !this.isComplete) this.#stream.close(constants.NGHTTP2_NO_ERROR);
  }

  #listen(stream: ServerHttp2Stream): void {
    // Its `close` follows and says all that is needed.
    stream.on("error", ignore);
    stream.on("data", (chunk: Buffer) => {
      this.receiver?.onBody(chunk);
      this.receiver?.onBodyFlush();
    });
    stream.on("trailers", (_headers, _flags, rawTrailers?: readonly string[]) => {
      const isTooLarge = sectionFault(rawTrailers ?? [], this.#headerMaxBytes) !== undefined;
      if (isTooLarge) stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      else this.#trailersIn = plainFields(rawTrailers ?? []);
    });
    stream.on("end", () => {
      // Node tells an end also when the stream was reset: half a body must not pass as a whole one.
      const isReset = stream.aborted || stream.rstCode !== constants.NGHTTP2_NO_ERROR;
      if (this.isComplete || isReset) return;
      this.isComplete = true;
      this.receiver?.onBodyEnd(this.#trailersIn);
      this.receiver?.onBodyFlush();
    });
    stream.on("drain", () => {
      this.#waitingBytes = 0;
      this.receiver?.onRoom();
    });
    stream.on("wantTrailers", () => {
      stream.sendTrailers(toHttp2Headers(this.#trailersOut, {}));
      // Node sends them in a turn of its own: this is the next one.
      setImmediate(() => this.#refuseRest());
    });
    stream.on("finish", () => {
      // A reset in front of the trailers would take them, and with them the status of gRPC.
      if (!this.#awaitsTrailers) this.#refuseRest();
    });
    stream.on("close", () => {
      const isWhole = this.#isEnded && stream.rstCode === constants.NGHTTP2_NO_ERROR;
      this.#isEnded = true;
      this.receiver?.onClosed(isWhole);
    });
    // Reading begins when somebody wants the body; what has none is read to see its end.
    if (this.isComplete) stream.resume();
    else stream.pause();
  }
}

function ignore(): void {}
