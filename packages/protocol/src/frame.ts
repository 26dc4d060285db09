/**
 * One frame: one MessagePack array of plain values.
 *
 * msgpackr encodes and decodes. Before it decodes, {@link findFrameFault} walks the bytes once and
 * admits only what the wire form has: nil, booleans, numbers, texts, bytes and arrays. So maps
 * (prototype pollution), extension types (dates, errors, msgpackr's records and references), deep
 * nesting and lengths beyond the frame never reach the decoder, and nothing is allocated for them.
 *
 * @see https://github.com/msgpack/msgpack/blob/master/spec.md
 */
import { Packr } from "msgpackr/pack";
import { WireFault } from "./wire-fault.js";
import { FRAME_DEPTH_MAX, FRAME_VALUE_COUNT_MAX } from "./wire-limits.js";

const packr = new Packr({ useRecords: false, int64AsType: "number", moreTypes: false });

/** Frames up to this size are copied to a reused buffer, which spares a DataView for each. */
const SCRATCH_BYTES = 16 * 1024;
// A Buffer where there is one, because msgpackr reads long texts from it faster. Browsers have none.
const scratch: Uint8Array =
  typeof Buffer === "undefined" ? new Uint8Array(SCRATCH_BYTES) : Buffer.alloc(SCRATCH_BYTES);
/** Reused by the walk: how many values the open arrays still lack. */
const openCounts = new Int32Array(FRAME_DEPTH_MAX + 1);

/** The bytes of one frame. */
export function packFrame(values: readonly unknown[]): Uint8Array {
  return packr.pack(values);
}

export interface FrameBounds {
  readonly maxBytes: number;
  readonly valueCountMax: number;
  /** False: check the frame and return no values. */
  readonly isWanted: boolean;
}

/**
 * The values of one frame. Byte arrays in it are views into `bytes`.
 *
 * @throws {@link WireFault} when the frame is malformed or too large.
 */
export function unpackFrame(bytes: Uint8Array, bounds: FrameBounds): readonly unknown[] {
  checkFrame(bytes, bounds.maxBytes, bounds.valueCountMax);
  return bounds.isWanted ? unpack(() => packr.unpack(bytes as Buffer)) : [];
}

/** The type number of a frame that may be malformed; undefined when it cannot be one. */
export function frameType(bytes: Uint8Array): number | undefined {
  const first = bytes[0];
  const at = first === 0xdc ? 3 : first === 0xdd ? 5 : 1;
  const type = bytes[at];
  return type !== undefined && type < 0x80 ? type : undefined;
}

/**
 * The values of one small frame that holds no byte arrays, faster than {@link unpackFrame}.
 *
 * @throws {@link WireFault} when the frame is malformed or too large.
 */
export function unpackTexts(bytes: Uint8Array, maxBytes: number): readonly unknown[] {
  checkFrame(bytes, maxBytes, FRAME_VALUE_COUNT_MAX);
  if (bytes.length > SCRATCH_BYTES) return unpack(() => packr.unpack(bytes as Buffer));
  scratch.set(bytes);
  scratchOptions.end = bytes.length;
  return unpack(unpackScratch);
}

const scratchOptions = { start: 0, end: 0 };
const unpackScratch = () => packr.unpack(scratch as Buffer, scratchOptions);

function checkFrame(bytes: Uint8Array, maxBytes: number, valueCountMax: number): void {
  if (bytes.length > maxBytes) {
    throw new WireFault("", `${bytes.length} bytes must be <= ${maxBytes}`, "resource_exhausted");
  }
  const fault = findFrameFault(bytes, valueCountMax);
  if (fault !== undefined) throw new WireFault("", fault);
}

function unpack(read: () => unknown): readonly unknown[] {
  try {
    return read() as readonly unknown[];
  } catch (error) {
    // The walk admits only what msgpackr can read; this is for a fault of one of the two.
    const text = String(error).slice(0, 200);
    throw new WireFault("", `MessagePack cannot be read: ${text}`, "internal");
  }
}

/** Why the bytes are not one array of plain values, with the offset; undefined when they are. */
export function findFrameFault(
  bytes: Uint8Array,
  valueCountMax = FRAME_VALUE_COUNT_MAX,
): string | undefined {
  const end = bytes.length;
  if (end === 0) return "offset 0: the frame is empty";
  const first = bytes[0]!;
  if (!(first >= 0x90 && first <= 0x9f) && first !== 0xdc && first !== 0xdd) {
    return `offset 0: byte ${hex(first)} must begin an array`;
  }
  let position = 0;
  let depth = 0;
  let valueCount = 0;
  openCounts[0] = 1;
  for (;;) {
    while (openCounts[depth] === 0) {
      depth -= 1;
      if (depth < 0) {
        return position === end ? undefined : `offset ${position}: bytes after the array's end`;
      }
    }
    if (position >= end) return `offset ${position}: the frame ends before the array does`;
    openCounts[depth]! -= 1;
    valueCount += 1;
    const at = position;
    const token = bytes[position]!;
    const size = token < 0x80 ? 1 : token >= 0xe0 ? 1 : tokenBytes(bytes, position, end);
    if (size < 0) return `offset ${at}: ${describeRefused(token, size, end)}`;
    position += size;
    if (position > end) {
      return `offset ${at}: the value of ${size} bytes goes beyond the frame's end at ${end}`;
    }
    const length = arrayLength(bytes, at, token);
    if (length < 0) continue;
    if (length > end - position) {
      return `offset ${at}: array length ${length} must be <= ${end - position}, the bytes left`;
    }
    if (valueCount + length > valueCountMax) {
      return `offset ${at}: more than ${valueCountMax} values in one frame`;
    }
    depth += 1;
    if (depth > FRAME_DEPTH_MAX) {
      return `offset ${at}: array depth ${depth} must be <= ${FRAME_DEPTH_MAX}`;
    }
    openCounts[depth] = length;
  }
}

const REFUSED_TYPE = -1;
const REFUSED_INTEGER = -2;
const REFUSED_LENGTH = -3;

/** Bytes of the value at a position, for an array of its head; negative when it is refused. */
function tokenBytes(bytes: Uint8Array, position: number, end: number): number {
  const token = bytes[position]!;
  if (token >= 0xa0 && token < 0xc0) return 1 + (token & 0x1f);
  if (token >= 0x90 && token < 0xa0) return 1;
  switch (token) {
    case 0xc0: // nil
    case 0xc2: // false
    case 0xc3: // true
      return 1;
    case 0xcc: // uint 8
    case 0xd0: // int 8
      return 2;
    case 0xcd: // uint 16
    case 0xd1: // int 16
    case 0xdc: // array 16
      return 3;
    case 0xca: // float 32
    case 0xce: // uint 32
    case 0xd2: // int 32
    case 0xdd: // array 32
      return 5;
    case 0xcb: // float 64
      return 9;
    case 0xcf: // uint 64
    case 0xd3: // int 64
      return isSafeUint64(bytes, position + 1) ? 9 : REFUSED_INTEGER;
    case 0xc4: // bin 8
    case 0xd9: // str 8
      return position + 2 > end ? REFUSED_LENGTH : 2 + bytes[position + 1]!;
    case 0xc5: // bin 16
    case 0xda: // str 16
      return position + 3 > end ? REFUSED_LENGTH : 3 + uint16(bytes, position + 1);
    case 0xc6: // bin 32
    case 0xdb: // str 32
      return position + 5 > end ? REFUSED_LENGTH : 5 + uint32(bytes, position + 1);
    default: // maps, extension types, the byte that is never used
      return REFUSED_TYPE;
  }
}

/** Elements of the array that begins at a position whose head is in the frame; -1 for others. */
function arrayLength(bytes: Uint8Array, position: number, token: number): number {
  if (token >= 0x90 && token <= 0x9f) return token & 0x0f;
  if (token === 0xdc) return uint16(bytes, position + 1);
  if (token === 0xdd) return uint32(bytes, position + 1);
  return -1;
}

function describeRefused(token: number, size: number, end: number): string {
  if (size === REFUSED_INTEGER) return `the integer must be <= ${Number.MAX_SAFE_INTEGER}`;
  if (size === REFUSED_LENGTH) return `the length goes beyond the frame's end at ${end}`;
  return `byte ${hex(token)} is a map, an extension or another type that no message holds`;
}

function isSafeUint64(bytes: Uint8Array, position: number): boolean {
  return position + 8 > bytes.length || uint32(bytes, position) <= 0x1fffff;
}

function uint16(bytes: Uint8Array, position: number): number {
  return (bytes[position]! << 8) | bytes[position + 1]!;
}

function uint32(bytes: Uint8Array, position: number): number {
  return uint16(bytes, position) * 65536 + uint16(bytes, position + 2);
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}
