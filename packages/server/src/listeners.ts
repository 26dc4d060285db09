/** Binding ports, and what others should call them. */
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { formatHostPort, parseHostPort } from "./host-port.js";
import type { NodeServerOptions } from "./options.js";

const BACKLOG_COUNT = 4_096;

export interface BoundAddresses {
  /** `host:port` that clients and peers use. */
  readonly address: string;
  /** `host:port` of exactly this node. */
  readonly peerAddress: string;
  readonly peerServer: Server | undefined;
}

/** Binds the shared port and, when asked for, this node's own; port 0 takes a free one. */
export async function bindPorts(
  server: Server,
  options: NodeServerOptions,
): Promise<BoundAddresses> {
  const { host, peerPort } = options;
  const port = await listen(server, host, options.port);
  const address = options.advertise ?? formatHostPort({ host: reachableHost(host), port });
  if (peerPort === undefined) return { address, peerAddress: address, peerServer: undefined };
  // `exclusive`: under node:cluster this port must not be shared with other workers.
  const peerServer = createServer({ noDelay: true });
  const boundPeerPort = await listen(peerServer, host, peerPort, true);
  const peerAddress = formatHostPort({ host: parseHostPort(address).host, port: boundPeerPort });
  return { address, peerAddress, peerServer };
}

async function listen(
  server: Server,
  host: string,
  port: number,
  exclusive = false,
): Promise<number> {
  server.listen({ host, port, backlog: BACKLOG_COUNT, exclusive });
  await once(server, "listening");
  const bound = server.address();
  return typeof bound === "object" && bound !== null ? bound.port : port;
}

/** A host that others can connect to when the given one stands for all interfaces. */
function reachableHost(host: string): string {
  if (host !== "0.0.0.0" && host !== "::") return host;
  const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  const outside = addresses.filter((entry) => !entry.internal);
  const found = outside.find((entry) => entry.family === "IPv4") ?? outside[0];
  return found?.address ?? "127.0.0.1";
}
