/** What a node says of itself in a round of digests, and how it takes what others say. */
import type { DigestEntry, DigestMessage, RepairRequest } from "../messages.js";
import { type Origin, Scope } from "../record.js";
import type { OriginIndex } from "../table/record-table.js";
import type { PeerLink } from "./peer-link.js";
import type { Replica } from "./replica.js";

export interface DigestOptions {
  readonly hears: readonly string[];
  readonly isReady: boolean;
  readonly repair: RepairRequest;
  readonly ended?: DigestMessage["ended"];
}

export function digestOf(
  { floors }: Replica,
  entries: readonly DigestEntry[],
  { hears, isReady, repair, ended = [] }: DigestOptions,
): DigestMessage {
  return { type: "digest", entries, floors, hears, isReady, repair, ended };
}

type DigestOfPeer = Pick<PeerLink, "entries" | "entryIndexes" | "isSameRegion">;

/**
 * The index of each entry's origin; -1 for those of which nothing was seen here. Digests of one
 * peer mostly name what its last one named, in the same places: then nothing is looked up.
 */
export function indexesOf(
  replica: Replica,
  last: DigestOfPeer,
  entries: readonly DigestEntry[],
): OriginIndex[] {
  return entries.map(({ origin }, place) => {
    const before = last.entries[place];
    const index = last.entryIndexes[place] ?? -1;
    const isSame = before !== undefined && index >= 0 && isSameOrigin(before.origin, origin);
    return isSame ? index : replica.indexOf(origin);
  });
}

/** By origin index, what a peer's last digest says of it. */
export function heldByPeer(
  { originCount }: Replica,
  { entries, entryIndexes }: DigestOfPeer,
): (DigestEntry | undefined)[] {
  const held = new Array<DigestEntry | undefined>(originCount).fill(undefined);
  for (let place = 0; place < entries.length; place += 1) {
    const index = entryIndexes[place] ?? -1;
    if (index >= 0) held[index] = entries[place];
  }
  return held;
}

/** Whether this copy has seen all that the peer's last digest names. */
export function hasSeenAll(replica: Replica, link: DigestOfPeer): boolean {
  const { entries, entryIndexes } = link;
  for (let place = 0; place < entries.length; place += 1) {
    const { origin, version } = entries[place] as DigestEntry;
    const index = entryIndexes[place] ?? -1;
    // Nearly always; all below is for what is not.
    if (index >= 0 && version <= replica.seenVersion(index)) continue;
    if (!link.isSameRegion && origin.scope === Scope.region) continue;
    if (replica.isOwn(origin) || replica.isCollected(origin)) continue;
    const known = replica.indexOf(origin);
    if (version > (known < 0 ? 0 : replica.seenVersion(known))) return false;
  }
  return true;
}

/** Takes over whom a peer hears; false when it is whom it heard before. */
export function hear(link: Pick<PeerLink, "hears">, { hears }: DigestMessage): boolean {
  const heard = new Set(hears);
  if (heard.size === link.hears.size && hears.every((id) => link.hears.has(id))) return false;
  link.hears = heard;
  return true;
}

const NO_FLOORS: ReadonlyMap<string, number> = new Map();

/** Node id → highest generation that a peer has collected. */
export function floorsOf({ floors }: DigestMessage): ReadonlyMap<string, number> {
  if (floors.length === 0) return NO_FLOORS;
  return new Map(floors.map((floor) => [floor.nodeId, floor.generation]));
}

function isSameOrigin(a: Origin, b: Origin): boolean {
  return a.nodeId === b.nodeId && a.generation === b.generation && a.scope === b.scope;
}
