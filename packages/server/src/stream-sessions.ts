/** Sessions inside this process: watches of faces, which can confirm nothing. */
import {
  ErrorCode,
  type Grants,
  type NodeEvent,
  type SessionKey,
  type SessionMessage,
} from "@fpzk/core";
import type { Logger } from "./logger.js";

/** Receives what is said to a stream. Bytes in messages live until the next step. */
export type StreamListener = (message: SessionMessage) => void;

interface StreamSession {
  readonly listener: StreamListener;
  readonly expiresWallMs: number | undefined;
}

export const TOKEN_EXPIRED = "the token has expired: come back with a new one";

export class StreamSessions {
  readonly #streams = new Map<SessionKey, StreamSession>();
  readonly #submit: (event: NodeEvent) => void;
  readonly #logger: Logger;

  constructor(submit: (event: NodeEvent) => void, logger: Logger) {
    this.#submit = submit;
    this.#logger = logger;
  }

  get count(): number {
    return this.#streams.size;
  }

  open(key: SessionKey, namespace: string, grants: Grants, stream: StreamSession): void {
    this.#streams.set(key, stream);
    this.#submit({
      type: "session-open",
      session: key,
      kind: "stream",
      namespace,
      grants,
      clientId: `stream-${key}`,
      sessionNumber: 1,
    });
  }

  /** Its face wants no more. */
  close(key: SessionKey): void {
    if (this.#streams.delete(key)) this.#submit({ type: "session-close", session: key });
  }

  /** A face that fails loses its own stream; the node goes on. */
  send(key: SessionKey, message: SessionMessage): void {
    try {
      this.#streams.get(key)?.listener(message);
    } catch (error) {
      const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#logger.error("stream.failed", { error: detail });
      this.close(key);
    }
  }

  /**
   * Core wants no more. A stream has no socket here that could close, so its face must hear that
   * nothing comes any more.
   */
  refuse(key: SessionKey, code: ErrorCode, message: string): void {
    if (!this.#streams.has(key)) return;
    this.send(key, { type: "refused", requestId: 0, code, message });
    this.#streams.delete(key);
  }

  /** Ends streams whose token has expired. */
  expire(wallMs: number): void {
    for (const [key, { expiresWallMs }] of [...this.#streams]) {
      if (expiresWallMs === undefined || expiresWallMs > wallMs) continue;
      const code = ErrorCode.unauthenticated;
      this.send(key, { type: "refused", requestId: 0, code, message: TOKEN_EXPIRED });
      this.close(key);
    }
  }

  clear(): void {
    this.#streams.clear();
  }
}
