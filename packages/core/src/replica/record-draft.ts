/** A record as its writer gives it, and what is made of it. */
import type { Origin, RecordKey, RegistryRecord, Stamp } from "../record.js";

/** A record as its writer gives it; the replica adds origin and version. */
export type RecordDraft = Omit<RegistryRecord, "origin" | "version">;

/** Field by field: fields added to a spread object cost a microsecond each, and this is hot. */
export function recordOf(draft: RecordDraft, origin: Origin, version: number): RegistryRecord {
  return {
    kind: draft.kind,
    scope: draft.scope,
    namespace: draft.namespace,
    service: draft.service,
    id: draft.id,
    origin,
    version,
    stamp: draft.stamp,
    state: draft.state,
    isSuspect: draft.isSuspect,
    reason: draft.reason,
    since: draft.since,
    body: draft.body,
  };
}

export function keyOf(record: RecordKey): RecordKey {
  return {
    kind: record.kind,
    scope: record.scope,
    namespace: record.namespace,
    service: record.service,
    id: record.id,
  };
}

export function describeStamp(stamp: Stamp): string {
  return `(${stamp.incarnation}, ${stamp.session}, ${stamp.claim})`;
}
