/**
 * A table as chunks of a file and back: the same messages that bring a peer up to date.
 *
 * Taken while the node runs. Positions are noted first and records read later, so the snapshot
 * holds at least what its positions claim; what it holds beyond them a peer sends again, which
 * changes nothing.
 */
import type {
  DigestEntry,
  Origin,
  RecordGroup,
  RecordTable,
  RegistryRecord,
  ResetMessage,
} from "@fpzk/core";
import { decodePeerMessage, encodePeerMessage } from "./peer-message.js";

export interface SnapshotSource {
  readonly table: RecordTable;
  /** What is held of every origin, regional ones included. */
  digest(): readonly DigestEntry[];
}

export interface TableSnapshot {
  readonly recordCount: number;
  readonly records: Iterable<RegistryRecord>;
  readonly entries: readonly DigestEntry[];
}

/** Bounds of one chunk: about a millisecond of encoding. */
const CHUNK_BODY_BYTES = 32 * 1024;
const CHUNK_RECORD_COUNT = 100;

/** The chunks of a snapshot; the table may change between two of them. */
export function* snapshotChunks(source: SnapshotSource): Generator<Uint8Array> {
  const entries = source.digest();
  for (const { origin } of entries) {
    for (let version = 0; ; ) {
      const records = takeRecords(source.table, origin, version);
      const last = records.at(-1);
      if (last === undefined) break;
      yield encodeChunk({ groups: [{ origin, records }], isFinal: false, entries: [] });
      version = last.version;
    }
  }
  yield encodeChunk({ groups: [], isFinal: true, entries });
}

/** What a file's chunks hold; undefined with the reason when they are no snapshot of this form. */
export function parseSnapshot(chunks: readonly Uint8Array[]): TableSnapshot | string {
  const groups: RecordGroup[] = [];
  let entries: readonly DigestEntry[] | undefined;
  let recordCount = 0;
  for (const [index, chunk] of chunks.entries()) {
    const decoded = decodePeerMessage(chunk);
    if (!decoded.ok) return `chunk ${index}: ${decoded.refusal.message}`;
    if (decoded.message.type !== "reset") return `chunk ${index} is a ${decoded.message.type}`;
    const [refused] = decoded.message.refused ?? [];
    if (refused !== undefined) return `chunk ${index}: ${refused.reason}`;
    for (const group of decoded.message.groups) {
      const [hole] = group.holes ?? [];
      if (hole !== undefined) return `chunk ${index}: ${hole.reason}`;
      recordCount += group.records.length;
      groups.push(group);
    }
    if (decoded.message.isFinal) entries = decoded.message.entries;
  }
  if (entries === undefined) return "the final chunk is missing";
  return { recordCount, entries, records: recordsOf(groups) };
}

function* recordsOf(groups: readonly RecordGroup[]): Generator<RegistryRecord> {
  for (const group of groups) yield* group.records;
}

/** The next records of an origin; bodies are views, so encode them before the table changes. */
function takeRecords(table: RecordTable, origin: Origin, version: number): RegistryRecord[] {
  const index = table.findOrigin(origin);
  if (index < 0) return [];
  const records: RegistryRecord[] = [];
  let bodyBytes = 0;
  for (const slot of table.slotsAfter(index, version)) {
    const record = table.read(slot);
    records.push(record);
    bodyBytes += record.body.length;
    if (records.length >= CHUNK_RECORD_COUNT || bodyBytes >= CHUNK_BODY_BYTES) break;
  }
  return records;
}

function encodeChunk(part: Pick<ResetMessage, "groups" | "isFinal" | "entries">): Uint8Array {
  return encodePeerMessage({ type: "reset", origins: [], floors: [], ...part });
}
