/**
 * The options of a lone node on loopback, as `fpzk server` has them without settings, at a free
 * port: what a program that embeds a node, or a test of one, changes a few members of.
 */
import { NODE_CONFIG_DEFAULT } from "@fpzk/core";
import type { ClusterOptions, NodeServerOptions } from "./options.js";

/** @param change - What is not as documented; the name is `fpzk` unless it is given. */
export function localClusterOptions(change: Partial<ClusterOptions> = {}): ClusterOptions {
  return { name: "fpzk", ...NODE_CONFIG_DEFAULT, ...change };
}

/** Without tokens, TLS, peers and data directory, unless `change` gives them. */
export function localNodeOptions(change: Partial<NodeServerOptions> = {}): NodeServerOptions {
  return {
    nodeId: undefined,
    region: "default",
    zone: "",
    host: "127.0.0.1",
    port: 0,
    advertise: undefined,
    hostNames: [],
    peerPort: undefined,
    seeds: [],
    dialVia: {},
    clusterSecret: undefined,
    staticTokens: [],
    tokenKey: undefined,
    tls: undefined,
    isInsecure: false,
    dataDirectory: undefined,
    snapshotIntervalMs: 60_000,
    ...change,
  };
}
