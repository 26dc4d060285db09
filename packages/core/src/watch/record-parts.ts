/** Records cut to messages of bounded size. */
import { DELTA_MAX_BYTES } from "../limits.js";
import type { RecordGroup } from "../messages.js";
import { originText, type RegistryRecord } from "../record.js";

/** Bytes that a record costs on the wire beside its id and body; an estimate for cutting parts. */
const RECORD_OVERHEAD_BYTES = 48;

/** An estimate of what a record costs on the wire. */
export function sizeOf(record: RegistryRecord): number {
  return record.body.length + record.id.length + RECORD_OVERHEAD_BYTES;
}

/** Cuts records into parts within the byte budget of one message; at least one part. */
export function cutToBytes(records: readonly RegistryRecord[]): RegistryRecord[][] {
  const parts: RegistryRecord[][] = [[]];
  let bytes = 0;
  for (const record of records) {
    const size = sizeOf(record);
    if (bytes > 0 && bytes + size > DELTA_MAX_BYTES) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(record);
    bytes += size;
  }
  return parts;
}

/** Records as groups by origin, each in version order. */
export function groupByOrigin(records: readonly RegistryRecord[]): RecordGroup[] {
  const groups = new Map<string, RegistryRecord[]>();
  for (const record of records) {
    const name = originText(record.origin);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [record]);
    else group.push(record);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    return [{ origin: first.origin, records: group.sort((a, b) => a.version - b.version) }];
  });
}
