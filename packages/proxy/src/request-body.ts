/**
 * A caller's request body as a stream of its own.
 *
 * Undici destroys the body it was given when an answer ends early; destroying an
 * `IncomingMessage` would take the caller's socket, and the answer, with it. This stream can be
 * destroyed without harm. It holds one chunk at a time.
 */
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";

export interface RequestBodyEvents {
  /** An instance is ready for the body: the moment to answer `100 Continue`. */
  readonly onWanted: () => void;
  readonly onChunk: (sizeBytes: number) => void;
}

export class RequestBody extends Readable {
  readonly #request: IncomingMessage;
  readonly #events: RequestBodyEvents;
  #isWanted = false;

  readonly #onData = (chunk: Buffer): void => {
    this.#events.onChunk(chunk.length);
    if (!this.push(chunk)) this.#request.pause();
  };
  readonly #onEnd = (): void => {
    this.push(null);
  };
  readonly #onBroken = (): void => {
    if (!this.#request.readableEnded) {
      this.destroy(new Error("the caller broke off its request"));
    }
  };

  constructor(request: IncomingMessage, events: RequestBodyEvents) {
    super({ highWaterMark: 64 * 1024, autoDestroy: true });
    this.#request = request;
    this.#events = events;
  }

  override _read(): void {
    if (!this.#isWanted) {
      this.#isWanted = true;
      this.#events.onWanted();
      this.#request.on("data", this.#onData);
      this.#request.on("end", this.#onEnd);
      this.#request.on("close", this.#onBroken);
      this.#request.on("error", this.#onBroken);
    }
    this.#request.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#request.off("data", this.#onData);
    this.#request.off("end", this.#onEnd);
    this.#request.off("close", this.#onBroken);
    // The error listener stays: a late reset of the caller must not be unhandled.
    done(error);
  }
}

/** Whether a request brings a body (RFC 9112 §6.3). */
export function hasRequestBody(request: IncomingMessage): boolean {
  if (request.headers["transfer-encoding"] !== undefined) return true;
  const length = request.headers["content-length"];
  return length !== undefined && Number(length) !== 0;
}
