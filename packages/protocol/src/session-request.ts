/** What a client says to a node: encoding and total decoding. */
import {
  BODY_MAX_BYTES,
  LEFT_REGION_COUNT_MAX,
  NAME_MAX_BYTES,
  REGISTER_BATCH_COUNT_MAX,
  type RegisterItem,
  SESSION_FRAME_MAX_BYTES,
  SESSION_NUMBER_MAX,
  type SessionRequest,
} from "@fpzk/core";
import { type Decoded, decodeMessage, type MessageDecoder, type Readers } from "./decode.js";
import {
  readBoolean,
  readBytes,
  readDuration,
  readFields,
  readInteger,
  readList,
  readName,
  readProse,
  readStamp,
  readText,
  readWatchedName,
  writeDuration,
  writeProse,
  writeStamp,
} from "./fields.js";
import { packFrame } from "./frame.js";
import { decodeHeartbeat, encodeHeartbeat } from "./heartbeat.js";
import {
  readDigest,
  readPosition,
  readReason,
  readScope,
  readState,
  writeDigest,
  writePosition,
} from "./record-codec.js";
import { REQUEST_VALUE_COUNT_MAX, TOKEN_MAX_BYTES } from "./wire-limits.js";
import { namesByNumber, REQUEST_TYPES } from "./wire-types.js";

/** The frame of a request. */
export function encodeSessionRequest(message: SessionRequest): Uint8Array {
  if (message.type === "heartbeat") return encodeHeartbeat(message);
  return packFrame([REQUEST_TYPES[message.type], ...writeRequest(message)]);
}

/**
 * The request in a frame; never throws. Bodies in it are views into `bytes`.
 *
 * @param maxBytes - Less before the hello was accepted, so that strangers cost little.
 */
export function decodeSessionRequest(
  bytes: Uint8Array,
  maxBytes = SESSION_FRAME_MAX_BYTES,
): Decoded<SessionRequest> {
  const heartbeat = decodeHeartbeat(bytes);
  if (heartbeat !== undefined) return { ok: true, message: heartbeat };
  return decodeMessage(DECODER, bytes, maxBytes);
}

function writeRequest(message: Exclude<SessionRequest, { type: "heartbeat" }>): unknown[] {
  switch (message.type) {
    case "hello":
      return [
        message.protocolVersion,
        message.namespace,
        message.token,
        message.clientId,
        message.sessionNumber,
        message.region,
        message.zone,
        writeProse(message.agent, NAME_MAX_BYTES),
      ];
    case "register":
      return [message.requestId, message.items.map(writeRegisterItem)];
    case "deregister":
      return [message.requestId, message.service, message.id, message.reason];
    case "set-state":
      return [
        message.requestId,
        message.service,
        message.id,
        message.state,
        writeDuration(message.timeoutMs),
        message.leftRegions,
      ];
    case "watch":
      return [
        message.requestId,
        message.service,
        writePosition(message.position),
        writeDigest(message.digest),
      ];
    case "unwatch":
      return [message.service];
    case "query":
      return [message.requestId, message.service];
    case "confirm":
    case "ahead":
      return [message.service, message.id, writeStamp(message.stamp)];
    case "accuse":
      return [message.service, message.id, message.incarnation, message.isRetraction];
    case "goodbye":
      return [];
  }
}

function writeRegisterItem(item: RegisterItem): unknown[] {
  return [item.service, item.id, item.incarnation, item.since, item.state, item.scope, item.body];
}

function readRegisterItem(value: unknown): RegisterItem {
  const fields = readFields(value, "", 7);
  return {
    service: readName(fields[0], "service"),
    id: readName(fields[1], "id"),
    incarnation: readInteger(fields[2], "incarnation"),
    since: readInteger(fields[3], "since"),
    state: readState(fields[4]),
    scope: readScope(fields[5]),
    body: readBytes(fields[6], "body", BODY_MAX_BYTES),
  };
}

/** Field 0 is the type number. */
const READERS: Readers<SessionRequest> = {
  hello: (fields) => ({
    type: "hello",
    protocolVersion: readInteger(fields[1], "protocolVersion", 1, 65_535),
    namespace: readName(fields[2], "namespace"),
    token: readText(fields[3], "token", TOKEN_MAX_BYTES),
    clientId: readName(fields[4], "clientId"),
    sessionNumber: readInteger(fields[5], "sessionNumber", 1, SESSION_NUMBER_MAX),
    region: readName(fields[6] ?? "", "region"),
    zone: readName(fields[7] ?? "", "zone"),
    agent: readProse(fields[8] ?? "", "agent"),
  }),
  register: (fields) => ({
    type: "register",
    requestId: readInteger(fields[1], "requestId"),
    items: readList(fields[2], "items", REGISTER_BATCH_COUNT_MAX, readRegisterItem),
  }),
  deregister: (fields) => ({
    type: "deregister",
    requestId: readInteger(fields[1], "requestId"),
    service: readName(fields[2], "service"),
    id: readName(fields[3], "id"),
    reason: readReason(fields[4] ?? 1),
  }),
  "set-state": (fields) => ({
    type: "set-state",
    requestId: readInteger(fields[1], "requestId"),
    service: readName(fields[2], "service"),
    id: readName(fields[3], "id"),
    state: readState(fields[4]),
    timeoutMs: readDuration(fields[5] ?? 0, "timeoutMs"),
    leftRegions: readList(fields[6] ?? [], "leftRegions", LEFT_REGION_COUNT_MAX, (item) =>
      readName(item, "region"),
    ),
  }),
  watch: (fields) => ({
    type: "watch",
    requestId: readInteger(fields[1], "requestId"),
    service: readWatchedName(fields[2]),
    position: readPosition(fields[3]),
    digest: readDigest(fields[4]),
  }),
  unwatch: (fields) => ({ type: "unwatch", service: readWatchedName(fields[1]) }),
  query: (fields) => ({
    type: "query",
    requestId: readInteger(fields[1], "requestId"),
    service: readName(fields[2], "service"),
  }),
  heartbeat: (fields) => ({
    type: "heartbeat",
    sequence: readInteger(fields[1], "sequence"),
    wantsDigests: readBoolean(fields[2] ?? false, "wantsDigests"),
  }),
  confirm: (fields) => ({
    type: "confirm",
    service: readName(fields[1], "service"),
    id: readName(fields[2], "id"),
    stamp: readStamp(fields[3], "stamp"),
  }),
  goodbye: () => ({ type: "goodbye" }),
  ahead: (fields) => ({
    type: "ahead",
    service: readName(fields[1], "service"),
    id: readName(fields[2], "id"),
    stamp: readStamp(fields[3], "stamp"),
  }),
  accuse: (fields) => ({
    type: "accuse",
    service: readName(fields[1], "service"),
    id: readName(fields[2], "id"),
    incarnation: readInteger(fields[3], "incarnation"),
    isRetraction: readBoolean(fields[4] ?? false, "isRetraction"),
  }),
};

const DECODER: MessageDecoder<SessionRequest> = {
  what: "session request",
  names: namesByNumber(REQUEST_TYPES),
  readers: READERS,
  valueCountMax: REQUEST_VALUE_COUNT_MAX,
};
