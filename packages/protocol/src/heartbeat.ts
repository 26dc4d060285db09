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
const ARRAY_OF_4 = 0x94;
const EMPTY_ARRAY = 0x90;
const FALSE = 0xc2;
const TRUE = 0xc3;
const NIL = 0xc0;
const NO_DIGESTS: PongMessage["digests"] = [];

export function encodeHeartbeat(message: HeartbeatMessage): Uint8Array {
  const { sequence, wantsDigests } = message;
  return (
    encodeCounter(ARRAY_OF_3, REQUEST_TYPES.heartbeat, sequence, wantsDigests ? TRUE : FALSE) ??
    packFrame([REQUEST_TYPES.heartbeat, sequence, wantsDigests])
  );
}

/** A pong with nothing but its number; undefined when the general codec must write it. */
export function encodePlainPong(message: PongMessage): Uint8Array | undefined {
  if (message.digests.length > 0 || message.reconnectDelayMs !== undefined) return undefined;
  return encodeCounter(ARRAY_OF_4, SESSION_TYPES.pong, message.sequence, EMPTY_ARRAY, NIL);
}

/** The heartbeat in a frame, or undefined when the general codec must look at it. */
export function decodeHeartbeat(bytes: Uint8Array): HeartbeatMessage | undefined {
  const sequence = decodeCounter(bytes, ARRAY_OF_3, REQUEST_TYPES.heartbeat);
  if (sequence < 0) return undefined;
  const last = bytes[bytes.length - 1];
  if (last !== TRUE && last !== FALSE) return undefined;
  return { type: "heartbeat", sequence, wantsDigests: last === TRUE };
}

/** The plain pong in a frame, or undefined when the general codec must look at it. */
export function decodePlainPong(bytes: Uint8Array): PongMessage | undefined {
  const sequence = decodeCounter(bytes, ARRAY_OF_4, SESSION_TYPES.pong);
  const end = bytes.length;
  if (sequence < 0 || bytes[end - 2] !== EMPTY_ARRAY || bytes[end - 1] !== NIL) return undefined;
  return { type: "pong", sequence, digests: NO_DIGESTS };
}

/** `[type, counter, one-byte values]` for counters below 2^32; undefined for others. */
function encodeCounter(
  head: number,
  type: number,
  counter: number,
  ...rest: number[]
): Uint8Array | undefined {
  if (counter >>> 0 !== counter) return undefined;
  if (counter < 0x80) return Uint8Array.of(head, type, counter, ...rest);
  if (counter < 0x100) return Uint8Array.of(head, type, 0xcc, counter, ...rest);
  if (counter < 0x10000) return Uint8Array.of(head, type, 0xcd, counter >>> 8, counter, ...rest);
  const bytes = [counter >>> 24, counter >>> 16, counter >>> 8, counter];
  return Uint8Array.of(head, type, 0xce, ...bytes, ...rest);
}

/** The counter of a frame `[type, counter, one-byte values]`; -1 when it is none. */
function decodeCounter(bytes: Uint8Array, head: number, type: number): number {
  if (bytes[0] !== head || bytes[1] !== type) return -1;
  const token = bytes[2]!;
  // One byte for each value after the counter.
  switch (bytes.length - (head - ARRAY_OF_3)) {
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
