/** Accepts callers' HTTP/1.1 connections, in clear or over TLS, and ends them. */
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import type { CallerTls } from "../caller-tls.js";
import { CallerConnection, type CallerPorts } from "./caller-connection.js";

export interface Http1ListenerPorts extends Omit<CallerPorts, "onClosed"> {
  readonly tls: CallerTls | undefined;
  /** A connection was closed at once because too many are open. */
  readonly onConnectionRefused: () => void;
}

/** A silent caller's host is probed after this, so that a lost one is noticed. */
const TCP_KEEP_ALIVE_MS = 60_000;

export class Http1Listener {
  /** Not yet listening. */
  readonly server: Server;
  readonly #connections = new Set<CallerConnection>();
  /** Sockets of TLS, whose handshake may be under way. */
  readonly #sockets = new Set<Socket>();

  constructor(ports: Http1ListenerPorts) {
    const { limits, tls } = ports;
    const socketOptions = {
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
    };
    const callerPorts: CallerPorts = {
      ...ports,
      onClosed: (connection) => this.#connections.delete(connection),
    };
    const onSocket = (socket: Socket): void => {
      if ("alpnProtocol" in socket && socket.alpnProtocol === "h2") ports.onHttp2(socket);
      else this.#connections.add(new CallerConnection(socket, callerPorts));
    };
    if (tls === undefined) this.server = createServer(socketOptions, onSocket);
    else {
      const handshakeTimeout = limits.headerTimeoutMs;
      const tlsOptions: TlsOptions = {
        ...tls.main,
        ALPNProtocols: ["h2", "http/1.1"],
        handshakeTimeout,
        SNICallback: (name, done) => done(null, tls.contextFor(name)),
      };
      this.server = createTlsServer({ ...socketOptions, ...tlsOptions }, onSocket);
      this.server.on("connection", (socket: Socket) => {
        this.#sockets.add(socket);
        socket.once("close", () => this.#sockets.delete(socket));
      });
      // A failed handshake has ended its connection.
      this.server.on("tlsClientError", () => {});
    }
    this.server.maxConnections = limits.connectionCountMax;
    this.server.on("drop", ports.onConnectionRefused);
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Ends connections that are between two requests. */
  closeIdle(): void {
    for (const connection of this.#connections) connection.closeIfIdle();
  }

  destroyAll(): void {
    for (const connection of this.#connections) connection.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }

  sweep(nowMs: number): void {
    for (const connection of this.#connections) connection.sweep(nowMs);
  }
}
