/** A running node: sockets, core and faces, and what they tell each other. */
import type { Server } from "node:net";
import type { TLSSocket } from "node:tls";
import { ErrorCode, LEAVE_MAX_MS, livingGeneration, SESSION_COUNT_MAX } from "@fpzk/core";
import { type Authenticator, bearerToken } from "./authenticator.js";
import { SnapshotWriter } from "./data-directory.js";
import { Driver, type EffectPerformers } from "./driver.js";
import { createHostRefusal } from "./host-refusal.js";
import {
  createPeerWebSocketServer,
  createSessionWebSocketServer,
  type HttpParts,
  PEER_PATH,
  SESSION_PATH,
  serveUpgrades,
} from "./http-server.js";
import { ServerMetrics } from "./metrics.js";
import type { ClusterOptions, ServerOptions } from "./options.js";
import { PeerHub } from "./peer-hub.js";
import type { PortMux } from "./port-mux.js";
import type { RegistryPort } from "./registry-port.js";
import { RegistryPortAdapter } from "./registry-port-adapter.js";
import { restFace } from "./rest/rest-face.js";
import type { ServedNode } from "./served-node.js";
import type { ServerCounters } from "./server-counters.js";
import { SessionHub } from "./session-hub.js";
import type { TlsServer } from "./tls-server.js";

export interface RunningServer {
  readonly nodeId: string;
  /** `host:port` that clients and peers use. */
  readonly address: string;
  /** `host:port` of exactly this node. */
  readonly peerAddress: string;
  readonly port: RegistryPort;
  /** What `/metrics` shows. */
  metricsText(): Promise<string>;
  /** Asks sessions to move, says goodbye to peers, writes a last snapshot, ends. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** How long strangers and slow readers are borne with; each part has its default. */
export interface EdgeTimings {
  readonly firstByteTimeoutMs?: number;
  readonly helloTimeoutMs?: number;
  readonly congestedMaxMs?: number;
  readonly handshakeTimeoutMs?: number;
  readonly headersTimeoutMs?: number;
  readonly tlsPollIntervalMs?: number;
}

/** As in package.json; a test ties them. */
export const SERVER_VERSION = "0.1.0";
/** Longest wait for core to say that everything for leaving is said. */
const LEAVE_TIMEOUT_MS = LEAVE_MAX_MS + 2_000;
/** After the goodbyes, until connections that are still open are cut. */
const CLOSE_GRACE_MS = 500;

/** What `startServerWith` put together. */
export interface NodeServerParts {
  readonly options: ServerOptions;
  readonly timings: EdgeTimings;
  readonly authenticator: Authenticator;
  readonly counters: ServerCounters;
  readonly http: HttpParts;
  readonly mux: PortMux;
  readonly node: ServedNode;
  readonly peerServer: Server | undefined;
  readonly tlsServer: TlsServer | undefined;
  readonly address: string;
  readonly peerAddress: string;
}

/** One running node: wires sockets, core and faces, and takes them down again. */
/** What an upgrade that was refused with a status counts as. */
const UPGRADE_CODES: Readonly<Record<number, ErrorCode>> = {
  400: ErrorCode.invalidArgument,
  403: ErrorCode.permissionDenied,
  404: ErrorCode.notFound,
  503: ErrorCode.resourceExhausted,
};

export class NodeServer implements RunningServer {
  readonly #parts: NodeServerParts;
  readonly #driver: Driver;
  readonly #sessions: SessionHub;
  readonly #peers: PeerHub;
  readonly #port: RegistryPortAdapter;
  readonly #metrics: ServerMetrics;
  readonly #snapshots: SnapshotWriter | undefined;
  #onLeft: () => void = () => {};
  #closing: Promise<void> | undefined;

  constructor(parts: NodeServerParts) {
    this.#parts = parts;
    const { authenticator, counters, node, options, timings } = parts;
    const { logger } = options;
    const onFatal = options.onFatal ?? throwUncaught;
    this.#driver = new Driver({
      node,
      logger,
      onFatal: (error) => {
        this.#abandon();
        onFatal(error);
      },
    });
    const submit = this.#driver.submit.bind(this.#driver);
    this.#sessions = new SessionHub({ ...timings, submit, authenticator, counters, logger });
    this.#peers = this.#createPeerHub();
    this.#port = new RegistryPortAdapter({ node, submit, hub: this.#sessions, logger });
    this.#metrics = this.#createMetrics();
    const { dataDirectory, snapshotIntervalMs } = options.node;
    this.#snapshots =
      dataDirectory === undefined
        ? undefined
        : new SnapshotWriter(dataDirectory, snapshotIntervalMs, node, counters, logger);
  }

  get nodeId(): string {
    return this.#parts.node.nodeId;
  }

  get address(): string {
    return this.#parts.address;
  }

  get peerAddress(): string {
    return this.#parts.peerAddress;
  }

  get port(): RegistryPort {
    return this.#port;
  }

  /** Mounts the protocols, then serves the connections that wait. */
  async start(): Promise<void> {
    const { authenticator, http, mux, options } = this.#parts;
    await http.app.register(
      restFace({
        port: this.#port,
        authenticate: (headers) => authenticator.authenticate(bearerToken(headers)),
        ...(authenticator.asksForTokens ? {} : { hostRefusal: createHostRefusal(options.node) }),
        metricsText: () => this.metricsText(),
        isAlive: () => !this.#driver.isStopped,
        version: SERVER_VERSION,
        logger: options.logger,
        onRefused: (code) => this.#parts.counters.refuse("http", code),
      }),
    );
    await http.app.ready();
    this.#serveWebSockets();
    this.#driver.start(this.#performers(), () => this.#sessions.flush());
    mux.open();
    const { nodeId, address, peerAddress } = this;
    options.logger.info("server.started", {
      nodeId,
      address,
      peerAddress,
      region: options.node.region,
      zone: options.node.zone,
      generation: this.#parts.node.generation,
      asksForTokens: this.#parts.authenticator.asksForTokens,
    });
  }

  metricsText(): Promise<string> {
    return this.#metrics.text();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const { http, mux, peerServer, tlsServer, options } = this.#parts;
    await this.#leave();
    this.#sessions.closeAll();
    this.#peers.closeAll();
    this.#port.close();
    this.#driver.stop();
    peerServer?.close();
    // Fastify did not open the server, so it does not close it either.
    const closed = new Promise<void>((resolve) => http.server.close(() => resolve()));
    http.server.closeIdleConnections();
    const cut = setTimeout(() => mux.destroyAll(), CLOSE_GRACE_MS);
    await http.app.close();
    await closed;
    clearTimeout(cut);
    mux.destroyAll();
    await this.#snapshots?.close();
    tlsServer?.close();
    this.#metrics.close();
    options.logger.info("server.closed", { nodeId: this.nodeId });
  }

  /** After a broken invariant: nobody is served, and what is on disk stays as it is. */
  #abandon(): void {
    this.#snapshots?.abandon();
    this.#sessions.closeAll();
    this.#peers.closeAll();
    this.#port.close();
  }

  /** Lets core say goodbye, within bounds. */
  async #leave(): Promise<void> {
    if (this.#driver.isStopped) return;
    const left = new Promise<void>((resolve) => {
      this.#onLeft = resolve;
    });
    const timer = setTimeout(() => {
      this.#parts.options.logger.warn("server.leave-timeout", { timeoutMs: LEAVE_TIMEOUT_MS });
      this.#onLeft();
    }, LEAVE_TIMEOUT_MS);
    this.#driver.submit({ type: "shutdown" });
    await left;
    clearTimeout(timer);
    this.#sessions.flush();
  }

  #performers(): EffectPerformers {
    const { logger } = this.#parts.options;
    return {
      "send-sessions": ({ sessions, message }) => this.#sessions.send(sessions, message),
      "close-session": ({ session, code, message }) => this.#sessions.close(session, code, message),
      "send-links": ({ links, message }) => this.#peers.send(links, message),
      "close-link": ({ link, reason }) => this.#peers.close(link, reason),
      dial: ({ address, expectedNodeId }) => this.#peers.dial(address, expectedNodeId),
      "command-result": ({ commandId, result }) => this.#port.settle(commandId, result),
      note: ({ level, event, fields }) => logger[level](event, fields),
      propagation: ({ region, elapsedMs }) => this.#metrics.observePropagation(region, elapsedMs),
      left: () => this.#onLeft(),
    };
  }

  #serveWebSockets(): void {
    const { http, options } = this.#parts;
    const asksForCertificate = options.node.tls?.caFile !== undefined;
    serveUpgrades(
      http.server,
      [
        {
          path: SESSION_PATH,
          webSocketServer: createSessionWebSocketServer(),
          refuse: () => (this.#sessions.socketCount >= SESSION_COUNT_MAX ? 503 : undefined),
          accept: (ws, request, socket) =>
            this.#sessions.accept(ws, socket, request.socket.remoteAddress ?? ""),
        },
        {
          path: PEER_PATH,
          webSocketServer: createPeerWebSocketServer(),
          refuse: (request) => {
            if (asksForCertificate && (request.socket as TLSSocket).authorized !== true) {
              this.#parts.counters.refuse("link", ErrorCode.unauthenticated);
              return 403;
            }
            return this.#peers.isFull ? 503 : undefined;
          },
          accept: (ws) => this.#peers.accept(ws),
        },
      ],
      (status) => this.#parts.counters.refuse("port", UPGRADE_CODES[status] ?? ErrorCode.unknown),
    );
  }

  #createPeerHub(): PeerHub {
    const { counters, node, options, timings, tlsServer } = this.#parts;
    const { nodeId, region, zone } = node;
    return new PeerHub({
      ...timings,
      self: () => ({ nodeId, generation: node.generation, region, zone }),
      clusterName: options.cluster.name,
      fingerprint: fingerprintOf(options.cluster),
      clusterSecret: options.node.clusterSecret,
      tls: () => tlsServer?.material,
      dialVia: options.node.dialVia,
      knownGeneration: (id) => livingGeneration(node.members(), id),
      onLaterGeneration: (generation) =>
        options.logger.warn("node.generation-behind", { nodeId, generation }),
      submit: this.#driver.submit.bind(this.#driver),
      counters,
      logger: options.logger,
    });
  }

  #createMetrics(): ServerMetrics {
    const { counters, mux, node } = this.#parts;
    return new ServerMetrics(
      {
        counters,
        table: () => node.table,
        nodeCounters: () => node.counters,
        members: () => node.members(),
        quarantined: () => node.quarantined(),
        isReady: () => node.isReady,
        connectionCount: () => mux.connectionCount,
        sessionCount: () => this.#sessions.openCount,
        leaseCount: () => node.leaseCount,
        streamCount: () => this.#sessions.streamCount,
        linkCounts: () => this.#peers.counts(),
        eventCount: () => this.#driver.eventCount,
        turnCount: () => this.#driver.turnCount,
      },
      node.region,
    );
  }
}

/** Text that is equal exactly when two nodes have the same cluster options. */
export function fingerprintOf(cluster: ClusterOptions): string {
  const { name: _, ...rest } = cluster;
  return Object.entries(rest)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}

function throwUncaught(error: Error): void {
  setImmediate(() => {
    throw error;
  });
}
