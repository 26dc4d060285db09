/** What must hold of and between options before a server may listen. */
import { BlockList, isIP } from "node:net";
import { checkOwnNames, ErrorCode, RegistryError } from "@fpzk/core";
import { checkName, type NameKind } from "@fpzk/protocol";
import { parseHostPort } from "./host-port.js";
import type { ClusterOptions, NodeServerOptions, ServerOptions } from "./options.js";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** True when only this machine can connect to a listener bound there. */
export function isLoopbackHost(host: string): boolean {
  if (host === "localhost") return true;
  const family = isIP(host);
  if (family === 0) return false;
  return loopback.check(host, family === 6 ? "ipv6" : "ipv4");
}

/** Longest duration that a timer takes (2^31 - 1 ms). */
const DURATION_MAX_MS = 2_147_483_647;
/** A shorter secret can be guessed from one recorded handshake. */
export const CLUSTER_SECRET_GOOD_BYTES = 16;

/**
 * Checks everything at once.
 *
 * @throws RegistryError `invalid_argument` with all problems, each with its value and bound.
 */
export function checkOptions({ cluster, node }: ServerOptions): void {
  const problems = [...clusterProblems(cluster), ...nodeProblems(node)];
  if (problems.length === 0) return;
  const text = `the server cannot start with these options: ${problems.join("; ")}`;
  throw new RegistryError(ErrorCode.invalidArgument, text);
}

function* clusterProblems(cluster: ClusterOptions): Iterable<string> {
  const { name, ...durations } = cluster;
  yield* nameProblem("clusterName", name);
  for (const [field, value] of Object.entries(durations)) {
    if (!(value >= 1 && value <= DURATION_MAX_MS)) {
      yield `${field} ${value} must be >= 1 and <= ${DURATION_MAX_MS}`;
    }
  }
  const { heartbeatIntervalMs, sessionTtlMs } = cluster;
  if (heartbeatIntervalMs >= sessionTtlMs / 2) {
    yield `heartbeatIntervalMs ${heartbeatIntervalMs} must be < ${sessionTtlMs / 2}, ` +
      "a half of sessionTtlMs, so that one lost heartbeat harms nobody";
  }
}

function* nodeProblems(node: NodeServerOptions): Iterable<string> {
  if (node.nodeId !== undefined) yield* nameProblem("nodeId", node.nodeId);
  yield* nameProblem("region", node.region);
  yield* nameProblem("zone", node.zone);
  for (const [field, port] of Object.entries({ port: node.port, peerPort: node.peerPort ?? 0 })) {
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      yield `${field} ${port} must be >= 0 and <= 65535`;
    }
  }
  const addresses = [
    ...(node.advertise === undefined ? [] : [node.advertise]),
    ...node.seeds,
    ...Object.values(node.dialVia),
  ];
  for (const address of addresses) yield* addressProblem(address);
  yield* checkOwnNames(node.hostNames, "hostNames");
  if (node.clusterSecret === "") yield "clusterSecret must not be empty: leave it out for none";
  if (!(node.snapshotIntervalMs >= 1 && node.snapshotIntervalMs <= DURATION_MAX_MS)) {
    yield `snapshotIntervalMs ${node.snapshotIntervalMs} must be >= 1 and <= ${DURATION_MAX_MS}`;
  }
}

function* nameProblem(kind: NameKind, value: string): Iterable<string> {
  const refusal = checkName(kind, value);
  if (refusal !== undefined) yield refusal.message;
}

function* addressProblem(address: string): Iterable<string> {
  try {
    parseHostPort(address);
  } catch (error) {
    yield error instanceof Error ? error.message : String(error);
  }
}

/** Refuses to bind beyond loopback while anybody could register or join as a peer. */
export function checkExposure(options: NodeServerOptions): void {
  if (options.isInsecure || isLoopbackHost(options.host)) return;
  const missing: string[] = [];
  if (options.staticTokens.length === 0 && options.tokenKey === undefined) {
    missing.push("no tokens (set tokens or a token key, so that clients prove themselves)");
  }
  if (options.clusterSecret === undefined && options.tls?.caFile === undefined) {
    missing.push(
      "no peer proof (set a cluster secret, or TLS with a CA file, so that peers prove themselves)",
    );
  }
  if (missing.length === 0) return;
  throw new RegistryError(
    ErrorCode.failedPrecondition,
    `refusing to listen on ${options.host}, which is beyond loopback: ${missing.join("; ")}; ` +
      "or bind to 127.0.0.1, or allow it with --insecure",
  );
}
