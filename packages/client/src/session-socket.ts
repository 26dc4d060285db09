/** One WebSocket to a node's `/v1/session`: bytes in and out, and one end that is told once. */
import { isIP } from "node:net";
import { PEER_FRAME_MAX_BYTES, type ServerAddress, type SessionRequest } from "@fpzk/core";
import { encodeSessionRequest } from "@fpzk/protocol";
import { WebSocket } from "ws";
import { parseHostPort, type TlsOptions } from "./options.js";

const SESSION_PATH = "/v1/session";
/** A node that reads nothing for so long that this waits is as good as lost. */
const SEND_QUEUE_MAX_BYTES = 64 * 1024 * 1024;
/** After a close was asked for, until the socket is torn down. */
const CLOSE_TIMEOUT_MS = 1_000;

export interface SessionSocketEvents {
  readonly onOpen: () => void;
  readonly onFrame: (bytes: Uint8Array) => void;
  /** The socket failed to open, or ended; nothing comes after it. Not called after `close`. */
  readonly onEnd: (cause: string) => void;
}

export class SessionSocket {
  readonly #socket: WebSocket;
  readonly #events: SessionSocketEvents;
  #localAddress: string | undefined;
  #isEnded = false;
  #cause: string | undefined;

  constructor(server: ServerAddress, tls: TlsOptions | undefined, events: SessionSocketEvents) {
    this.#events = events;
    const host = parseHostPort(server.address)?.host;
    const serverName = tls?.serverName ?? server.serverName ?? host ?? "";
    // An address is no server name (RFC 6066, section 3); it is checked against the certificate.
    const isNamed = tls !== undefined && isIP(serverName) === 0 && serverName !== "";
    this.#socket = new WebSocket(
      `${tls === undefined ? "ws" : "wss"}://${server.address}${SESSION_PATH}`,
      {
        perMessageDeflate: false,
        maxPayload: PEER_FRAME_MAX_BYTES,
        followRedirects: false,
        ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
        ...(isNamed ? { servername: serverName } : {}),
      },
    );
    this.#socket.on("upgrade", ({ socket }) => {
      this.#localAddress = socket.localAddress;
    });
    this.#socket.on("open", () => {
      if (!this.#isEnded) events.onOpen();
    });
    // `ws` sets TCP_NODELAY itself, and gives one Buffer per message unless told otherwise.
    this.#socket.on("message", (data) => {
      if (!this.#isEnded && Buffer.isBuffer(data)) events.onFrame(data);
    });
    this.#socket.on("error", (error) => {
      this.#cause ??= describeFault(error);
    });
    this.#socket.on("close", (code, reason) => {
      const text = reason.toString("utf8");
      this.#end(this.#cause ?? `closed with ${code}${text === "" ? "" : `: ${text}`}`);
    });
  }

  /** The address of this machine that the node is reached from. */
  get localAddress(): string | undefined {
    return this.#localAddress;
  }

  send(message: SessionRequest): void {
    if (this.#isEnded || this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(encodeSessionRequest(message), { binary: true });
    if (this.#socket.bufferedAmount > SEND_QUEUE_MAX_BYTES) {
      this.abort(`more than ${SEND_QUEUE_MAX_BYTES} bytes wait to be sent`);
    }
  }

  /** Ends the socket and tells why, as if the node had done it. */
  abort(cause: string): void {
    this.#cause ??= cause;
    this.#socket.terminate();
  }

  /** Ends the socket after what was sent; resolves when it is closed. */
  close(): Promise<void> {
    this.#isEnded = true;
    if (this.#socket.readyState === WebSocket.CLOSED) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#socket.terminate(), CLOSE_TIMEOUT_MS);
      this.#socket.once("close", () => {
        clearTimeout(timer);
        resolve();
      });
      if (this.#socket.readyState === WebSocket.CONNECTING) this.#socket.terminate();
      else this.#socket.close(1000);
    });
  }

  #end(cause: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#events.onEnd(cause);
  }
}

function describeFault(error: Error): string {
  // Several addresses of one name fail together; their messages say more than the whole.
  if (error instanceof AggregateError && error.errors.length > 0) {
    return error.errors.map((fault) => describeFault(fault as Error)).join(", ");
  }
  return error.message;
}
