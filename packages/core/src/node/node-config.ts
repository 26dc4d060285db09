/** The timings of a cluster; equal on all of its nodes. */
export interface NodeConfig {
  /** Silence after which an instance of a session is suspect. Default 3000. */
  readonly sessionTtlMs: number;
  /** Default 1000; must be below a half of the ttl. */
  readonly heartbeatIntervalMs: number;
  /** After a connection closed without goodbye, until removal. Default 2000. */
  readonly reconnectGraceMs: number;
  /** After the ttl, until removal. Default 5000. */
  readonly confirmationMs: number;
  /** After an owner node is gone, until its instances become suspect. Default 30000. */
  readonly orphanSuspectMs: number;
  /** After that, until they are removed. Default 900000. */
  readonly orphanTtlMs: number;
  /** How long tombstones are kept. Default 3600000. */
  readonly tombstoneTtlMs: number;
}

export const NODE_CONFIG_DEFAULT: NodeConfig = {
  sessionTtlMs: 3_000,
  heartbeatIntervalMs: 1_000,
  reconnectGraceMs: 2_000,
  confirmationMs: 5_000,
  orphanSuspectMs: 30_000,
  orphanTtlMs: 900_000,
  tombstoneTtlMs: 3_600_000,
};
