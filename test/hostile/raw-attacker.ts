/** Connections that say whatever a test wants: sessions without a client library, bare TCP. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import {
  EMPTY_DIGEST,
  type HelloMessage,
  InstanceState,
  type RegisterItem,
  Scope,
  type SessionMessage,
  type SessionRequest,
} from "@fpzk/core";
import {
  decodeSessionMessage,
  encodeInstanceDescription,
  encodeSessionRequest,
} from "@fpzk/protocol";
import { type ClientOptions, WebSocket } from "ws";

const ANSWER_TIMEOUT_MS = 20_000;

export const BODY = encodeInstanceDescription({
  endpoints: [{ host: "10.0.0.1", port: 80, protocol: "http", tls: false, reach: "internal" }],
  group: "",
  version: "",
  weight: 100,
  region: "us",
  zone: "",
  metadata: {},
  startWallTime: 0,
});

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** A session that speaks raw frames. */
export class RawSession {
  readonly ws: WebSocket;
  /** Code and reason of the close, whenever it comes. */
  readonly closed: Promise<Closed>;
  readonly messages: SessionMessage[] = [];
  #wake: () => void = () => {};
  #isClosed = false;

  private constructor(url: string, options: ClientOptions) {
    this.ws = new WebSocket(url, options);
    this.ws.on("error", () => {});
    this.ws.on("message", (data: Buffer) => {
      const decoded = decodeSessionMessage(data);
      if (decoded.ok) this.messages.push(decoded.message);
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      this.ws.once("close", (code: number, reason: Buffer) => {
        this.#isClosed = true;
        this.#wake();
        resolve({ code, reason: reason.toString() });
      });
    });
  }

  static async open(port: number, options: ClientOptions = {}): Promise<RawSession> {
    const session = new RawSession(`ws://127.0.0.1:${port}/v1/session`, options);
    await once(session.ws, "open");
    return session;
  }

  /** Opens and says hello; resolves with the welcome said. */
  static async welcomed(port: number, hello: Partial<HelloMessage> = {}): Promise<RawSession> {
    const session = await RawSession.open(port);
    session.send(helloOf(hello));
    await session.receive("welcome");
    return session;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  send(request: SessionRequest): void {
    this.ws.send(encodeSessionRequest(request));
  }

  watch(requestId: number, service: string): void {
    this.send({ type: "watch", requestId, service, position: [], digest: EMPTY_DIGEST });
  }

  register(requestId: number, items: readonly RegisterItem[]): void {
    this.send({ type: "register", requestId, items });
  }

  /** Takes the first message of a type; fails when the connection ends before, or in 20 s. */
  async receive<T extends SessionMessage["type"]>(
    type: T,
  ): Promise<Extract<SessionMessage, { type: T }>> {
    const deadline = performance.now() + ANSWER_TIMEOUT_MS;
    for (;;) {
      const index = this.messages.findIndex((message) => message.type === type);
      const [found] = index < 0 ? [] : this.messages.splice(index, 1);
      if (found !== undefined) return found as Extract<SessionMessage, { type: T }>;
      if (this.#isClosed) throw new Error(`the connection ended before ${type}`);
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw new Error(`no ${type} within ${ANSWER_TIMEOUT_MS} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  close(): void {
    this.ws.terminate();
  }
}

export function helloOf(change: Partial<HelloMessage> = {}): HelloMessage {
  return {
    type: "hello",
    protocolVersion: 1,
    namespace: "default",
    token: "",
    clientId: `attacker-${Math.random()}`,
    sessionNumber: 1,
    region: "us",
    zone: "",
    agent: "attacker",
    ...change,
  };
}

export function itemOf(
  service: string,
  id: string,
  more: Partial<RegisterItem> = {},
): RegisterItem {
  return {
    service,
    id,
    incarnation: 0,
    since: 0,
    state: InstanceState.up,
    scope: Scope.global,
    body: BODY,
    ...more,
  };
}

/** A TCP connection; `ended` is all that came until the other side closed. */
export class RawTcp {
  readonly socket: Socket;
  readonly ended: Promise<string>;
  received = "";

  private constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("error", () => {});
    this.socket.on("data", (chunk) => {
      this.received += chunk.toString("latin1");
    });
    this.ended = new Promise((resolve) => {
      this.socket.once("close", () => resolve(this.received));
    });
  }

  static async open(port: number, first: string | Uint8Array = ""): Promise<RawTcp> {
    const tcp = new RawTcp(port);
    await once(tcp.socket, "connect");
    if (first.length > 0) tcp.socket.write(first);
    return tcp;
  }

  /** Asks for a WebSocket and waits for the answer's head. */
  static async upgraded(port: number, path = "/v1/session"): Promise<RawTcp> {
    const tcp = await RawTcp.open(port, upgradeHead(path));
    while (!tcp.received.includes("\r\n\r\n")) await once(tcp.socket, "data");
    return tcp;
  }
}

export function upgradeHead(path: string, more = ""): string {
  return (
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n${more}\r\n`
  );
}

/** A binary frame of a client with its mask of zeros; `declaredBytes` may lie. */
export function maskedHead(declaredBytes: number): Buffer {
  const head = Buffer.alloc(14);
  head[0] = 0x82;
  head[1] = 0x80 | 127;
  head.writeBigUInt64BE(BigInt(declaredBytes), 2);
  return head;
}
