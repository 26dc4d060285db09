/**
 * One running HTTP watch: lines of a {@link WatchFeed} as NDJSON or server-sent events.
 *
 * Writes while the socket takes; when it is full, lines wait in the feed (latest per instance) and
 * the port is paused at the next message. A reader that takes nothing for
 * {@link STALLED_READER_MS} is cut off. Ends with an `end` line when this side ends it.
 *
 * @see WHATWG HTML, "Server-sent events"; https://github.com/ndjson/ndjson-spec
 */
import type { ServerResponse } from "node:http";
import type { ErrorCode, SessionMessage } from "@fpzk/core";
import type { PortWatch } from "../registry-port.js";
import { digestText, reasonName, toInstanceJson } from "./mapping.js";
import { toProblem } from "./problem.js";
import { encodeResumeToken } from "./resume-token.js";
import type { FeedLine, WatchFeed } from "./watch-feed.js";

/** A sign of life is written this often, so that both sides and proxies between notice a loss. */
export const KEEP_ALIVE_INTERVAL_MS = 15_000;
/** A reader that takes nothing for this long is cut off. */
export const STALLED_READER_MS = 60_000;
/** What a browser waits before it connects again. */
const SSE_RETRY_MS = 1_000;

export type WatchFormat = "ndjson" | "sse";

export interface WatchStreamOptions {
  readonly format: WatchFormat;
  readonly feed: WatchFeed;
  readonly keepAliveIntervalMs: number;
  readonly stalledReaderMs: number;
  readonly onEnd: () => void;
}

export class WatchStream {
  readonly #options: WatchStreamOptions;
  #portWatch: PortWatch | undefined;
  /** Set while the head was sent and the stream has not ended. */
  #response: ServerResponse | undefined;
  #isEnded = false;
  #isFull = false;
  #isPaused = false;
  #refusal: { readonly code: ErrorCode; readonly reason: string } | undefined;
  #keepAlive: NodeJS.Timeout | undefined;
  #stalled: NodeJS.Timeout | undefined;

  constructor(options: WatchStreamOptions) {
    this.#options = options;
  }

  /** Why the watch ended before it was opened: nothing was sent, so answer with a problem. */
  get refusal(): { readonly code: ErrorCode; readonly reason: string } | undefined {
    return this.#refusal;
  }

  /** Takes one message of the port; also before {@link open}. */
  receive(message: SessionMessage): void {
    if (this.#isEnded) return;
    try {
      this.#apply(message);
    } catch (error) {
      const problem = toProblem(error);
      this.end(problem.code, problem.detail);
      return;
    }
    if (!this.#isFull) this.#flush();
    else if (!this.#isPaused) {
      this.#isPaused = true;
      this.#portWatch?.pause();
    }
  }

  /** Sends the head and what came so far. */
  open(portWatch: PortWatch, response: ServerResponse): void {
    const { format, keepAliveIntervalMs } = this.#options;
    this.#portWatch = portWatch;
    response.on("close", () => this.#close());
    response.on("error", () => this.#close());
    response.on("drain", () => this.#onDrain());
    if (response.destroyed) {
      this.#close();
      return;
    }
    response.writeHead(200, {
      "content-type": format === "sse" ? "text/event-stream" : "application/x-ndjson",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
      "x-content-type-options": "nosniff",
    });
    response.flushHeaders();
    if (format === "sse") response.write(`retry: ${SSE_RETRY_MS}\n\n`);
    this.#response = response;
    this.#keepAlive = setInterval(() => this.#writeKeepAlive(), keepAliveIntervalMs);
    this.#flush();
  }

  /** Ends the watch from this side, telling why. */
  end(code: ErrorCode, reason: string): void {
    if (this.#isEnded) return;
    const response = this.#response;
    if (response !== undefined) {
      this.#write({ type: "end", code, reason });
      response.end();
      // A reader that does not read would hold the server's close back.
      if (this.#isFull) response.destroy();
    } else this.#refusal = { code, reason };
    this.#close();
  }

  #apply(message: SessionMessage): void {
    const { feed } = this.#options;
    switch (message.type) {
      case "snapshot":
        feed.applySnapshot(message);
        break;
      case "change":
        feed.applyChange(message);
        break;
      case "members":
        feed.applyMembers(message.members);
        break;
      case "refused":
        this.end(message.code, message.message);
        break;
      case "move":
        this.end("unavailable", message.reason);
        break;
      default:
        // Answers to what a stream never asks.
        break;
    }
  }

  #flush(): void {
    const { feed } = this.#options;
    while (this.#response !== undefined && !this.#isEnded && !this.#isFull) {
      const line = feed.take();
      if (line === undefined) return;
      this.#write(this.#toJson(line));
    }
  }

  #toJson(line: FeedLine): Readonly<Record<string, unknown>> {
    const { point } = this.#options.feed;
    const resume = point === undefined ? {} : { resume: encodeResumeToken(point) };
    switch (line.type) {
      case "instance":
        return { type: line.type, instance: toInstanceJson(line.instance) };
      case "changed":
        return { type: line.type, instance: toInstanceJson(line.instance), ...resume };
      case "removed": {
        const { type, id, stamp, reason } = line;
        return { type, id, reason: reasonName(reason), stamp, ...resume };
      }
      case "complete": {
        const { type, kind, isBehind, instanceCount } = line;
        const count = instanceCount === undefined ? {} : { instanceCount };
        const digest = point === undefined ? {} : { digest: digestText(point.digest) };
        return { type, kind, isBehind, ...count, ...digest, ...resume };
      }
    }
  }

  #write(line: Readonly<Record<string, unknown>>): void {
    const data = JSON.stringify(line);
    const id = typeof line["resume"] === "string" ? `id: ${line["resume"]}\n` : "";
    const isSse = this.#options.format === "sse";
    this.#send(isSse ? `event: ${line["type"]}\n${id}data: ${data}\n\n` : `${data}\n`);
  }

  #writeKeepAlive(): void {
    if (this.#isFull) return;
    this.#send(this.#options.format === "sse" ? ": alive\n\n" : `${ALIVE_LINE}\n`);
  }

  #send(text: string): void {
    const response = this.#response;
    if (response === undefined || response.write(text) || this.#isFull) return;
    this.#isFull = true;
    this.#stalled = setTimeout(() => response.destroy(), this.#options.stalledReaderMs);
  }

  #onDrain(): void {
    clearTimeout(this.#stalled);
    this.#isFull = false;
    this.#flush();
    if (this.#isFull || this.#isEnded || !this.#isPaused) return;
    this.#isPaused = false;
    this.#portWatch?.resume();
  }

  #close(): void {
    clearInterval(this.#keepAlive);
    clearTimeout(this.#stalled);
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#response = undefined;
    this.#portWatch?.close();
    this.#options.onEnd();
  }
}

const ALIVE_LINE = JSON.stringify({ type: "alive" });
