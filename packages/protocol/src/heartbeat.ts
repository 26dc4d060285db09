/**
 * Heartbeat and plain pong by hand: the frames that a node sees most.
 *
 * The bytes are those that the general codec would write; whatever these do not recognise goes the
 * general way.
 */
import type { HeartbeatMessage, PongMessage } from "@fpzk/core";
import { packFrame } from "./frame.js";
import { REQUEST_TYPES, SESSION_TYPES } from "./wire-types.js";

const ARRAY_OF_3 = 0x93;
const EMPTY_ARRAY = 0x90;
const FALSE = 0xc2;
const TRUE = 0xc3;
const NO_DIGESTS: PongMessage["digests"] = [];

export function encodeHeartbeat(message: HeartbeatMessage): Uint8Array {
  const { sequence, wantsDigests } = message;
  return (
    encodeCounter(REQUEST_TYPES.heartbeat, sequence, wantsDigests ? TRUE : FALSE) ??
    packFrame([REQUEST_TYPES.heartbeat, sequence, wantsDigests])
  );
}

/** A pong without digests; undefined when the general codec must write it. */
export function encodePlainPong(message: PongMessage): Uint8Array | undefined {
  if (message.digests.length > 0) return undefined;
  return encodeCounter(SESSION_TYPES.pong, message.sequence, EMPTY_ARRAY);
}

/** The heartbeat in a frame, or undefined when the general codec must look at it. */
export function decodeHeartbeat(bytes: Uint8Array): HeartbeatMessage | undefined {
  const sequence = decodeCounter(bytes, REQUEST_TYPES.heartbeat);
  if (sequence < 0) return undefined;
  const last = bytes[bytes.length - 1];
  if (last !== TRUE && last !== FALSE) return undefined;
  return { type: "heartbeat", sequence, wantsDigests: last === TRUE };
}

/** The pong without digests in a frame, or undefined when the general codec must look at it. */
export function decodePlainPong(bytes: Uint8Array): PongMessage | undefined {
  const sequence = decodeCounter(bytes, SESSION_TYPES.pong);
  if (sequence < 0 || bytes[bytes.length - 1] !== EMPTY_ARRAY) return undefined;
  return { type: "pong", sequence, digests: NO_DIGESTS };
}

/** `[type, counter, last]` for counters below 2^32; undefined for others. */
function encodeCounter(type: number, counter: number, last: number): Uint8Array | undefined {
  if (counter >>> 0 !== counter) return undefined;
  if (counter < 0x80) return frameOf(type, counter, last);
  if (counter < 0x100) return frameOf(type, 0xcc, counter, last);
  if (counter < 0x10000) return frameOf(type, 0xcd, counter >>> 8, counter, last);
  return frameOf(type, 0xce, counter >>> 24, counter >>> 16, counter >>> 8, counter, last);
}

function frameOf(...rest: number[]): Uint8Array {
  const bytes = new Uint8Array(rest.length + 1);
  bytes[0] = ARRAY_OF_3;
  for (let index = 0; index < rest.length; index += 1) bytes[index + 1] = rest[index]!;
  return bytes;
}

/** The counter of a frame `[type, counter, one byte]`; -1 when it is none. */
function decodeCounter(bytes: Uint8Array, type: number): number {
  if (bytes[0] !== ARRAY_OF_3 || bytes[1] !== type) return -1;
  const token = bytes[2]!;
  switch (bytes.length) {
    case 4:
      return token < 0x80 ? token : -1;
    case 5:
      return token === 0xcc ? bytes[3]! : -1;
    case 6:
      return token === 0xcd ? (bytes[3]! << 8) | bytes[4]! : -1;
    case 8: {
      if (token !== 0xce) return -1;
      return ((bytes[3]! << 24) | (bytes[4]! << 16) | (bytes[5]! << 8) | bytes[6]!) >>> 0;
    }
    default:
      return -1;
  }
}
