/**
 * A session on a plain socket: our codecs, and nothing of the client library.
 *
 * What arrives goes to one listener as it is; a benchmark decodes only what it needs.
 */
import { connect, type Socket } from "node:net";
import { EMPTY_DIGEST, PROTOCOL_VERSION, type SessionRequest } from "@fpzk/core";
import { decodeSessionMessage, encodeSessionRequest } from "@fpzk/protocol";
import { FrameReader, maskedFrame } from "./frames.js";

/** One frame of the server: a message still encoded. Lives until the listener returns. */
export type FrameListener = (payload: Buffer, session: RawSession) => void;

const OPEN_TIMEOUT_MS = 60_000;
const BINARY_OPCODE = 2;
const CLOSE_OPCODE = 8;
const HEAD_END = "\r\n\r\n";
/** All sockets read into it in turn: each hands on what it read before the next one reads. */
const readBuffer = Buffer.alloc(256 * 1024);

export class RawSession {
  onFrame: FrameListener = () => {};
  onClose: () => void = () => {};
  /** What the server said when it closed the session. */
  closeReason = "without a word";
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  #head: string | undefined = "";
  #heartbeatSequence = 1;

  private constructor(address: string) {
    this.#reader = new FrameReader((opcode, payload) => {
      if (opcode === BINARY_OPCODE) this.onFrame(payload, this);
      // Two bytes of code, then the reason (RFC 6455, 5.5.1).
      if (opcode === CLOSE_OPCODE) this.closeReason = payload.toString("utf8", 2);
    });
    const { hostname, port } = new URL(`tcp://${address}`);
    this.#socket = connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (byteCount, buffer) => {
          this.#read(Buffer.from(buffer.buffer, buffer.byteOffset, byteCount));
          return true;
        },
      },
    });
    this.#socket.on("error", () => this.#socket.destroy());
    this.#socket.on("close", () => this.onClose());
    this.#socket.write(upgradeRequest(address));
  }

  /** Resolves when the server has said welcome. */
  static open(options: {
    readonly address: string;
    readonly clientId: string;
  }): Promise<RawSession> {
    return new Promise((resolve, reject) => {
      const session = new RawSession(options.address);
      const fail = (text: string) => {
        clearTimeout(timer);
        session.close();
        reject(new Error(`session ${options.clientId} to ${options.address}: ${text}`));
      };
      const timer = setTimeout(
        () => fail(`no welcome within ${OPEN_TIMEOUT_MS} ms`),
        OPEN_TIMEOUT_MS,
      );
      session.onClose = () => fail("the connection was closed");
      session.onFrame = (payload) => {
        const decoded = decodeSessionMessage(payload);
        if (!decoded.ok) return fail(decoded.refusal.message);
        if (decoded.message.type === "refused") return fail(decoded.message.message);
        if (decoded.message.type !== "welcome") return;
        clearTimeout(timer);
        session.onClose = () => {};
        session.onFrame = () => {};
        resolve(session);
      };
      session.send({
        type: "hello",
        protocolVersion: PROTOCOL_VERSION,
        namespace: "default",
        token: "",
        clientId: options.clientId,
        sessionNumber: 1,
        region: "local",
        zone: "a",
        agent: "bench",
      });
    });
  }

  send(request: SessionRequest): void {
    this.#socket.write(maskedFrame(encodeSessionRequest(request)));
  }

  /** Writes frames that were made before. */
  write(frames: Buffer): void {
    this.#socket.write(frames);
  }

  heartbeat(): void {
    const sequence = this.#heartbeatSequence++;
    this.send({ type: "heartbeat", sequence, wantsDigests: false });
  }

  watch(service: string): void {
    this.send({ type: "watch", requestId: 1, service, position: [], digest: EMPTY_DIGEST });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#head === undefined) return this.#reader.push(chunk);
    this.#head += chunk.toString("latin1");
    const end = this.#head.indexOf(HEAD_END);
    if (end < 0) return;
    if (!this.#head.startsWith("HTTP/1.1 101")) return void this.#socket.destroy();
    const rest = Buffer.from(this.#head.slice(end + HEAD_END.length), "latin1");
    this.#head = undefined;
    if (rest.length > 0) this.#reader.push(rest);
  }
}

function upgradeRequest(address: string): string {
  const lines = [
    "GET /v1/session HTTP/1.1",
    `Host: ${address}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
  ];
  return lines.join("\r\n") + HEAD_END;
}
