/** The HTTP side of the port: every timeout and limit written out, REST on Fastify, upgrades. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { ErrorCode, PEER_FRAME_MAX_BYTES, SESSION_FRAME_MAX_BYTES } from "@fpzk/core";
import fastify, { type FastifyInstance } from "fastify";
import { type PerMessageDeflateOptions, type WebSocket, WebSocketServer } from "ws";

import { REST_BODY_MAX_BYTES, restServerOptions } from "./rest/rest-face.js";

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_TIMEOUT_MS = 72_000;
const CONNECTIONS_CHECK_INTERVAL_MS = 1_000;
const HEADER_MAX_BYTES = 16 * 1024;
const HEADER_COUNT_MAX = 100;
/** Peer messages from here on are worth compressing between regions. */
export const DEFLATE_THRESHOLD_BYTES = 1_024;

/** Fragments of one message: nobody here sends any, and each of one byte would cost a hundred. */
const FRAGMENT_COUNT_MAX = 128;
/** Reads that one frame may come in: of the largest, 256 bytes each. */
const CHUNK_COUNT_MAX = 16 * 1024;

export const SESSION_PATH = "/v1/session";
export const PEER_PATH = "/v1/peer";

/** Negotiated on peer links; used only for messages that leave the region. */
export const PEER_DEFLATE: PerMessageDeflateOptions = {
  threshold: DEFLATE_THRESHOLD_BYTES,
  zlibDeflateOptions: { level: 3, memLevel: 7 },
  concurrencyLimit: 4,
};

/**
 * A peer's messages come one in each turn of the event loop: one read may bring many deltas of
 * thousands of records, and sessions would wait for all of them.
 */
export const PEER_SYNCHRONOUS_EVENTS = false;

/** What the HTTP server itself refuses, beside malformed requests. */
const CLIENT_ERROR_CODES: Readonly<Record<string, ErrorCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ErrorCode.deadlineExceeded,
  HPE_HEADER_OVERFLOW: ErrorCode.resourceExhausted,
};

export interface UpgradeTarget {
  readonly path: string;
  readonly webSocketServer: WebSocketServer;
  /** Why not, as an HTTP status; undefined to go on. */
  refuse(request: IncomingMessage): number | undefined;
  accept(ws: WebSocket, request: IncomingMessage, socket: Duplex): void;
}

export interface HttpParts {
  readonly server: Server;
  readonly app: FastifyInstance;
}

/** An HTTP server that does not listen yet, with a Fastify application mounted on it. */
export function createHttpParts(
  timings: { headersTimeoutMs?: number } = {},
  onRefused: (code: ErrorCode) => void = () => {},
): HttpParts {
  const headersTimeoutMs = timings.headersTimeoutMs ?? HEADERS_TIMEOUT_MS;
  const server = createServer({
    headersTimeout: headersTimeoutMs,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: Math.min(CONNECTIONS_CHECK_INTERVAL_MS, headersTimeoutMs),
    maxHeaderSize: HEADER_MAX_BYTES,
    insecureHTTPParser: false,
    noDelay: true,
    keepAlive: true,
  });
  server.maxHeadersCount = HEADER_COUNT_MAX;
  // Streams (NDJSON, SSE) may be silent for long; a dead reader is found by TCP keep-alive.
  server.timeout = 0;
  // Malformed, oversized or slow heads and bodies: Fastify answers them.
  server.on("clientError", (error: NodeJS.ErrnoException) => {
    const code = CLIENT_ERROR_CODES[error.code ?? ""];
    if (code !== undefined || error.code?.startsWith("HPE_")) {
      onRefused(code ?? ErrorCode.invalidArgument);
    }
  });
  const app = fastify({
    logger: false,
    ...restServerOptions(onRefused),
    bodyLimit: REST_BODY_MAX_BYTES,
    trustProxy: false,
    forceCloseConnections: true,
    serverFactory: (handler) => {
      server.on("request", handler);
      return server;
    },
  });
  return { server, app };
}

/** The WebSocket side of sessions: no compression, so that one frame serves all receivers. */
export function createSessionWebSocketServer(): WebSocketServer {
  return new WebSocketServer({
    noServer: true,
    maxPayload: SESSION_FRAME_MAX_BYTES,
    maxFragments: FRAGMENT_COUNT_MAX,
    maxBufferedChunks: CHUNK_COUNT_MAX,
    perMessageDeflate: false,
    skipUTF8Validation: true,
    clientTracking: false,
  });
}

export function createPeerWebSocketServer(): WebSocketServer {
  return new WebSocketServer({
    noServer: true,
    maxPayload: PEER_FRAME_MAX_BYTES,
    maxFragments: FRAGMENT_COUNT_MAX,
    maxBufferedChunks: CHUNK_COUNT_MAX,
    perMessageDeflate: PEER_DEFLATE,
    allowSynchronousEvents: PEER_SYNCHRONOUS_EVENTS,
    skipUTF8Validation: true,
    clientTracking: false,
  });
}

/** Routes upgrade requests of one server to their targets; everything else is refused. */
export function serveUpgrades(
  server: Server,
  targets: readonly UpgradeTarget[],
  onRefused: (status: number) => void = () => {},
): void {
  for (const { webSocketServer } of targets) {
    // What `ws` itself finds wrong with an upgrade: no key, another version, another method.
    webSocketServer.on("wsClientError", (_error, socket) => {
      onRefused(400);
      refuseUpgrade(socket, 400);
    });
  }
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => {});
    const path = (request.url ?? "").split("?", 1)[0];
    const target = targets.find((entry) => entry.path === path);
    const status = target === undefined ? 404 : refusalOf(target, request);
    if (target === undefined || status !== undefined) {
      onRefused(status ?? 404);
      refuseUpgrade(socket, status ?? 404);
      return;
    }
    target.webSocketServer.handleUpgrade(request, socket, head, (ws) =>
      target.accept(ws, request, socket),
    );
  });
}

function refusalOf(target: UpgradeTarget, request: IncomingMessage): number | undefined {
  // A browser says where its page came from. No page has business here, and one from elsewhere
  // must not reach a registry on its visitor's loopback (cross-site WebSocket hijacking).
  if (request.headers.origin !== undefined) return 403;
  return target.refuse(request);
}

function refuseUpgrade(socket: Duplex, status: number): void {
  socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () =>
    socket.destroy(),
  );
}
