/** Whom to ask for what could not be read: the origin's own node, then others, the giver last. */
import type { LinkKey } from "../node/events.js";
import { compareOrigins } from "../record.js";
import type { OriginIndex } from "../table/record-table.js";
import type { Instant } from "../time.js";
import type { PeerLink } from "./peer-link.js";
import type { Replica } from "./replica.js";

/** For each link, the origins whose holes it is to be asked for in its next digest. */
export type Probes = ReadonlyMap<LinkKey, ReadonlySet<OriginIndex>>;

export const NO_PROBES: Probes = new Map();

/** Chooses one link for each origin that is due; one that nobody can give stays due. */
export function planProbes(replica: Replica, links: Iterable<PeerLink>, now: Instant): Probes {
  const { quarantine } = replica;
  if (quarantine.count === 0) return NO_PROBES;
  const all = [...links].sort((a, b) => (a.peer.nodeId < b.peer.nodeId ? -1 : 1));
  const probes = new Map<LinkKey, Set<OriginIndex>>();
  for (const { index, giver, probeCount } of [...quarantine.dueProbes(now)]) {
    const candidates = candidatesFor(replica, index, giver, all);
    const link = candidates[probeCount % Math.max(1, candidates.length)];
    if (link === undefined) continue;
    quarantine.probed(index, now);
    const asked = probes.get(link.key);
    if (asked === undefined) probes.set(link.key, new Set([index]));
    else asked.add(index);
  }
  return probes;
}

/**
 * A node that is in a later life says how far its earlier one wrote: what was said to lie beyond,
 * and could not be read, was never written.
 */
export function closeEndedLives({ quarantine, table }: Replica, { peer, entries }: PeerLink): void {
  if (quarantine.count === 0) return;
  const own = entries.filter(({ origin }) => origin.nodeId === peer.nodeId);
  const generation = Math.max(...own.map(({ origin }) => origin.generation));
  for (const { origin, version } of own) {
    if (origin.generation === generation) continue;
    const whole = { from: version, to: Number.MAX_SAFE_INTEGER };
    quarantine.close(table.findOrigin(origin), whole, peer.nodeId);
  }
}

function candidatesFor(
  replica: Replica,
  index: OriginIndex,
  giver: string,
  links: readonly PeerLink[],
): PeerLink[] {
  const origin = replica.table.origin(index);
  const proven = replica.readVersion(index);
  const rank = (link: PeerLink) => {
    if (link.peer.nodeId === origin.nodeId && link.peer.generation === origin.generation) return 0;
    return link.peer.nodeId === giver ? 2 : 1;
  };
  return links
    .filter((link) => {
      if (!link.hasDigest || link.isCongested) return false;
      const entry = link.entries.find((each) => compareOrigins(each.origin, origin) === 0);
      return entry !== undefined && entry.version > proven && entry.isPartial !== true;
    })
    .sort((a, b) => rank(a) - rank(b));
}
