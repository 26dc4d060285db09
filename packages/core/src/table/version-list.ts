/**
 * An origin's records in version order: a doubly linked list through the rows.
 *
 * A write is its origin's newest, so it goes to the tail; only what repairs a gap goes elsewhere,
 * and comes in runs, as readers in parts do. So the place of the last step is remembered, and every
 * search goes from there and from the tail at once.
 */
import type { OriginEntry } from "./name-table.js";
import { NIL, ORIGIN_NEXT, ORIGIN_PREVIOUS, type RecordRows } from "./record-rows.js";
import type { Slot } from "./record-table.js";

/** Adds a slot, whose version is written, in its place; after those of an equal version. */
export function insertVersion(rows: RecordRows, origin: OriginEntry, slot: Slot): void {
  const previous = lastUpTo(rows, origin, rows.version(slot));
  const next = previous === NIL ? origin.head : rows.link(previous, ORIGIN_NEXT);
  rows.setLink(slot, ORIGIN_PREVIOUS, previous);
  rows.setLink(slot, ORIGIN_NEXT, next);
  if (previous === NIL) origin.head = slot;
  else rows.setLink(previous, ORIGIN_NEXT, slot);
  if (next === NIL) {
    origin.tail = slot;
  } else {
    rows.setLink(next, ORIGIN_PREVIOUS, slot);
    origin.near = slot;
  }
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
  if (origin.near === slot) origin.near = previous === NIL ? next : previous;
  origin.recordCount -= 1;
}

/**
 * The slots with versions above `version` and up to the last there is at the start, ascending.
 *
 * Finding the first costs at most twice the smaller of: the length of the whole answer, and the
 * distance to where the last reader of this origin came.
 */
export function* versionsAfter(
  rows: RecordRows,
  origin: OriginEntry,
  version: number,
): Generator<Slot, void, undefined> {
  if (origin.tail === NIL) return;
  const endVersion = rows.version(origin.tail);
  const previous = lastUpTo(rows, origin, version);
  let slot = previous === NIL ? origin.head : rows.link(previous, ORIGIN_NEXT);
  while (slot !== NIL && rows.version(slot) <= endVersion) {
    const next = rows.link(slot, ORIGIN_NEXT);
    origin.near = slot;
    yield slot;
    slot = next;
  }
}

/** The newest slot with a version up to `version`, or NIL. */
function lastUpTo(rows: RecordRows, origin: OriginEntry, version: number): Slot {
  const { head, tail } = origin;
  if (tail === NIL || rows.version(tail) <= version) return tail;
  if (rows.version(head) > version) return NIL;
  // From here on the head is not above the version and the tail is: no walk leaves the list.
  let fromTail = tail;
  let near = origin.near === NIL ? head : origin.near;
  const isNearAbove = rows.version(near) > version;
  for (;;) {
    fromTail = rows.link(fromTail, ORIGIN_PREVIOUS);
    if (rows.version(fromTail) <= version) return fromTail;
    const step = rows.link(near, isNearAbove ? ORIGIN_PREVIOUS : ORIGIN_NEXT);
    if (isNearAbove) {
      if (rows.version(step) <= version) return step;
    } else if (rows.version(step) > version) {
      return near;
    }
    near = step;
  }
}
