/**
 * An origin's records in version order: a doubly linked list through the rows.
 *
 * A write is its origin's newest, so it goes to the tail; only what repairs a gap goes elsewhere.
 */

import type { OriginEntry } from "./name-table.js";
import { NIL, ORIGIN_NEXT, ORIGIN_PREVIOUS, type RecordRows } from "./record-rows.js";
import type { Slot } from "./record-table.js";

/** Adds a slot, whose version is written, in its place: found from the newest end. */
export function insertVersion(rows: RecordRows, origin: OriginEntry, slot: Slot): void {
  const version = rows.version(slot);
  let previous = origin.tail;
  while (previous !== NIL && rows.version(previous) > version) {
    previous = rows.link(previous, ORIGIN_PREVIOUS);
  }
  const next = previous === NIL ? origin.head : rows.link(previous, ORIGIN_NEXT);
  rows.setLink(slot, ORIGIN_PREVIOUS, previous);
  rows.setLink(slot, ORIGIN_NEXT, next);
  if (previous === NIL) origin.head = slot;
  else rows.setLink(previous, ORIGIN_NEXT, slot);
  if (next === NIL) origin.tail = slot;
  else rows.setLink(next, ORIGIN_PREVIOUS, slot);
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
  origin.recordCount -= 1;
}

/** The slots with versions above `version`, ascending: found from the newest end, O(answer). */
export function* versionsAfter(
  rows: RecordRows,
  origin: OriginEntry,
  version: number,
): Generator<Slot, void, undefined> {
  let slot = origin.tail;
  if (slot === NIL || rows.version(slot) <= version) return;
  for (;;) {
    const previous = rows.link(slot, ORIGIN_PREVIOUS);
    if (previous === NIL || rows.version(previous) <= version) break;
    slot = previous;
  }
  while (slot !== NIL) {
    const next = rows.link(slot, ORIGIN_NEXT);
    yield slot;
    slot = next;
  }
}
