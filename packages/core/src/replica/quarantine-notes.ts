/** What people are told of what could not be read: once for each origin, however often it comes. */
import type { RefusedPart } from "../messages.js";
import { type Origin, originText } from "../record.js";
import type { PeerLink } from "./peer-link.js";
import type { PeerLinksCounters, PeerLinksOptions } from "./peer-links-options.js";
import type { Quarantine } from "./quarantine.js";

type Note = PeerLinksOptions["note"];

/** Tells which origins came into quarantine and which left it. */
export function noteQuarantine(
  quarantine: Quarantine,
  counters: PeerLinksCounters,
  note: Note,
): void {
  counters.poisonedRecords = quarantine.poisonTotal;
  for (const { type, entry, cause, by } of quarantine.takeEvents()) {
    const origin = nameOf(entry.origin);
    if (type === "started") {
      note("warn", "origin.quarantined", { origin, giver: entry.giver, reason: entry.reason });
    } else {
      note("info", "origin.released", { origin, cause, by, poisonCount: entry.poisonCount });
    }
  }
}

/** Tells what was left out of a message: the first time on a link, then ever more seldom. */
export function noteRefusedParts(
  link: PeerLink,
  refused: readonly RefusedPart[] | undefined,
  counters: PeerLinksCounters,
  note: Note,
): void {
  for (const { origin, reason } of refused ?? []) {
    counters.refusedParts += 1;
    link.refusedPartCount += 1;
    if (!isPowerOfTwo(link.refusedPartCount)) continue;
    const named = origin === undefined ? "" : nameOf(origin);
    const fields = { peer: link.peer.nodeId, origin: named, count: link.refusedPartCount };
    note("warn", "link.part-refused", { ...fields, reason });
  }
}

function nameOf(origin: Origin): string {
  return originText(origin).replaceAll("\u0001", "/");
}

function isPowerOfTwo(count: number): boolean {
  return Number.isInteger(Math.log2(count));
}
