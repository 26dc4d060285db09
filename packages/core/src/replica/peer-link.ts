/** The state of one link between peers; see peer-links.ts for what is done with it. */
import type { PhiAccrualDetector } from "../membership/phi-accrual.js";
import type { DigestEntry, RecordGroup } from "../messages.js";
import type { LinkKey, PeerIdentity } from "../node/events.js";
import type { Origin, RegistryRecord } from "../record.js";
import { NO_SLOT, type OriginIndex, type RecordTable, type Slot } from "../table/record-table.js";
import type { SlotSet } from "./slot-set.js";

/** One open link and what is known of the peer's copy. */
export interface PeerLink {
  readonly key: LinkKey;
  readonly peer: PeerIdentity;
  readonly isOutbound: boolean;
  readonly isSameRegion: boolean;
  readonly detector: PhiAccrualDetector;
  /** By origin index: the highest version sent, or said to be held, over this link. */
  readonly sent: number[];
  /** By origin index: what this node had seen when the previous digest of the peer came. */
  readonly seenAtDigest: number[];
  isCongested: boolean;
  isPeerReady: boolean;
  hasDigest: boolean;
  /** The peer's last digest. */
  entries: readonly DigestEntry[];
  /** The indexes of its origins; -1 for those of which nothing had been seen here. */
  entryIndexes: readonly OriginIndex[];
  /** Of what may have replaced something here, the peer has said to hold all up to this revision. */
  replacedByRevision: number;
  /** Nothing was heard for so long that the link counts as lost. */
  isSilent: boolean;
  /** Parts of its messages that were left out. */
  refusedPartCount: number;
  hears: ReadonlySet<string>;
  /** Rounds in a row in which equal versions had unequal content. */
  divergenceCount: number;
  transfer: Transfer | undefined;
  incoming: IncomingReset | undefined;
}

/** Much to send, part by part: what a peer lacks, or everything. */
export interface Transfer {
  readonly kind: "delta" | "reset";
  /** For a reset: only these origins, or all when empty. */
  readonly origins: readonly Origin[];
  /** `from` moves up with what was sent of the first one. */
  readonly pending: { readonly index: OriginIndex; from: number }[];
  /** Last slot sent of the first pending origin. */
  lastSlot: Slot;
  /** For a reset: what its content stands for, as of its start. */
  readonly entries: readonly DigestEntry[];
}

/** A reset on its way in. */
export interface IncomingReset {
  /** Slots that the giver holds too. */
  readonly confirmed: SlotSet;
  /** Groups with something that could not be read. */
  readonly torn: RecordGroup[];
  /** A group was left out: what came is not everything. */
  hasRefused: boolean;
}

/** Bytes that a record costs on the wire beside its id and body; an estimate for cutting parts. */
export const RECORD_OVERHEAD_BYTES = 64;

/** Whether the peer itself writes the origin now: nobody can tell it anything about it. */
export function isOwnOf(peer: PeerIdentity, origin: Origin): boolean {
  return origin.nodeId === peer.nodeId && origin.generation === peer.generation;
}

/** What a record takes of a message, in estimate. */
export function sizeOf(record: RegistryRecord): number {
  return record.body.length + record.id.length + RECORD_OVERHEAD_BYTES;
}

/** The first origin of a transfer is done with. */
export function nextCursor(transfer: Transfer): void {
  transfer.pending.shift();
  transfer.lastSlot = NO_SLOT;
}

/** Where a transfer goes on: after the last slot sent, or found again when that one moved. */
export function resumeSlot(table: RecordTable, { pending, lastSlot }: Transfer): Slot {
  const cursor = pending[0];
  if (cursor === undefined) return NO_SLOT;
  if (
    lastSlot !== NO_SLOT &&
    table.isUsed(lastSlot) &&
    table.originOf(lastSlot) === cursor.index &&
    table.version(lastSlot) === cursor.from
  ) {
    return table.nextOf(lastSlot);
  }
  if (cursor.from === 0) return table.firstOf(cursor.index);
  for (const slot of table.slotsAfter(cursor.index, cursor.from)) return slot;
  return NO_SLOT;
}
