/**
 * The sessions of a simulated node: what the server's session hub does with real sockets.
 *
 * Greets, carries, and watches the queue of each session: a reader that falls behind is told no
 * changes until it has caught up, and is cut off when it never does.
 */
import { ErrorCode, type SessionKey, type SessionMessage, type SessionRequest } from "@fpzk/core";
import { decodeSessionRequest, encodeSessionMessage } from "@fpzk/protocol";
import { spokenBy } from "./release.js";
import type { SimClient } from "./sim-client.js";
import type { SimNode } from "./sim-node.js";
import type { Socket } from "./socket.js";

const HELLO_TIMEOUT_MS = 5_000;
const CONGESTED_MAX_MS = 60_000;
/** A queue beyond so many times its bound ends the session. */
const QUEUE_END_RATIO = 4;

/** What sessions need of the world. */
export interface SessionWorld {
  now(): number;
  schedule(at: number, run: () => void): void;
  sessionSent(node: SimNode, client: SimClient, message: SessionMessage, byteCount: number): void;
  refused(by: SimNode, message: string): void;
}

interface Session {
  readonly key: SessionKey;
  readonly socket: Socket;
  readonly client: SimClient;
  isGreeted: boolean;
  isCongested: boolean;
  /** How often it was: a timer of an earlier time must not end it. */
  congestedCount: number;
}

export class NodeSessions {
  readonly #node: SimNode;
  readonly #world: SessionWorld;
  readonly #queueMaxBytes: number;
  readonly #sessions = new Map<SessionKey, Session>();
  #nextKey = 1;

  constructor(node: SimNode, world: SessionWorld, queueMaxBytes: number) {
    this.#node = node;
    this.#world = world;
    this.#queueMaxBytes = queueMaxBytes;
  }

  /** Whether a client has an open session here. */
  has(client: SimClient): boolean {
    for (const session of this.#sessions.values()) {
      if (session.client === client && session.isGreeted) return true;
    }
    return false;
  }

  accept(socket: Socket): void {
    const session: Session = {
      key: this.#nextKey++,
      socket,
      client: socket.peerOwner as SimClient,
      isGreeted: false,
      isCongested: false,
      congestedCount: 0,
    };
    this.#sessions.set(session.key, session);
    socket.events = {
      received: (bytes) => this.#receive(session, bytes),
      closed: () => this.#forget(session),
      flushed: () => this.#flushed(session),
    };
    this.#world.schedule(this.#world.now() + HELLO_TIMEOUT_MS, () => {
      if (session.isGreeted || !socket.isOpen) return;
      this.#node.whenAwake(() => {
        if (!session.isGreeted) this.#refuse(session, "deadline_exceeded", "no hello came in time");
      });
    });
  }

  send(keys: readonly SessionKey[], message: SessionMessage): void {
    let bytes: Uint8Array | undefined;
    for (const key of keys) {
      const session = this.#sessions.get(key);
      if (session === undefined) continue;
      bytes ??= spokenBy(this.#node.release, encodeSessionMessage(message));
      this.#write(session, message, bytes);
    }
  }

  close(key: SessionKey): void {
    const session = this.#sessions.get(key);
    if (session === undefined) return;
    this.#sessions.delete(key);
    session.socket.close();
  }

  #receive(session: Session, bytes: Uint8Array): void {
    const decoded = decodeSessionRequest(bytes);
    if (!decoded.ok) throw new Error(`session request refused: ${decoded.refusal.message}`);
    const { message } = decoded;
    if (message.type === "hello") {
      this.#greet(session, message);
      return;
    }
    if (!session.isGreeted) {
      this.#refuse(session, ErrorCode.failedPrecondition, `${message.type} came before hello`);
      return;
    }
    this.#node.feed({ type: "session-message", session: session.key, message });
    if (message.type === "goodbye") this.close(session.key);
  }

  #greet(session: Session, hello: Extract<SessionRequest, { type: "hello" }>): void {
    const { protocolVersion } = this.#node.release;
    if (hello.protocolVersion !== protocolVersion) {
      const text = `protocol version ${hello.protocolVersion} must be ${protocolVersion}`;
      this.#refuse(session, ErrorCode.failedPrecondition, text);
      return;
    }
    session.isGreeted = true;
    this.#node.feed({
      type: "session-open",
      session: session.key,
      kind: "native",
      namespace: hello.namespace,
      grants: { mayRead: true, mayRegister: true, mayOperate: true },
      clientId: hello.clientId,
      sessionNumber: hello.sessionNumber,
    });
  }

  #refuse(session: Session, code: ErrorCode, text: string): void {
    this.#world.refused(this.#node, text);
    const message: SessionMessage = { type: "refused", requestId: 0, code, message: text };
    this.#write(session, message, encodeSessionMessage(message));
    this.#forget(session);
    session.socket.close();
  }

  #write(session: Session, message: SessionMessage, bytes: Uint8Array): void {
    this.#world.sessionSent(this.#node, session.client, message, bytes.length);
    session.socket.send(bytes);
    const { queuedBytes } = session.socket;
    if (queuedBytes <= this.#queueMaxBytes) return;
    if (!session.isCongested) this.#congested(session);
    else if (queuedBytes > QUEUE_END_RATIO * this.#queueMaxBytes) this.#drop(session);
  }

  #congested(session: Session): void {
    session.isCongested = true;
    session.congestedCount += 1;
    const { congestedCount } = session;
    this.#node.feed({ type: "session-congested", session: session.key });
    this.#world.schedule(this.#world.now() + CONGESTED_MAX_MS, () => {
      if (!session.isCongested || session.congestedCount !== congestedCount) return;
      this.#node.whenAwake(() => this.#drop(session));
    });
  }

  #flushed(session: Session): void {
    if (!session.isCongested || session.socket.queuedBytes > 0) return;
    session.isCongested = false;
    this.#node.feed({ type: "session-writable", session: session.key });
  }

  #drop(session: Session): void {
    this.#forget(session);
    session.socket.abort();
  }

  #forget(session: Session): void {
    if (!this.#sessions.delete(session.key) || !session.isGreeted) return;
    this.#node.feed({ type: "session-close", session: session.key });
  }
}
