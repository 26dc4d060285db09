import { CLIENT_MUTANTS } from "./client-mutants.js";
import { LEASE_MUTANTS } from "./lease-mutants.js";
import { MEMBERSHIP_MUTANTS } from "./membership-mutants.js";
import type { Mutant } from "./mutant.js";
import { REPLICA_MUTANTS } from "./replica-mutants.js";
import { VIEW_MUTANTS } from "./view-mutants.js";

/**
 * All deliberate defects.
 *
 * The C++ original's linear scan for expired entries is not among them: it is slow, not wrong, and
 * what it costs is measured by the benchmarks. Its missing resource bounds are in the list where a
 * bound changes what is seen.
 */
export const MUTANTS: readonly Mutant[] = [
  ...REPLICA_MUTANTS,
  ...LEASE_MUTANTS,
  ...MEMBERSHIP_MUTANTS,
  ...VIEW_MUTANTS,
  ...CLIENT_MUTANTS,
];
