/** What the state of the nodes says about the instances that they own: judged, never replicated. */
import { assertNever } from "../assert.js";
import { Liveness } from "../instance.js";
import type { MemberView } from "../messages.js";
import type { RegistryRecord } from "../record.js";

/** Nodes by id; undefined where nothing has been heard of nodes yet. */
export type MemberTable = ReadonlyMap<string, MemberView>;

/**
 * The liveness of an instance record.
 *
 * The owner's word first (`suspect`). Then the owner: gone, restarted since, or never heard of
 * means `orphaned`; a region that nobody hears means `unreachable`. Before any `members` message
 * nothing is held against the owner.
 */
export function livenessOf(
  record: Pick<RegistryRecord, "isSuspect" | "origin">,
  members: MemberTable | undefined,
): Liveness {
  if (record.isSuspect) return Liveness.suspect;
  if (members === undefined) return Liveness.alive;
  const owner = members.get(record.origin.nodeId);
  if (owner === undefined || owner.generation > record.origin.generation) return Liveness.orphaned;
  switch (owner.status) {
    case "alive":
    case "suspect":
      return Liveness.alive;
    case "dead":
    case "left":
      return Liveness.orphaned;
    case "unreachable":
      return Liveness.unreachable;
    default:
      return assertNever(owner.status, "node status");
  }
}
