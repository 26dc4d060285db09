/** What one of several servers of a process runs with: the same settings, a place of its own. */
import { join } from "node:path";
import type { NodeServerOptions } from "@fpzk/server";
import { formatHostPort, isWildcardHost, parseHostPort } from "../config/address.js";

/** Said by the primary to a worker, in {@link WORKER_ENVIRONMENT_NAME}. */
export interface WorkerPlace {
  /** From 1. */
  readonly number: number;
  /** Of all workers, in order. */
  readonly peerPorts: readonly number[];
}

/** Variable through which a worker learns its place. */
export const WORKER_ENVIRONMENT_NAME = "FPZK_WORKER_PLACE";

/** The node's options in its place: own name, own peer port, own folder, siblings as seeds. */
export function toWorkerOptions(node: NodeServerOptions, place: WorkerPlace): NodeServerOptions {
  const suffix = `w${place.number}`;
  const shared = formatHostPort({ host: node.host, port: node.port });
  const siblingHost = siblingDialHost(node);
  const siblings = place.peerPorts
    .filter((_, index) => index !== place.number - 1)
    .map((port) => formatHostPort({ host: siblingHost, port }));
  return {
    ...node,
    nodeId: `${node.nodeId ?? node.advertise ?? shared}-${suffix}`,
    peerPort: place.peerPorts[place.number - 1],
    seeds: [...new Set([...siblings, ...node.seeds])],
    dataDirectory: node.dataDirectory === undefined ? undefined : join(node.dataDirectory, suffix),
  };
}

export function parseWorkerPlace(text: string): WorkerPlace {
  return JSON.parse(text) as WorkerPlace;
}

/** Where siblings listen; by the advertised name under TLS, for that is what certificates hold. */
function siblingDialHost(node: NodeServerOptions): string {
  const advertised = node.advertise === undefined ? undefined : parseHostPort(node.advertise);
  if (node.tls !== undefined && advertised !== undefined) return advertised.host;
  if (!isWildcardHost(node.host)) return node.host;
  return node.host === "::" ? "::1" : "127.0.0.1";
}
