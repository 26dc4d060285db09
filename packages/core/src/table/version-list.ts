/**
 * An origin's records in version order: a doubly linked list through the rows.
 *
 * A write is always its origin's newest, so it goes to the tail. Readers come in parts (a delta is
 * a prefix cut to a byte budget), from positions anywhere in the list: bookmarks where they stopped
 * make the next part cheap.
 */

import type { OriginEntry } from "./name-table.js";
import { assertNewest } from "./record-checks.js";
import { NIL, ORIGIN_NEXT, ORIGIN_PREVIOUS, type RecordRows } from "./record-rows.js";
import type { Slot } from "./record-table.js";

/** Highest version of an origin in the table; 0 for none. */
export function lastVersion(rows: RecordRows, origin: OriginEntry): number {
  return origin.tail === NIL ? 0 : rows.version(origin.tail);
}

/** Adds a slot, whose version is written, as the newest. */
export function appendVersion(rows: RecordRows, origin: OriginEntry, slot: Slot): void {
  assertNewest(rows.version(slot), lastVersion(rows, origin));
  rows.setLink(slot, ORIGIN_PREVIOUS, origin.tail);
  rows.setLink(slot, ORIGIN_NEXT, NIL);
  if (origin.tail === NIL) origin.head = slot;
  else rows.setLink(origin.tail, ORIGIN_NEXT, slot);
  origin.tail = slot;
  origin.recordCount += 1;
}

/** Takes a slot out. */
export function unlinkVersion(rows: RecordRows, origin: OriginEntry, slot: Slot): void {
  const previous = rows.link(slot, ORIGIN_PREVIOUS);
  const next = rows.link(slot, ORIGIN_NEXT);
  if (previous === NIL) origin.head = next;
  else rows.setLink(previous, ORIGIN_NEXT, next);
  if (next === NIL) origin.tail = previous;
  else rows.setLink(next, ORIGIN_PREVIOUS, previous);
  if (origin.bookmarks.length > 0) {
    origin.moveBookmark(slot, previous === NIL ? next : previous);
  }
  origin.recordCount -= 1;
}

/**
 * The slots with versions above `version` and up to the last there now, ascending.
 *
 * Finding the first costs at most twice the smaller of: the length of the whole answer, and the
 * distance to where a reader stopped before.
 */
export function* versionsAfter(
  rows: RecordRows,
  origin: OriginEntry,
  version: number,
): Generator<Slot, void, undefined> {
  const endVersion = lastVersion(rows, origin);
  let slot = firstAfter(rows, origin, version);
  let given = NIL;
  let givenVersion = -1;
  try {
    while (slot !== NIL && rows.version(slot) <= endVersion) {
      const next = rows.link(slot, ORIGIN_NEXT);
      given = slot;
      givenVersion = rows.version(slot);
      yield slot;
      slot = next;
    }
    given = NIL;
  } finally {
    // Only a reader that stopped early comes back for the rest.
    if (given !== NIL && rows.isUsed(given) && rows.version(given) === givenVersion) {
      origin.addBookmark(given);
    }
  }
}

/** The slot with the lowest version above `version`, or NIL. */
function firstAfter(rows: RecordRows, origin: OriginEntry, version: number): Slot {
  if (lastVersion(rows, origin) <= version) return NIL;
  let fromTail = origin.tail;
  let near = nearest(rows, origin, version);
  const isNearAfter = rows.version(near) > version;
  for (;;) {
    const previous = rows.link(fromTail, ORIGIN_PREVIOUS);
    if (previous === NIL || rows.version(previous) <= version) return fromTail;
    fromTail = previous;
    if (isNearAfter) {
      const before = rows.link(near, ORIGIN_PREVIOUS);
      if (before === NIL || rows.version(before) <= version) return near;
      near = before;
    } else {
      near = rows.link(near, ORIGIN_NEXT);
      if (rows.version(near) > version) return near;
    }
  }
}

/** The head or the bookmark whose version is nearest. */
function nearest(rows: RecordRows, origin: OriginEntry, version: number): Slot {
  let best = origin.head;
  let bestDistance = Math.abs(rows.version(best) - version);
  for (const bookmark of origin.bookmarks) {
    const distance = Math.abs(rows.version(bookmark) - version);
    if (distance < bestDistance) {
      best = bookmark;
      bestDistance = distance;
    }
  }
  return best;
}
