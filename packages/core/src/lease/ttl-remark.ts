/**
 * The ttl of a lease without a session, as its record carries it to other nodes.
 *
 * When an owner is gone, whoever takes a record over must know how soon it lapses: too short a
 * guess evicts the living, too long a one shows the dead. A live record has no reason for its
 * removal; in the same four bits it carries which of a few ttls its lease has, rounded up. Nodes of
 * earlier versions do not look there, and 0 means what it always did: no ttl of its own.
 */
import { assert } from "../assert.js";
import { LEASE_TTL_MAX_MS } from "../limits.js";
import { RemovalReason } from "../record.js";

/** As many as reasons that earlier versions can read. */
const TTLS_MS = [
  2_000, 5_000, 10_000, 30_000, 60_000, 180_000, 600_000, 1_800_000, 3_600_000,
] as const;

assert(TTLS_MS.length === RemovalReason.collected, "a ttl must fit where reasons are read");
assert(TTLS_MS[8] >= LEASE_TTL_MAX_MS, "the longest ttl must have a remark");

/** What a live record carries for a lease of this ttl. */
export function remarkOfTtl(ttlMs: number): RemovalReason {
  const index = TTLS_MS.findIndex((each) => each >= ttlMs);
  assert(index >= 0, `lease ttl ${ttlMs} must be <= ${LEASE_TTL_MAX_MS}`);
  return (index + 1) as RemovalReason;
}

/** The ttl that a live record carries, never below that of its lease; undefined for none. */
export function ttlOfRemark(remark: RemovalReason): number | undefined {
  return remark === RemovalReason.none ? undefined : TTLS_MS[remark - 1];
}
