/**
 * Sessions: sockets on one side, core's events and effects on the other.
 *
 * The hub checks who speaks (protocol version, token) and how (frames, sizes, a reader that
 * keeps up); what is said is core's business. One encoded frame is shared by all receivers.
 */
import type { Duplex } from "node:stream";
import {
  ErrorCode,
  type Grants,
  type HelloMessage,
  isRegistryError,
  type NodeEvent,
  PROTOCOL_VERSION,
  type RegisterMessage,
  SESSION_FRAME_MAX_BYTES,
  SESSION_QUEUE_MAX_BYTES,
  type SessionKey,
  type SessionMessage,
} from "@fpzk/core";
import {
  decodeInstanceDescription,
  decodeSessionRequest,
  encodeSessionMessage,
  HELLO_FRAME_MAX_BYTES,
} from "@fpzk/protocol";
import type { RawData, WebSocket } from "ws";
import { type Authenticator, hasAnyGrant } from "./authenticator.js";
import { isLoopbackHost } from "./check-options.js";
import type { Logger } from "./logger.js";
import type { ServerCounters } from "./server-counters.js";
import { type StreamListener, StreamSessions, TOKEN_EXPIRED } from "./stream-sessions.js";
import { binaryFrame, closeReason, socketFaultCode } from "./websocket-frame.js";

export interface SessionHubOptions {
  readonly submit: (event: NodeEvent) => void;
  readonly authenticator: Authenticator;
  readonly counters: ServerCounters;
  readonly logger: Logger;
  readonly helloTimeoutMs?: number;
  /** How long a session may stay congested. */
  readonly congestedMaxMs?: number;
  readonly queueMaxBytes?: number;
}

export const HELLO_TIMEOUT_MS = 5_000;
export const CONGESTED_MAX_MS = 60_000;
const SWEEP_INTERVAL_MS = 5_000;
/** After a close frame, until the socket is destroyed. */
const CLOSE_GRACE_MS = 2_000;
/** Frames that may come while the token is checked. */
const PENDING_COUNT_MAX = 1_000;
const PENDING_MAX_BYTES = 4 * 1024 * 1024;

/** Close codes of RFC 6455, 7.4.1. */
const CloseCode = {
  normal: 1000,
  goingAway: 1001,
  unsupportedData: 1003,
  policyViolation: 1008,
} as const;

type SocketState = "hello" | "authenticating" | "open" | "closed";

interface SocketSession {
  readonly key: SessionKey;
  readonly ws: WebSocket;
  readonly socket: Duplex;
  readonly address: string;
  state: SocketState;
  helloTimer: NodeJS.Timeout | undefined;
  pending: Uint8Array[];
  pendingBytes: number;
  isCorked: boolean;
  /** Monotonic ms since when the reader is behind; undefined while it keeps up. */
  congestedSinceMs: number | undefined;
  expiresWallMs: number | undefined;
}

export class SessionHub {
  readonly #options: SessionHubOptions;
  readonly #submit: (event: NodeEvent) => void;
  readonly #counters: ServerCounters;
  readonly #queueMaxBytes: number;
  readonly #sockets = new Map<SessionKey, SocketSession>();
  readonly #streams: StreamSessions;
  readonly #sweep: NodeJS.Timeout;
  #corked: SocketSession[] = [];
  #nextKey = 1;
  #openCount = 0;

  constructor(options: SessionHubOptions) {
    this.#options = options;
    this.#submit = options.submit;
    this.#counters = options.counters;
    this.#streams = new StreamSessions(options.submit, options.logger);
    this.#queueMaxBytes = options.queueMaxBytes ?? SESSION_QUEUE_MAX_BYTES;
    const congestedMaxMs = options.congestedMaxMs ?? CONGESTED_MAX_MS;
    this.#sweep = setInterval(
      () => this.#sweepSessions(congestedMaxMs),
      Math.min(SWEEP_INTERVAL_MS, congestedMaxMs),
    );
    this.#sweep.unref();
  }

  /** Connections, also those that have not said hello yet. */
  get socketCount(): number {
    return this.#sockets.size;
  }

  /** Sessions that core knows, without streams. */
  get openCount(): number {
    return this.#openCount;
  }

  get streamCount(): number {
    return this.#streams.count;
  }

  /** Takes a connection that was just upgraded. `socket` is the one under `ws`. */
  accept(ws: WebSocket, socket: Duplex, address: string): void {
    const session: SocketSession = {
      key: this.#nextKey++,
      ws,
      socket,
      address,
      state: "hello",
      helloTimer: undefined,
      pending: [],
      pendingBytes: 0,
      isCorked: false,
      congestedSinceMs: undefined,
      expiresWallMs: undefined,
    };
    this.#sockets.set(session.key, session);
    session.helloTimer = setTimeout(
      () => this.#refuse(session, ErrorCode.deadlineExceeded, "no hello came in time"),
      this.#options.helloTimeoutMs ?? HELLO_TIMEOUT_MS,
    );
    ws.on("message", (data: RawData, isBinary: boolean) =>
      this.#onMessage(session, data as Buffer, isBinary),
    );
    ws.on("error", (error) => this.#onSocketError(error));
    ws.on("close", () => this.#onClose(session));
    socket.on("drain", () => this.#onDrain(session));
  }

  /** Opens a session inside this process, which can confirm nothing. */
  openStream(
    namespace: string,
    grants: Grants,
    listener: StreamListener,
    expiresWallMs: number | undefined,
  ): SessionKey {
    const key = this.#nextKey++;
    this.#streams.open(key, namespace, grants, { listener, expiresWallMs });
    return key;
  }

  closeStream(key: SessionKey): void {
    this.#streams.close(key);
  }

  /** Performs `send-sessions`: encodes once, writes the same bytes to all. */
  send(keys: readonly SessionKey[], message: SessionMessage): void {
    let frame: Buffer | undefined;
    let socketCount = 0;
    for (const key of keys) {
      const session = this.#sockets.get(key);
      if (session === undefined) {
        this.#streams.send(key, message);
        continue;
      }
      frame ??= binaryFrame(encodeSessionMessage(message));
      socketCount += 1;
      this.#write(session, frame);
    }
    if (message.type === "change" || message.type === "snapshot") {
      this.#counters.pushCount += keys.length;
      this.#counters.pushBytes += socketCount * (frame?.length ?? 0);
    } else {
      this.#counters.answerCount += keys.length;
      this.#countRefusals(message);
    }
  }

  /** What core refuses without ending the session. */
  #countRefusals(message: SessionMessage): void {
    if (message.type === "refused") this.#counters.refuse("session", message.code);
    if (message.type !== "registered") return;
    for (const { code } of message.items) {
      if (code !== undefined) this.#counters.refuse("session", code);
    }
  }

  /** Performs `close-session`. */
  close(key: SessionKey, code: ErrorCode, message: string): void {
    this.#streams.refuse(key, code, message);
    const session = this.#sockets.get(key);
    if (session === undefined) return;
    this.#counters.refuse("session", code);
    this.#end(session, closeCodeOf(code), `${code}: ${message}`);
  }

  /** Writes out what this turn's messages left in the sockets. */
  flush(): void {
    const corked = this.#corked;
    if (corked.length === 0) return;
    this.#corked = [];
    for (const session of corked) {
      if (!session.isCorked) continue;
      session.isCorked = false;
      session.socket.uncork();
      this.#judgeQueue(session);
    }
  }

  /** Ends everything: the process is leaving. */
  closeAll(): void {
    clearInterval(this.#sweep);
    this.#streams.clear();
    for (const session of [...this.#sockets.values()]) {
      this.#end(session, CloseCode.goingAway, "the node is leaving");
    }
    this.flush();
  }

  #onMessage(session: SocketSession, data: Buffer, isBinary: boolean): void {
    if (session.state === "closed") return;
    this.#counters.sessionInputCount += 1;
    this.#counters.sessionInputBytes += data.length;
    if (!isBinary) {
      this.#refuse(session, ErrorCode.invalidArgument, "text frames are not spoken here");
      return;
    }
    if (session.state === "authenticating") this.#hold(session, data);
    else this.#onFrame(session, data);
  }

  #onFrame(session: SocketSession, data: Uint8Array): void {
    const maxBytes = session.state === "hello" ? HELLO_FRAME_MAX_BYTES : SESSION_FRAME_MAX_BYTES;
    const decoded = decodeSessionRequest(data, maxBytes);
    if (!decoded.ok) {
      this.#refuse(session, decoded.refusal.code, decoded.refusal.message);
      return;
    }
    const message = decoded.message;
    if (message.type === "hello") {
      if (session.state === "hello") void this.#onHello(session, message);
      else this.#refuse(session, ErrorCode.failedPrecondition, "hello was said before");
      return;
    }
    if (session.state !== "open") {
      this.#refuse(session, ErrorCode.failedPrecondition, `${message.type} came before hello`);
      return;
    }
    if (message.type === "register" && !this.#areBodiesGood(session, message)) return;
    this.#submit({ type: "session-message", session: session.key, message });
    if (message.type === "goodbye") this.#end(session, CloseCode.normal, "goodbye");
  }

  /** To core a body is opaque: what nobody could read must not get into the table. */
  #areBodiesGood(session: SocketSession, { requestId, items }: RegisterMessage): boolean {
    for (const { service, id, body } of items) {
      const decoded = decodeInstanceDescription(body);
      if (decoded.ok) continue;
      const { code } = decoded.refusal;
      const message = `instance ${service}/${id}: ${decoded.refusal.message}`;
      this.send([session.key], { type: "refused", requestId, code, message });
      return false;
    }
    return true;
  }

  /** Never throws: what fails is told to the client. */
  async #onHello(session: SocketSession, hello: HelloMessage): Promise<void> {
    if (hello.protocolVersion !== PROTOCOL_VERSION) {
      const text = `protocol version ${hello.protocolVersion} must be ${PROTOCOL_VERSION}`;
      this.#refuse(session, ErrorCode.failedPrecondition, text);
      return;
    }
    session.state = "authenticating";
    session.ws.pause();
    try {
      const principal = await this.#options.authenticator.authenticate(hello.token);
      const grants = principal.grantsOf(hello.namespace);
      if (session.state !== "authenticating") return;
      if (!hasAnyGrant(grants)) {
        const text = `${principal.name} has no right in namespace ${hello.namespace}`;
        this.#refuse(session, ErrorCode.permissionDenied, text);
        return;
      }
      session.expiresWallMs = principal.expiresWallMs;
      this.#open(session, hello, grants);
    } catch (error) {
      const code = isRegistryError(error) ? error.code : ErrorCode.internal;
      this.#refuse(session, code, error instanceof Error ? error.message : String(error));
    }
  }

  #open(session: SocketSession, hello: HelloMessage, grants: Grants): void {
    clearTimeout(session.helloTimer);
    session.state = "open";
    this.#openCount += 1;
    this.#submit({
      type: "session-open",
      session: session.key,
      kind: "native",
      namespace: hello.namespace,
      grants,
      clientId: hello.clientId,
      sessionNumber: hello.sessionNumber,
      // On one machine all have the same address, so clients there speak for themselves.
      ...(session.address === "" || isLoopbackHost(session.address)
        ? {}
        : { host: session.address }),
    });
    const pending = session.pending;
    session.pending = [];
    for (const data of pending) {
      if (this.#isOpen(session)) this.#onFrame(session, data);
    }
    if (this.#isOpen(session)) session.ws.resume();
  }

  #isOpen(session: SocketSession): boolean {
    return session.state === "open";
  }

  #hold(session: SocketSession, data: Uint8Array): void {
    session.pending.push(data);
    session.pendingBytes += data.length;
    if (session.pending.length <= PENDING_COUNT_MAX && session.pendingBytes <= PENDING_MAX_BYTES) {
      return;
    }
    const text = `frames before the welcome must be <= ${PENDING_COUNT_MAX} and ${PENDING_MAX_BYTES} bytes`;
    this.#refuse(session, ErrorCode.resourceExhausted, text);
  }

  #write(session: SocketSession, frame: Buffer): void {
    // After a close frame nothing may follow (RFC 6455, 5.5.1).
    if (session.state === "closed" || session.ws.readyState !== session.ws.OPEN) return;
    if (!session.isCorked) {
      session.isCorked = true;
      session.socket.cork();
      this.#corked.push(session);
    }
    session.socket.write(frame);
    // Answers go out also while congested, but not without end.
    if (session.socket.writableLength > 2 * this.#queueMaxBytes) this.#judgeQueue(session);
  }

  /** After a write: whether the reader keeps up. */
  #judgeQueue(session: SocketSession): void {
    if (session.state === "closed") return;
    const queuedBytes = session.socket.writableLength;
    if (queuedBytes <= this.#queueMaxBytes) return;
    if (session.congestedSinceMs === undefined) {
      session.congestedSinceMs = performance.now();
      this.#counters.queueDropCount += 1;
      this.#submit({ type: "session-congested", session: session.key });
    } else if (queuedBytes > 4 * this.#queueMaxBytes) {
      this.#drop(session, "queue-full");
    }
  }

  #onDrain(session: SocketSession): void {
    if (session.congestedSinceMs === undefined || session.state !== "open") return;
    session.congestedSinceMs = undefined;
    this.#submit({ type: "session-writable", session: session.key });
  }

  #sweepSessions(congestedMaxMs: number): void {
    const nowMs = performance.now();
    const wallMs = Date.now();
    for (const session of [...this.#sockets.values()]) {
      const since = session.congestedSinceMs;
      if (since !== undefined && nowMs - since >= congestedMaxMs) this.#drop(session, "slow");
      else if (session.expiresWallMs !== undefined && session.expiresWallMs <= wallMs) {
        this.#refuse(session, ErrorCode.unauthenticated, TOKEN_EXPIRED);
      }
    }
    this.#streams.expire(wallMs);
  }

  /** Cuts a connection whose reader does not read: nothing more can be said to it. */
  #drop(session: SocketSession, reason: string): void {
    this.#counters.slowSessionCloseCount += 1;
    this.#options.logger.warn("session.dropped", { reason, address: session.address });
    session.ws.terminate();
    this.#onClose(session);
  }

  /** Tells the client why, and closes. */
  #refuse(session: SocketSession, code: ErrorCode, message: string): void {
    if (session.state === "closed") return;
    this.#counters.refuse("session", code);
    this.#options.logger.debug("session.refused", { code, message, address: session.address });
    const refused = encodeSessionMessage({ type: "refused", requestId: 0, code, message });
    this.#write(session, binaryFrame(refused));
    const wasOpen = session.state === "open";
    this.#end(session, closeCodeOf(code), `${code}: ${message}`);
    if (wasOpen) this.#submit({ type: "session-close", session: session.key });
  }

  #onSocketError(error: Error): void {
    // What `ws` refuses itself: oversized or malformed frames. It closes with the right code.
    const code = socketFaultCode(error);
    if (code !== undefined) this.#counters.refuse("session", code);
  }

  /** The connection is over without a word from core. */
  #onClose(session: SocketSession): void {
    const wasOpen = session.state === "open";
    this.#forget(session);
    if (wasOpen) this.#submit({ type: "session-close", session: session.key });
  }

  /** Closes; core knows already, or is told by the caller. */
  #end(session: SocketSession, closeCode: number, reason: string): void {
    if (session.state === "closed") return;
    this.#forget(session);
    if (session.isCorked) {
      // The close frame must come after what was said before.
      session.isCorked = false;
      session.socket.uncork();
    }
    session.ws.close(closeCode, closeReason(reason));
    const timer = setTimeout(() => session.ws.terminate(), CLOSE_GRACE_MS);
    session.ws.once("close", () => clearTimeout(timer));
    session.ws.resume();
  }

  #forget(session: SocketSession): void {
    if (session.state === "open") this.#openCount -= 1;
    session.state = "closed";
    clearTimeout(session.helloTimer);
    session.pending = [];
    this.#sockets.delete(session.key);
  }
}

function closeCodeOf(code: ErrorCode): number {
  if (code === ErrorCode.invalidArgument) return CloseCode.unsupportedData;
  if (code === ErrorCode.unavailable || code === ErrorCode.cancelled) return CloseCode.goingAway;
  return CloseCode.policyViolation;
}
