/** A view as it is kept while its process does not run. */
import type { RecordGroup, SnapshotMessage } from "../messages.js";
import { type Origin, originText, type RegistryRecord } from "../record.js";

/** All that a view shows, as one full answer, and the region whose own records are in it. */
export interface SavedView extends SnapshotMessage {
  /** Empty when it is not known: no region had answered, or the view was saved without a name. */
  readonly region: string;
}

/** Records by their origin, in the order in which they were written. */
export function groupsOf(records: Iterable<RegistryRecord>): RecordGroup[] {
  const groups = new Map<string, { origin: Origin; records: RegistryRecord[] }>();
  for (const record of records) {
    const key = originText(record.origin);
    const group = groups.get(key) ?? { origin: record.origin, records: [] };
    group.records.push(record);
    groups.set(key, group);
  }
  for (const group of groups.values()) group.records.sort((a, b) => a.version - b.version);
  return [...groups.values()];
}
