/** The records that a view holds of one id, and what is shown of them. */
import type { ContentDigest } from "../hash.js";
import type { InstanceDescription, OverrideDescription } from "../instance.js";
import type { ViewInstance } from "../pick/picker.js";
import {
  compareRecords,
  InstanceState,
  RecordKind,
  type RegistryRecord,
  RemovalReason,
  recordDigest,
} from "../record.js";
import { GLOBAL_PLACE } from "./region-places.js";
import type { BodyDecoder } from "./view-update.js";

/** One record, and what its body says. */
export interface Entry {
  readonly record: RegistryRecord;
  /** Of a live record; undefined in a tombstone. */
  readonly digest: ContentDigest | undefined;
  readonly description: InstanceDescription | undefined;
  readonly override: OverrideDescription | undefined;
}

/** All records of one id: an instance and an override in each place, see `region-places.ts`. */
export interface ViewSlot {
  readonly entries: (Entry | undefined)[];
  shown: ViewInstance | undefined;
}

/** The body of a tombstone. */
export const NO_BYTES = new Uint8Array(0);

/** Index of a kind and place among the entries of a slot. */
export function entryIndex(kind: RecordKind, place: number): number {
  return 2 * place + (kind === RecordKind.override ? 1 : 0);
}

/** The place of an entry's index. */
export function placeOf(index: number): number {
  return Math.floor(index / 2);
}

/** Entry index and id in one text. */
export function entryKey(index: number, id: string): string {
  return `${index} ${id}`;
}

/** What {@link entryKey} was made of. */
export function readEntryKey(key: string): { index: number; id: string } {
  const end = key.indexOf(" ");
  return { index: Number(key.slice(0, end)), id: key.slice(end + 1) };
}

/** What a slot holds for everyone, and of one region's own. */
export function entriesIn(
  { entries }: ViewSlot,
  region: number,
): { readonly entry: Entry; readonly index: number }[] {
  const found: { entry: Entry; index: number }[] = [];
  for (const place of [GLOBAL_PLACE, region]) {
    for (const kind of [RecordKind.instance, RecordKind.override]) {
      const index = entryIndex(kind, place);
      const entry = entries[index];
      if (entry !== undefined) found.push({ entry, index });
    }
  }
  return found;
}

/** A record and what its body says; `held` is what it replaces. */
export function entryOf(
  record: RegistryRecord,
  held: Entry | undefined,
  decoder: BodyDecoder,
): Entry {
  if (record.state === InstanceState.removed) {
    return { record, digest: undefined, description: undefined, override: undefined };
  }
  const digest = recordDigest(record);
  if (record.kind === RecordKind.override) {
    const override = decoder.override(record.body);
    return { record, digest, description: undefined, override };
  }
  // What routes say is read by who follows them.
  if (record.kind === RecordKind.routeSet) {
    return { record, digest, description: undefined, override: undefined };
  }
  const isSameBody = held?.description !== undefined && isSameBytes(held.record.body, record.body);
  const description = isSameBody ? held?.description : decoder.instance(record.body);
  return { record, digest, description, override: undefined };
}

/** What is kept of a record that is known to be gone: nothing of equal stamp may return. */
export function tombstoneOf(record: RegistryRecord, reason: RemovalReason): RegistryRecord {
  return { ...record, state: InstanceState.removed, isSuspect: false, reason, body: NO_BYTES };
}

/** The live record of a kind that speaks for the id: everyone's or the region's, the newer. */
export function winnerOf(slot: ViewSlot, kind: RecordKind, region: number): Entry | undefined {
  const a = slot.entries[entryIndex(kind, GLOBAL_PLACE)];
  const b = slot.entries[entryIndex(kind, region)];
  const isLiveA = a?.digest !== undefined;
  const isLiveB = b?.digest !== undefined;
  if (isLiveA && isLiveB) return compareRecords(a.record, b.record) > 0 ? a : b;
  return isLiveA ? a : isLiveB ? b : undefined;
}

/** Why the id is shown no more; no reason while a record of it lives that cannot be read. */
export function removalReasonOf(slot: ViewSlot, region: number): RemovalReason {
  const a = slot.entries[entryIndex(RecordKind.instance, GLOBAL_PLACE)];
  const b = slot.entries[entryIndex(RecordKind.instance, region)];
  const isFirst = b === undefined || (a !== undefined && compareRecords(a.record, b.record) > 0);
  const record = (isFirst ? a : b)?.record;
  return record?.state === InstanceState.removed ? record.reason : RemovalReason.none;
}

/** True when a caller sees no difference. */
export function isSameShown(a: ViewInstance, b: ViewInstance): boolean {
  return (
    a.description === b.description &&
    a.state === b.state &&
    a.liveness === b.liveness &&
    a.weight === b.weight &&
    a.since === b.since &&
    a.ownerNodeId === b.ownerNodeId &&
    a.stamp.incarnation === b.stamp.incarnation &&
    a.stamp.session === b.stamp.session &&
    a.stamp.claim === b.stamp.claim
  );
}

/** Byte by byte. */
export function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
