/**
 * The neutral middle of the proxy: what a caller asks, what an instance answers, and who is told.
 *
 * Listeners (HTTP/1.1, HTTP/2 …) make {@link Call}s; transports make {@link Attempt}s; an exchange
 * joins one call with one attempt at a time and knows no protocol. Each half of a message is pushed
 * to a receiver, which may ask its source to pause. Nobody buffers a body.
 *
 * Rules of both ends, so that no late event needs a guard on the other side:
 * - Pieces of a body are the receiver's to keep.
 * - `flush` follows the pieces of one read, so that head and body can leave in one write.
 * - After `abort`, and after an end or failure was told, nothing more is told.
 *
 * Fields are a flat list of names and values in order, names in any case. They hold no CR, LF or
 * NUL and names are tokens: whoever reads them from outside checks that (see `fieldsFault`).
 */
import type { Duplex } from "node:stream";
import type { Problem } from "./problem.js";

/** Names and values in turn. */
export type Fields = readonly string[];

export const NO_FIELDS: Fields = [];

/** A request as it arrived, whatever the protocol. */
export interface CallHead {
  readonly method: string;
  readonly scheme: "http" | "https";
  /** Host and perhaps port that the caller asked for; empty when it named none. */
  readonly authority: string;
  /** Path and query, beginning with `/`; or `*`. */
  readonly path: string;
  readonly fields: Fields;
  /** `1.0`, `1.1` or `2`, for `Via`. */
  readonly httpVersion: string;
  readonly remoteAddress: string;
  /** 0: none follows; undefined: told by its end. */
  readonly bodyBytes: number | undefined;
  readonly expectsContinue: boolean;
  /** The protocol that the caller offers to change to (`websocket` …). */
  readonly upgrade: string | undefined;
}

/** One request of a caller, and the way its answer goes back. */
export interface Call extends CallHead {
  /** The whole request has arrived. */
  readonly isComplete: boolean;
  /** The head of the final answer was given. */
  readonly isAnswered: boolean;

  /** Names who is told of what happens. The body stays paused until {@link resume}. */
  bind(receiver: CallReceiver): void;
  pause(): void;
  resume(): void;

  /** Where a connection serves one call after the other, this is the last: it is not trusted. */
  closeAfterwards(): void;
  /** An interim answer (100, 103); may be left out by the protocol. */
  inform(statusCode: number, fields: Fields): void;
  /**
   * The final answer's head. Fields of one hop must not be among them; `content-length` is, when
   * the length is known.
   *
   * @param bodyBytes - 0 when no body follows, undefined when its end is told by {@link end}.
   */
  answer(statusCode: number, reason: string, fields: Fields, bodyBytes: number | undefined): void;
  /** False asks to pause until {@link CallReceiver.onRoom}. */
  write(chunk: Buffer): boolean;
  flush(): void;
  /** The answer is whole. Trailers go where the protocol can carry them. */
  end(trailers: Fields): void;
  /** Takes the answer's head back, if nothing of it has left yet; false when it has. */
  retract(): boolean;
  /** Breaks off, so that the caller can tell the answer from a whole one. */
  abort(): void;
  /** Agrees to {@link CallHead.upgrade}: from here on only bytes move. */
  switchProtocols(fields: Fields): Duplex;
}

/** Who serves a call. */
export interface CallReceiver {
  onBody(chunk: Buffer): void;
  /** The request is whole. Not called when it has no body. */
  onBodyEnd(trailers: Fields): void;
  /** The pieces of one read are told. */
  onBodyFlush(): void;
  /** A `write` of the answer was refused, and there is room again. */
  onRoom(): void;
  /** The request's body breaks the protocol or did not arrive in time: no more of it comes. */
  onFault(problem: Problem): void;
  /** The last event: the answer has left whole, or the caller is gone. Not after a switch. */
  onClosed(isWhole: boolean): void;
}

/** A request as an instance is to see it. */
export interface InstanceRequest {
  readonly method: string;
  readonly path: string;
  /** With `host`; without fields of one hop. */
  readonly fields: Fields;
  /** As {@link CallHead.bodyBytes}. A length that is known stands in the fields too. */
  readonly bodyBytes: number | undefined;
  readonly upgrade: string | undefined;
  /** Nothing happens twice if it is sent twice (RFC 9110 §9.2.2), and there is no body. */
  readonly isRepeatable: boolean;
}

/** Where a request goes. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  /** Spoken to by HTTP/2, without asking first. */
  readonly isHttp2: boolean;
}

/** One request on its way to one instance. */
export interface Attempt {
  /** The head was handed to a connection: the body may follow. */
  readonly isReady: boolean;
  /** False asks to pause until {@link AttemptReceiver.onRequestRoom}. */
  write(chunk: Buffer): boolean;
  flush(): void;
  end(trailers: Fields): void;
  /** Stops and goes on with the answer's body. */
  pause(): void;
  resume(): void;
  /** Gives the attempt up; nothing more is told. */
  abort(): void;
}

export interface AttemptReceiver {
  onReady(): void;
  onRequestRoom(): void;
  onInform(statusCode: number, fields: Fields): void;
  /** @param bodyBytes - 0: none follows; undefined: told by its end. */
  onAnswer(statusCode: number, reason: string, fields: Fields, bodyBytes: number | undefined): void;
  onAnswerBody(chunk: Buffer): void;
  onAnswerFlush(): void;
  onAnswerEnd(trailers: Fields): void;
  /** The instance agreed to the upgrade. */
  onSwitch(fields: Fields, stream: Duplex): void;
  onFailure(failure: AttemptFailure): void;
}

/** Why an attempt ended without a whole answer. */
export type FailureReason =
  /** The connection was refused, reset or did not come about in another way. */
  | "connect"
  | "connect-timeout"
  /** The handshake failed: most often a certificate that is not trusted. */
  | "connect-tls"
  /** It refused a stream of HTTP/2 without looking at it. */
  | "refused"
  /** The connection broke, or ended before the answer did. */
  | "closed"
  | "answer-timeout"
  /** It did not begin to answer within the route's bound for one attempt. */
  | "attempt-timeout"
  /** The answer's head is not one of HTTP. */
  | "answer-head"
  /** What says where the answer's body ends is missing, doubled or contradicts itself. */
  | "answer-framing"
  /** The body does not keep to its framing. */
  | "answer-body"
  /** A limit on the answer's head was exceeded. */
  | "answer-size"
  /** It switched protocols unasked. */
  | "answer-switch";

export interface AttemptFailure {
  readonly reason: FailureReason;
  readonly detail: string;
  /** Nothing of the request was sent, so that it can be sent elsewhere whatever its method. */
  readonly isUnsent: boolean;
}

/** Sends requests to instances by one protocol. */
export interface Transport {
  /** Begins an attempt. Nothing is told to the receiver before this has returned. */
  send(request: InstanceRequest, destination: Destination, receiver: AttemptReceiver): Attempt;
}
