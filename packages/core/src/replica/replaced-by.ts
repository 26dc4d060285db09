/** What is said over a link of records that may have replaced others': see closed-position.ts. */
import type { DigestEntry, OriginVersion } from "../messages.js";
import { compareOrigins, Scope } from "../record.js";
import type { OriginIndex } from "../table/record-table.js";
import type { Instant } from "../time.js";
import { heldByPeer } from "./digest-round.js";
import type { PeerLink } from "./peer-link.js";
import type { Replica } from "./replica.js";

/** By origin index, what a peer's last digest says of it. */
type Held = readonly (DigestEntry | undefined)[];

/** Notes whether a peer has said to hold all that may have replaced something here. */
export function acknowledge({ closed }: Replica, link: PeerLink, held: Held): void {
  if (link.replacedByRevision === closed.revision) return;
  for (const _ of closed.lackedBy((index) => held[index]?.version ?? 0)) return;
  link.replacedByRevision = closed.revision;
}

/**
 * The field of a message to these links: what may stand for what it lacks, but for what all of
 * them have said to hold. Absent when there is nothing to say.
 *
 * @param ahead - Of origins that the message cuts within their versions, what is still to come.
 */
export function replacedByFor(
  replica: Replica,
  links: readonly PeerLink[],
  ahead: readonly OriginVersion[] = [],
): { replacedBy?: readonly OriginVersion[] } {
  const { closed, table } = replica;
  const named = new Map<OriginIndex, number>();
  for (const link of links) {
    if (link.replacedByRevision === closed.revision) continue;
    const held = heldByPeer(replica, link);
    for (const [index, version] of closed.lackedBy((each) => held[each]?.version ?? 0)) {
      if (link.isSameRegion || table.origin(index).scope === Scope.global)
        named.set(index, version);
    }
  }
  for (const { origin, version } of ahead) {
    const index = table.originIndex(origin);
    named.set(index, Math.max(named.get(index) ?? 0, version));
  }
  if (named.size === 0) return {};
  const replacedBy = [...named].map(([index, version]) => ({
    origin: table.origin(index),
    version,
  }));
  return { replacedBy: replacedBy.sort((a, b) => compareOrigins(a.origin, b.origin)) };
}

/** Gives up waiting for what nobody near has. */
export function waiveReplacing(replica: Replica, now: Instant, isCaughtUp: () => boolean): void {
  const { closed } = replica;
  if (closed.isClosed) return;
  closed.settle((index) => replica.readVersion(index));
  if (closed.hasOverdue(now) && isCaughtUp()) closed.waiveOverdue(now);
}
