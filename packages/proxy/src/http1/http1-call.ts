/** One request of an HTTP/1.1 connection, and how its answer is written. */
import type { Duplex } from "node:stream";
import type { Call, CallReceiver, Fields } from "../call.js";
import { firstValue } from "../headers.js";
import { chunkEnd, chunkSize, fieldLines, type Output } from "./output.js";
import type { RequestHead } from "./request-head.js";

/** What a call needs of the connection that it came by. */
export interface CallConnection {
  readonly output: Output;
  readonly scheme: "http" | "https";
  readonly remoteAddress: string;
  readonly isDraining: boolean;
  /** Now, as a `date` field says it. */
  readonly dateText: string;
  setBodyPaused(isPaused: boolean): void;
  /** The answer was handed over whole. */
  onAnswerEnd(): void;
  breakOff(mustReset: boolean): void;
  switchProtocols(): Duplex;
}

type AnswerFraming = "none" | "length" | "chunked" | "close";

export class Http1Call implements Call {
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly fields: Fields;
  readonly bodyBytes: number | undefined;
  readonly expectsContinue: boolean;
  readonly upgrade: string | undefined;
  /** When its head had arrived, by the coarse clock. */
  readonly startedAtMs: number;
  isComplete: boolean;
  isAnswered = false;
  isEnded = false;
  /** The connection cannot serve another request after this one. */
  mustClose: boolean;
  receiver: CallReceiver | undefined;
  readonly #isVersion10: boolean;
  readonly #connection: CallConnection;
  #framing: AnswerFraming = "none";
  #leftBytes = 0;
  /** Something of the final answer was written to the socket. */
  #hasLeft = false;

  constructor(head: RequestHead, connection: CallConnection, startedAtMs: number) {
    this.method = head.method;
    this.authority = head.authority;
    this.path = head.path;
    this.fields = head.fields;
    this.bodyBytes = head.bodyBytes;
    this.expectsContinue = head.expectsContinue;
    this.upgrade = head.upgrade;
    this.startedAtMs = startedAtMs;
    this.isComplete = head.bodyBytes === 0;
    // What follows an offer to upgrade may be of the other protocol already.
    this.mustClose = !head.keepsAlive || head.upgrade !== undefined;
    this.#isVersion10 = head.isVersion10;
    this.#connection = connection;
  }

  get scheme(): "http" | "https" {
    return this.#connection.scheme;
  }

  get httpVersion(): string {
    return this.#isVersion10 ? "1.0" : "1.1";
  }

  get remoteAddress(): string {
    return this.#connection.remoteAddress;
  }

  bind(receiver: CallReceiver): void {
    this.receiver = receiver;
  }

  pause(): void {
    if (!this.isComplete) this.#connection.setBodyPaused(true);
  }

  resume(): void {
    if (!this.isComplete) this.#connection.setBodyPaused(false);
  }

  closeAfterwards(): void {
    this.mustClose = true;
  }

  inform(statusCode: number, fields: Fields): void {
    if (this.#isVersion10 || this.isAnswered) return;
    const { output } = this.#connection;
    const reason = statusCode === 100 ? "Continue" : statusCode === 103 ? "Early Hints" : "";
    output.text(`HTTP/1.1 ${statusCode} ${reason}\r\n${fieldLines(fields)}\r\n`);
    output.flush();
  }

  answer(statusCode: number, reason: string, fields: Fields, bodyBytes: number | undefined): void {
    this.isAnswered = true;
    if (!this.isComplete || this.#connection.isDraining) this.mustClose = true;
    let text = `HTTP/1.1 ${statusCode} ${reason}\r\n${fieldLines(fields)}`;
    // RFC 9110 §6.6.1: whoever passes on an answer without a date adds it.
    if (firstValue(fields, "date") === undefined) text += `date: ${this.#connection.dateText}\r\n`;
    if (this.method === "HEAD" || statusCode === 204 || statusCode === 304) this.#framing = "none";
    else if (bodyBytes !== undefined) {
      this.#framing = "length";
      this.#leftBytes = bodyBytes;
      if (firstValue(fields, "content-length") === undefined) {
        text += `content-length: ${bodyBytes}\r\n`;
      }
    } else if (this.#isVersion10) {
      this.#framing = "close";
      this.mustClose = true;
    } else {
      this.#framing = "chunked";
      text += "transfer-encoding: chunked\r\n";
    }
    if (this.mustClose) text += "connection: close\r\n\r\n";
    else text += this.#isVersion10 ? "connection: keep-alive\r\n\r\n" : "\r\n";
    this.#connection.output.text(text);
  }

  write(chunk: Buffer): boolean {
    const { output } = this.#connection;
    if (this.isEnded || this.#framing === "none" || chunk.length === 0) return true;
    if (this.#framing === "chunked") {
      output.text(chunkSize(chunk.length));
      output.piece(chunk);
      output.text("\r\n");
    } else {
      output.piece(chunk);
      this.#leftBytes -= chunk.length;
      if (this.#framing === "length" && this.#leftBytes < 0) this.abort();
    }
    return !output.isFull;
  }

  flush(): void {
    if (this.isEnded) return;
    this.#hasLeft ||= this.isAnswered;
    this.#connection.output.flush();
  }

  retract(): boolean {
    if (this.#hasLeft || this.isEnded) return false;
    this.#connection.output.clear();
    this.isAnswered = false;
    return true;
  }

  end(trailers: Fields): void {
    if (this.isEnded) return;
    if (this.#framing === "length" && this.#leftBytes !== 0) {
      this.abort();
      return;
    }
    const { output } = this.#connection;
    if (this.#framing === "chunked") output.text(chunkEnd(trailers));
    output.flush();
    this.isEnded = true;
    this.#connection.onAnswerEnd();
  }

  abort(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    // Only a reset tells such an answer from a whole one.
    this.#connection.breakOff(this.#framing === "close");
  }

  switchProtocols(fields: Fields): Duplex {
    this.isAnswered = true;
    this.isEnded = true;
    const { output } = this.#connection;
    const upgrade = `connection: upgrade\r\nupgrade: ${this.upgrade ?? ""}\r\n`;
    output.text(`HTTP/1.1 101 Switching Protocols\r\n${fieldLines(fields)}${upgrade}\r\n`);
    output.flush();
    return this.#connection.switchProtocols();
  }
}
