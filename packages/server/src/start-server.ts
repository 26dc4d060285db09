/** Starts a node: checks, disk, ports, core, then a {@link NodeServer}. */
import { randomInt } from "node:crypto";
import {
  CONNECTION_COUNT_MAX,
  CONNECTION_PER_ADDRESS_COUNT_MAX,
  ErrorCode,
  SeededRandom,
  type WallTime,
} from "@fpzk/core";
import { createAuthenticator } from "./authenticator.js";
import { CLUSTER_SECRET_GOOD_BYTES, checkExposure, checkOptions } from "./check-options.js";
import { createCoreNode } from "./core-node.js";
import { openDataDirectory, type StoredState } from "./data-directory.js";
import { createHttpParts, type HttpParts } from "./http-server.js";
import { type BoundAddresses, bindPorts } from "./listeners.js";
import { type EdgeTimings, NodeServer, type RunningServer } from "./node-server.js";
import type { ServerOptions } from "./options.js";
import { type MuxRefusal, PortMux } from "./port-mux.js";
import type { CreateNode, ServedNode } from "./served-node.js";
import { ServerCounters } from "./server-counters.js";
import { TlsServer } from "./tls-server.js";

const RANDOM_SEED_MAX = 2 ** 32 - 1;

/** Runs one registry node until `close`. */
export function startServer(options: ServerOptions): Promise<RunningServer> {
  return startServerWith(options, createCoreNode);
}

/**
 * Runs a server with a given node; {@link startServer} gives core's.
 *
 * @internal Does not follow semantic versioning.
 */
export async function startServerWith(
  options: ServerOptions,
  createNode: CreateNode,
  timings: EdgeTimings = {},
): Promise<RunningServer> {
  checkOptions(options);
  checkExposure(options.node);
  warnOfShortSecret(options);
  const { logger, node: nodeOptions } = options;
  const authenticator = createAuthenticator(nodeOptions);
  const tlsServer = await openTls(options, timings);
  const stored = await openDataDirectory(nodeOptions.dataDirectory, Date.now(), logger);
  const counters = new ServerCounters();
  const http = createHttpParts(timings, (code) => counters.refuse("http", code));
  const mux = createMux({ http, tlsServer, counters, timings, options });
  let bound: BoundAddresses | undefined;
  try {
    bound = await bindPorts(http.server, nodeOptions);
    const { address, peerAddress, peerServer } = bound;
    if (peerServer !== undefined) mux.attach(peerServer);
    const node = buildNode(createNode, { options, stored, bound });
    const edge = { options, timings, authenticator, counters, http, mux, tlsServer };
    const server = new NodeServer({ ...edge, node, peerServer, address, peerAddress });
    await server.start();
    return server;
  } catch (error) {
    tlsServer?.close();
    bound?.peerServer?.close();
    http.server.close();
    mux.destroyAll();
    throw error;
  }
}

function warnOfShortSecret({ logger, node }: ServerOptions): void {
  const secretBytes = Buffer.byteLength(node.clusterSecret ?? "");
  if (secretBytes === 0 || secretBytes >= CLUSTER_SECRET_GOOD_BYTES) return;
  logger.warn("security.short-secret", { secretBytes, goodBytes: CLUSTER_SECRET_GOOD_BYTES });
}

async function openTls(
  { logger, node }: ServerOptions,
  { tlsPollIntervalMs }: EdgeTimings,
): Promise<TlsServer | undefined> {
  return node.tls === undefined ? undefined : TlsServer.open(node.tls, logger, tlsPollIntervalMs);
}

const MUX_REFUSAL_CODES: Readonly<Record<MuxRefusal, ErrorCode>> = {
  "first-byte-timeout": ErrorCode.deadlineExceeded,
  connections: ErrorCode.resourceExhausted,
  "connections-per-address": ErrorCode.resourceExhausted,
  tls: ErrorCode.invalidArgument,
  "plain-text": ErrorCode.failedPrecondition,
};

function createMux(parts: {
  readonly http: HttpParts;
  readonly tlsServer: TlsServer | undefined;
  readonly counters: ServerCounters;
  readonly timings: EdgeTimings;
  readonly options: ServerOptions;
}): PortMux {
  const { counters, http, options, timings, tlsServer } = parts;
  return new PortMux({
    ...timings,
    httpServer: http.server,
    tlsServer,
    connectionCountMax: CONNECTION_COUNT_MAX,
    connectionCountMaxPerAddress: CONNECTION_PER_ADDRESS_COUNT_MAX,
    onRefused: (reason, address) => {
      counters.refuse("port", MUX_REFUSAL_CODES[reason]);
      options.logger.debug("port.refused", { reason, address });
    },
  });
}

/** Core's node, with what its last life left on disk. */
function buildNode(
  createNode: CreateNode,
  parts: {
    readonly options: ServerOptions;
    readonly stored: StoredState;
    readonly bound: BoundAddresses;
  },
): ServedNode {
  const { bound, options, stored } = parts;
  const { nodeId, region, seeds, tls, zone } = options.node;
  const { address, peerAddress } = bound;
  const node = createNode({
    nodeId: nodeId ?? peerAddress,
    generation: stored.generation,
    region,
    zone,
    description: {
      ...{ region, zone, address, peerAddress },
      tls: tls !== undefined,
      knowsAccusations: true,
    },
    seeds,
    cluster: options.cluster,
    random: new SeededRandom(randomInt(RANDOM_SEED_MAX)),
    wallNow: () => Date.now() as WallTime,
  });
  if (stored.snapshot !== undefined) {
    const { records, entries, recordCount } = stored.snapshot;
    node.restore(records, entries);
    options.logger.info("snapshot.restored", { recordCount });
  }
  return node;
}
