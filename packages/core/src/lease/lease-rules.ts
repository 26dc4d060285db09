/**
 * From a heartbeat to an eviction: the one place that says what becomes of an instance when its
 * connection or its owner fails.
 *
 * | event | what everyone sees |
 * |---|---|
 * | `deregister`, drain done, `goodbye` | tombstone at once |
 * | connection closed without goodbye (process killed) | `suspect` at once; tombstone after the reconnect grace |
 * | silence (host lost, cable cut, process stopped) | `suspect` at the ttl; tombstone after the confirmation period |
 * | owner node gone | nothing: observers show `orphaned`. After the orphan time another node adopts what did not come back: `suspect`; tombstone after the long ttl |
 * | many at once on one node, or the node itself stalled | see self-doubt.ts: expiry pauses and resumes by itself |
 * | region unreachable | nothing: observers show `unreachable` |
 *
 * A lease is what lapses: one per session (all its instances), one per REST registration. Time
 * counts from receipt, on the local monotonic clock (Gray & Cheriton, "Leases", 1989).
 *
 * The table is total: a forgotten cell does not compile.
 */
import { RemovalReason } from "../record.js";

export const LeasePhase = {
  /** Heard within its ttl. */
  active: "active",
  /** Not heard for its ttl. Its instances are suspect. */
  silent: "silent",
  /** Its connection closed without goodbye. Its instances are suspect. */
  closed: "closed",
  /** Taken over from an owner that is gone. Its instances are suspect. */
  adopted: "adopted",
} as const;
export type LeasePhase = (typeof LeasePhase)[keyof typeof LeasePhase];

/** `heard`: a heartbeat, renewal or any message. `closed`: the connection ended. `deadline`: the phase's time is up. */
export type LeaseEvent = "heard" | "closed" | "deadline";

/** How long the new phase lasts, by the name of its setting. */
export type LeaseDuration = "ttlMs" | "reconnectGraceMs" | "confirmationMs" | "orphanTtlMs";

export interface LeaseStep {
  /** The phase after the event, or `ended`. */
  readonly phase: LeasePhase | "ended";
  /** What is written on the lease's instances. */
  readonly write: "nothing" | "suspect" | "alive" | "tombstone";
  /** The new deadline counts from now; `keep` leaves the present one. */
  readonly deadline: LeaseDuration | "keep";
  readonly reason: RemovalReason;
}

const NO_REASON = RemovalReason.none;

/** What each event does in each phase. */
export const LEASE_RULES: Readonly<Record<LeasePhase, Readonly<Record<LeaseEvent, LeaseStep>>>> = {
  active: {
    heard: { phase: "active", write: "nothing", deadline: "ttlMs", reason: NO_REASON },
    closed: { phase: "closed", write: "suspect", deadline: "reconnectGraceMs", reason: NO_REASON },
    deadline: { phase: "silent", write: "suspect", deadline: "confirmationMs", reason: NO_REASON },
  },
  silent: {
    heard: { phase: "active", write: "alive", deadline: "ttlMs", reason: NO_REASON },
    closed: { phase: "closed", write: "nothing", deadline: "reconnectGraceMs", reason: NO_REASON },
    deadline: {
      phase: "ended",
      write: "tombstone",
      deadline: "keep",
      reason: RemovalReason.silent,
    },
  },
  closed: {
    heard: { phase: "closed", write: "nothing", deadline: "keep", reason: NO_REASON },
    closed: { phase: "closed", write: "nothing", deadline: "keep", reason: NO_REASON },
    deadline: {
      phase: "ended",
      write: "tombstone",
      deadline: "keep",
      reason: RemovalReason.connectionLost,
    },
  },
  adopted: {
    heard: { phase: "adopted", write: "nothing", deadline: "keep", reason: NO_REASON },
    closed: { phase: "adopted", write: "nothing", deadline: "keep", reason: NO_REASON },
    deadline: {
      phase: "ended",
      write: "tombstone",
      deadline: "keep",
      reason: RemovalReason.orphaned,
    },
  },
};
