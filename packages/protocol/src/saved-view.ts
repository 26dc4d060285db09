/**
 * A client's view as the bytes of a file.
 *
 * A magic line, the checksum of the rest, and snapshot parts as frames of the session protocol,
 * each behind its length (u32, big endian); behind the last part, likewise, a frame with the name of
 * the region. Earlier versions wrote no region, and stop reading at the last part.
 */
import {
  DELTA_MAX_BYTES,
  NAME_MAX_BYTES,
  type RecordGroup,
  type SavedView,
  type SnapshotMessage,
} from "@fpzk/core";
import { CHECKSUM_BYTES, type ChecksumOf } from "./chunk-file.js";
import { readName } from "./fields.js";
import { packFrame, unpackFrame } from "./frame.js";
import { decodeSessionMessage, encodeSessionMessage } from "./session-message.js";
import { toRefusal } from "./wire-fault.js";

const MAGIC = Uint8Array.from("FPZK view 1\n", (letter) => letter.charCodeAt(0));
const LENGTH_BYTES = 4;
const REGION_FRAME = { maxBytes: 2 * NAME_MAX_BYTES, valueCountMax: 2, isWanted: true };
const FILE_MAX_BYTES = 1024 * 1024 * 1024;
/** Bytes of a record beside its body, about. */
const RECORD_OVERHEAD_BYTES = 100;

/** The bytes of a file. */
export function encodeSavedView(view: SavedView, checksumOf: ChecksumOf): Uint8Array {
  const { region, ...snapshot } = view;
  const frames = splitParts(snapshot).map((part) => encodeSessionMessage(part));
  frames.push(packFrame([region]));
  const headBytes = MAGIC.length + CHECKSUM_BYTES;
  const byteCount = frames.reduce((sum, frame) => sum + LENGTH_BYTES + frame.length, headBytes);
  const bytes = new Uint8Array(byteCount);
  const lengths = new DataView(bytes.buffer);
  let at = headBytes;
  for (const frame of frames) {
    lengths.setUint32(at, frame.length);
    bytes.set(frame, at + LENGTH_BYTES);
    at += LENGTH_BYTES + frame.length;
  }
  bytes.set(MAGIC);
  bytes.set(checksumOf(bytes.subarray(headBytes)), MAGIC.length);
  return bytes;
}

/** The view in a file. Throws for anything that {@link encodeSavedView} did not make. */
export function decodeSavedView(bytes: Uint8Array, checksumOf: ChecksumOf): SavedView {
  const headBytes = MAGIC.length + CHECKSUM_BYTES;
  if (bytes.length > FILE_MAX_BYTES) throw new Error(`more than ${FILE_MAX_BYTES} bytes`);
  if (bytes.length < headBytes || !isEqual(bytes.subarray(0, MAGIC.length), MAGIC)) {
    throw new Error("not a saved view of this version");
  }
  const payload = bytes.subarray(headBytes);
  if (!isEqual(checksumOf(payload), bytes.subarray(MAGIC.length, headBytes))) {
    throw new Error("checksum differs");
  }
  const lengths = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const groups: RecordGroup[] = [];
  let at = 0;
  while (at < payload.length) {
    const length = lengths.getUint32(at);
    const decoded = decodeSessionMessage(payload.subarray(at + LENGTH_BYTES).subarray(0, length));
    at += LENGTH_BYTES + length;
    if (!decoded.ok) throw new Error(decoded.refusal.message);
    const { message } = decoded;
    if (message.type !== "snapshot") throw new Error(`holds a message of type ${message.type}`);
    groups.push(...message.groups);
    if (message.isFinal) return { ...message, groups, region: readRegion(payload.subarray(at)) };
  }
  throw new Error("ends without its final part");
}

/** The region behind the last part; empty where an earlier version wrote none. */
function readRegion(rest: Uint8Array): string {
  if (rest.length === 0) return "";
  const length = new DataView(rest.buffer, rest.byteOffset, rest.byteLength).getUint32(0);
  const frame = rest.subarray(LENGTH_BYTES);
  if (frame.length !== length) {
    throw new Error(`region of ${length} bytes must end the file, and ${frame.length} are left`);
  }
  try {
    return readName(unpackFrame(frame, REGION_FRAME)[0], "region");
  } catch (fault) {
    throw new Error(toRefusal(fault, "saved view").message);
  }
}

/** Parts that each fit a frame; the last one is final. */
function splitParts(view: SnapshotMessage): SnapshotMessage[] {
  const parts: SnapshotMessage[] = [];
  let groups: RecordGroup[] = [];
  let byteCount = 0;
  for (const { origin, records } of view.groups) {
    let from = 0;
    records.forEach((record, index) => {
      byteCount += record.body.length + record.id.length + RECORD_OVERHEAD_BYTES;
      if (byteCount < DELTA_MAX_BYTES) return;
      groups.push({ origin, records: records.slice(from, index + 1) });
      parts.push({ ...view, isFinal: false, groups, position: [] });
      from = index + 1;
      groups = [];
      byteCount = 0;
    });
    if (from < records.length) groups.push({ origin, records: records.slice(from) });
  }
  parts.push({ ...view, isFinal: true, groups });
  return parts;
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
