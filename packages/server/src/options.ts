/** What `startServer` takes: complete and checked values; only the CLI reads files and environment. */
import type { NodeConfig } from "@fpzk/core";
import type { Logger } from "./logger.js";

export type RoleName = "read" | "register" | "operate";

/** A token that is compared as it stands. */
export interface StaticToken {
  readonly token: string;
  /** For logs and audit. */
  readonly name: string;
  /** A namespace, or `*`. */
  readonly namespace: string;
  readonly roles: readonly RoleName[];
}

export interface TlsFiles {
  /** PEM file paths; re-read when they change. */
  readonly certFile: string;
  readonly keyFile: string;
  /** CA that peers' (and, if given, clients') certificates must chain to: mutual TLS for peers. */
  readonly caFile: string | undefined;
}

/** Must be equal on all servers of a cluster: its fingerprint is compared in the peer handshake. */
export interface ClusterOptions extends NodeConfig {
  readonly name: string;
}

/** May differ between nodes and change between restarts. */
export interface NodeServerOptions {
  /** Default: the advertised peer address. */
  readonly nodeId: string | undefined;
  readonly region: string;
  readonly zone: string;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** `host:port` that clients and peers use; default host:port as bound. */
  readonly advertise: string | undefined;
  /**
   * Further names by which callers on this machine ask without TLS, where no token is asked for;
   * others are refused, so that a web page cannot get at the registry through a visitor's browser
   * (DNS rebinding). IP addresses, localhost and the names in `host`, `advertise` and `seeds` need
   * not be listed. At most 64.
   */
  readonly hostNames: readonly string[];
  /** A second listener of this process alone, for peers behind a shared port; undefined for none. */
  readonly peerPort: number | undefined;
  /** `host:port` or DNS names (each may resolve to several addresses). */
  readonly seeds: readonly string[];
  /** Addresses to dial instead of the advertised ones, for a wire between nodes (tests, demo). */
  readonly dialVia: Readonly<Record<string, string>>;
  readonly clusterSecret: string | undefined;
  readonly staticTokens: readonly StaticToken[];
  /** Shared key (HS256) that signed tokens are checked with; undefined accepts none. */
  readonly tokenKey: string | undefined;
  readonly tls: TlsFiles | undefined;
  /** Allows binding beyond loopback without tokens and peer proof. */
  readonly isInsecure: boolean;
  /** Where the snapshot and the generation are kept; undefined keeps nothing. */
  readonly dataDirectory: string | undefined;
  /** Default 60000. */
  readonly snapshotIntervalMs: number;
}

export interface ServerOptions {
  readonly cluster: ClusterOptions;
  readonly node: NodeServerOptions;
  readonly logger: Logger;
  /**
   * An invariant of FPZK itself broke and the node has stopped: end the process.
   *
   * Default: thrown as an uncaught exception.
   */
  readonly onFatal?: (error: Error) => void;
}
