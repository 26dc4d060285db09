/**
 * Tells protocols on one TCP port apart by their first bytes.
 *
 * A TLS ClientHello starts with the record type 0x16 (RFC 8446, 5.1) and no HTTP method does; what
 * comes out of TLS is told apart again. Everything else is HTTP. Another protocol is one more
 * {@link PortProtocol}.
 */
import type { Server as HttpServer } from "node:http";
import type { Server as NetServer, Socket } from "node:net";
import type { TlsServer } from "./tls-server.js";

/** A protocol that claims connections by their first byte. */
export interface PortProtocol {
  readonly name: string;
  claims(firstByte: number): boolean;
  accept(socket: Socket): void;
}

export type MuxRefusal =
  | "first-byte-timeout"
  | "connections"
  | "connections-per-address"
  | "tls"
  | "plain-text";

export interface PortMuxOptions {
  readonly httpServer: HttpServer;
  /**
   * Absent: a TLS hello is refused. Present: plain text is served to loopback alone, where probes
   * come from; from elsewhere it would carry tokens in the clear.
   */
  readonly tlsServer: TlsServer | undefined;
  /** Asked before HTTP, in order, inside and outside of TLS. */
  readonly protocols?: readonly PortProtocol[];
  readonly firstByteTimeoutMs?: number;
  readonly connectionCountMax: number;
  /** Not applied to loopback, where a proxy or a benchmark may stand for many. */
  readonly connectionCountMaxPerAddress: number;
  readonly onRefused: (reason: MuxRefusal, address: string) => void;
  /** Whom a connection comes from. Default: the socket's remote address. */
  readonly addressOf?: (socket: Socket) => string;
}

export const FIRST_BYTE_TIMEOUT_MS = 5_000;
const TLS_HANDSHAKE_RECORD = 0x16;
const PLAIN_TEXT_ANSWER =
  "HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\nUpgrade: TLS/1.2\r\n" +
  "Content-Type: application/problem+json\r\n\r\n" +
  `${JSON.stringify({
    type: "urn:fpzk:error:failed_precondition",
    title: "Not possible in this state",
    status: 426,
    detail: "this port speaks TLS: use https or wss; plain text is served to loopback alone",
    code: "failed_precondition",
  })}\n`;

export class PortMux {
  readonly #options: PortMuxOptions;
  readonly #acceptHttp: (socket: Socket) => void;
  readonly #countByAddress = new Map<string, number>();
  readonly #sockets = new Set<Socket>();
  /** Connections that came before {@link open}. */
  #held: Socket[] | undefined = [];

  constructor(options: PortMuxOptions) {
    this.#options = options;
    // The HTTP server itself listens, so that its own timeouts run; the mux stands before it.
    const listeners = options.httpServer.listeners("connection") as ((socket: Socket) => void)[];
    options.httpServer.removeAllListeners("connection");
    this.#acceptHttp = (socket) => {
      for (const listener of listeners) listener.call(options.httpServer, socket);
    };
    this.attach(options.httpServer);
    options.tlsServer?.onSecure((socket) => this.#sniff(socket, true));
  }

  get connectionCount(): number {
    return this.#sockets.size;
  }

  /** Takes the connections of one more listener. */
  attach(server: NetServer): void {
    server.on("connection", (socket: Socket) => this.#admit(socket));
  }

  /** From now on connections are served; those that came before wait until here. */
  open(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const socket of held) this.#sniff(socket, false);
  }

  /** Ends every connection. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #admit(socket: Socket): void {
    const address = this.#addressOf(socket);
    socket.on("error", () => {});
    const refusal = this.#refusalFor(address);
    if (refusal !== undefined) {
      this.#options.onRefused(refusal, address);
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    this.#countByAddress.set(address, (this.#countByAddress.get(address) ?? 0) + 1);
    socket.once("close", () => this.#forget(socket, address));
    socket.setNoDelay(true);
    if (this.#held !== undefined) this.#held.push(socket);
    else this.#sniff(socket, false);
  }

  #refusalFor(address: string): MuxRefusal | undefined {
    if (this.#sockets.size >= this.#options.connectionCountMax) return "connections";
    if (isLoopback(address)) return undefined;
    const count = this.#countByAddress.get(address) ?? 0;
    return count >= this.#options.connectionCountMaxPerAddress
      ? "connections-per-address"
      : undefined;
  }

  #forget(socket: Socket, address: string): void {
    this.#sockets.delete(socket);
    const count = (this.#countByAddress.get(address) ?? 1) - 1;
    if (count === 0) this.#countByAddress.delete(address);
    else this.#countByAddress.set(address, count);
  }

  #addressOf(socket: Socket): string {
    return this.#options.addressOf?.(socket) ?? socket.remoteAddress ?? "";
  }

  #sniff(socket: Socket, isSecure: boolean): void {
    const timer = setTimeout(() => {
      this.#options.onRefused("first-byte-timeout", socket.remoteAddress ?? "");
      socket.destroy();
    }, this.#options.firstByteTimeoutMs ?? FIRST_BYTE_TIMEOUT_MS);
    const onReadable = () => {
      const chunk: Buffer | null = socket.read();
      if (chunk === null) return;
      stop();
      socket.unshift(chunk);
      this.#dispatch(socket, chunk[0] as number, isSecure);
    };
    const stop = () => {
      clearTimeout(timer);
      socket.removeListener("readable", onReadable);
      socket.removeListener("close", stop);
      socket.removeListener("end", onEnd);
    };
    const onEnd = () => {
      stop();
      socket.destroy();
    };
    socket.on("readable", onReadable);
    socket.once("end", onEnd);
    socket.once("close", stop);
  }

  #dispatch(socket: Socket, firstByte: number, isSecure: boolean): void {
    if (firstByte === TLS_HANDSHAKE_RECORD && !isSecure) {
      if (this.#options.tlsServer !== undefined) {
        this.#options.tlsServer.accept(socket);
        return;
      }
      this.#options.onRefused("tls", socket.remoteAddress ?? "");
      socket.destroy();
      return;
    }
    const isPlain = !isSecure && this.#options.tlsServer !== undefined;
    if (isPlain && !isLoopback(this.#addressOf(socket))) {
      this.#options.onRefused("plain-text", this.#addressOf(socket));
      socket.on("data", () => {});
      socket.end(PLAIN_TEXT_ANSWER, () => socket.destroy());
      return;
    }
    const protocol = this.#options.protocols?.find((entry) => entry.claims(firstByte));
    if (protocol !== undefined) protocol.accept(socket);
    else this.#acceptHttp(socket);
  }
}

/** True for addresses that only this machine can reach. */
export function isLoopback(address: string): boolean {
  return (
    address === "::1" ||
    address === "localhost" ||
    /^(::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(address)
  );
}
