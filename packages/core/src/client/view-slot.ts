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
} from "../record.js";

/** One record, and what its body says. */
export interface Entry {
  readonly record: RegistryRecord;
  /** Of a live record; undefined in a tombstone. */
  readonly digest: ContentDigest | undefined;
  readonly description: InstanceDescription | undefined;
  readonly override: OverrideDescription | undefined;
}

/** All records of one id: an instance and an override, each in either scope. */
export interface ViewSlot {
  readonly entries: (Entry | undefined)[];
  shown: ViewInstance | undefined;
}

/** The body of a tombstone. */
export const NO_BYTES = new Uint8Array(0);

/** Place of a record among the entries of its slot. */
export function entryIndex(record: Pick<RegistryRecord, "kind" | "scope">): number {
  return (record.kind === RecordKind.override ? 2 : 0) + record.scope;
}

/** Entry index and id in one text. */
export function entryKey(record: RegistryRecord): string {
  return `${entryIndex(record)}${record.id}`;
}

/** What is kept of a record that is known to be gone: nothing of equal stamp may return. */
export function tombstoneOf(record: RegistryRecord, reason: RemovalReason): RegistryRecord {
  return { ...record, state: InstanceState.removed, isSuspect: false, reason, body: NO_BYTES };
}

/** The live record of a kind that speaks for the id: the newest of the two scopes. */
export function winnerOf(slot: ViewSlot, kind: RecordKind): Entry | undefined {
  const base = kind === RecordKind.override ? 2 : 0;
  const [a, b] = [slot.entries[base], slot.entries[base + 1]];
  const isLiveA = a?.digest !== undefined;
  const isLiveB = b?.digest !== undefined;
  if (isLiveA && isLiveB) return compareRecords(a.record, b.record) > 0 ? a : b;
  return isLiveA ? a : isLiveB ? b : undefined;
}

/** Why the id is shown no more. */
export function removalReasonOf(slot: ViewSlot): RemovalReason {
  const [a, b] = slot.entries;
  if (a === undefined || b === undefined) return (a ?? b)?.record.reason ?? RemovalReason.none;
  return (compareRecords(a.record, b.record) > 0 ? a : b).record.reason;
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
