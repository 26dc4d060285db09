/** All that a copy has of one origin above a version, as news for those who hold up to there. */
import type { DeltaGroup } from "../messages.js";
import type { RegistryRecord } from "../record.js";
import type { OriginIndex } from "../table/record-table.js";
import { RECORD_OVERHEAD_BYTES, sizeOf } from "./peer-link.js";
import type { Replica } from "./replica.js";

export interface WholeGroup {
  readonly group: DeltaGroup;
  readonly index: OriginIndex;
  /** Bytes, in estimate. */
  readonly size: number;
}

export function wholeGroup(replica: Replica, index: OriginIndex, from: number): WholeGroup {
  const records: RegistryRecord[] = [];
  let size = RECORD_OVERHEAD_BYTES;
  const origin = replica.table.origin(index);
  const to = replica.seenVersion(index);
  for (const slot of replica.table.slotsAfter(index, from)) {
    const record = replica.table.read(slot);
    // A reset that is still coming in has brought it; what lies between may be missing.
    if (record.version > to) break;
    records.push(record);
    size += sizeOf(record);
  }
  const group = { origin, from, to, records, ...replica.holesIn(index, from, to) };
  return { group, index, size };
}
