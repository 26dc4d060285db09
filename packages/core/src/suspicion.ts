/** Why an instance is suspect, as the one node knows it that made it so. Never replicated. */
export const SuspicionReason = {
  /** Not heard for its ttl. */
  silent: "silent",
  /** Its connection closed without goodbye. */
  connectionClosed: "connection-closed",
  /** Its owner is gone, and it came back nowhere. */
  orphaned: "orphaned",
  /** Callers cannot connect to it; see `node/accusation-desk.ts`. */
  accused: "accused",
} as const;
export type SuspicionReason = (typeof SuspicionReason)[keyof typeof SuspicionReason];

export interface Suspicion {
  readonly reason: SuspicionReason;
  /** Of `accused`: how many callers were last counted, from 2 to `ACCUSER_COUNT_MAX`. */
  readonly accuserCount?: number;
}
