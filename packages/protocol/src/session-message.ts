/** What a node says to a client: encoding and total decoding. */
import {
  type MemberView,
  NODE_COUNT_MAX,
  PEER_FRAME_MAX_BYTES,
  REGISTER_BATCH_COUNT_MAX,
  type RegisteredItem,
  SESSION_WATCH_COUNT_MAX,
  type SessionMessage,
} from "@fpzk/core";
import { type Decoded, decodeMessage, type MessageDecoder, type Readers } from "./decode.js";
import {
  readBoolean,
  readDuration,
  readEnum,
  readErrorCode,
  readFields,
  readInteger,
  readList,
  readMaybeErrorCode,
  readMaybeStamp,
  readName,
  readProse,
  readStamp,
  readText,
  readWatchedName,
  writeDuration,
  writeMaybeErrorCode,
  writeMaybeStamp,
  writeProse,
  writeStamp,
} from "./fields.js";
import { packFrame } from "./frame.js";
import { decodePlainPong, encodePlainPong } from "./heartbeat.js";
import {
  readDigest,
  readGroups,
  readPosition,
  writeDigest,
  writeGroup,
  writePosition,
} from "./record-codec.js";
import { ADDRESS_MAX_BYTES, FRAME_VALUE_COUNT_MAX, UNCONFIRMED_COUNT_MAX } from "./wire-limits.js";
import {
  ERROR_NUMBERS,
  NODE_STATUSES,
  namesByNumber,
  SESSION_TYPES,
  SNAPSHOT_KINDS,
} from "./wire-types.js";

/** Bytes of `nodeId/clientId`. */
const SUBSCRIBER_MAX_BYTES = 401;

const snapshotKinds = namesByNumber(SNAPSHOT_KINDS);
const nodeStatuses = namesByNumber(NODE_STATUSES);

/** The frame of a node's message. */
export function encodeSessionMessage(message: SessionMessage): Uint8Array {
  const pong = message.type === "pong" ? encodePlainPong(message) : undefined;
  return pong ?? packFrame([SESSION_TYPES[message.type], ...writeMessage(message)]);
}

/** The message in a frame; never throws. Bodies in it are views into `bytes`. */
export function decodeSessionMessage(
  bytes: Uint8Array,
  maxBytes = PEER_FRAME_MAX_BYTES,
): Decoded<SessionMessage> {
  const pong = decodePlainPong(bytes);
  if (pong !== undefined) return { ok: true, message: pong };
  return decodeMessage(DECODER, bytes, maxBytes);
}

/** Names of subscribers that did not confirm a drain. */
export function readUnconfirmed(value: unknown): string[] {
  return readList(value ?? [], "unconfirmed", UNCONFIRMED_COUNT_MAX, (item) =>
    readText(item, "", SUBSCRIBER_MAX_BYTES),
  );
}

function writeMessage(message: SessionMessage): unknown[] {
  switch (message.type) {
    case "welcome":
      return [
        message.nodeId,
        message.generation,
        message.region,
        writeDuration(message.heartbeatIntervalMs),
        writeDuration(message.ttlMs),
        writeDuration(message.reconnectDelayMs),
        message.isReady,
        message.firstIncarnation,
        message.knowsRouteSets,
        message.knowsAccusations,
      ];
    case "members":
      return [message.members.map(writeMember)];
    case "registered":
      return [message.requestId, message.items.map(writeRegisteredItem)];
    case "done":
      return [message.requestId];
    case "refused":
      return [message.requestId, ERROR_NUMBERS[message.code], writeProse(message.message)];
    case "drained":
      return [message.requestId, message.confirmedCount, message.unconfirmed];
    case "snapshot":
      return [
        message.requestId,
        message.service,
        SNAPSHOT_KINDS[message.kind],
        message.isFinal,
        message.groups.map(writeGroup),
        writePosition(message.position),
        writeDigest(message.digest),
      ];
    case "change":
      return [message.service, message.groups.map(writeGroup), writeDigest(message.digest)];
    case "pong":
      return [
        message.sequence,
        message.digests.map((entry) => [entry.service, entry.digest.high, entry.digest.low]),
        message.reconnectDelayMs === undefined ? null : writeDuration(message.reconnectDelayMs),
      ];
    case "superseded":
      return [
        message.service,
        message.id,
        writeStamp(message.stamp),
        message.isAlive,
        message.isUndecided,
        message.since,
      ];
    case "move":
      return [writeDuration(message.delayMs), writeProse(message.reason)];
  }
}

function writeMember(member: MemberView): unknown[] {
  return [
    member.nodeId,
    member.generation,
    member.region,
    member.zone,
    member.address,
    member.tls,
    NODE_STATUSES[member.status],
  ];
}

function readMember(value: unknown): MemberView {
  const fields = readFields(value, "", 7);
  return {
    nodeId: readName(fields[0], "nodeId"),
    generation: readInteger(fields[1], "generation"),
    region: readName(fields[2], "region"),
    zone: readName(fields[3], "zone"),
    address: readText(fields[4], "address", ADDRESS_MAX_BYTES),
    tls: readBoolean(fields[5], "tls"),
    status: readEnum(fields[6], "status", nodeStatuses),
  };
}

function writeRegisteredItem(item: RegisteredItem): unknown[] {
  const { service, id, since } = item;
  const stamp = writeMaybeStamp(item.stamp);
  return [service, id, stamp, since, writeMaybeErrorCode(item.code), writeProse(item.message)];
}

function readRegisteredItem(value: unknown): RegisteredItem {
  const fields = readFields(value, "", 3);
  return {
    service: readName(fields[0], "service"),
    id: readName(fields[1], "id"),
    stamp: readMaybeStamp(fields[2], "stamp"),
    since: readInteger(fields[3] ?? 0, "since"),
    code: readMaybeErrorCode(fields[4] ?? 0, "code"),
    message: readProse(fields[5] ?? "", "message"),
  };
}

function readServiceDigest(value: unknown) {
  const fields = readFields(value, "", 3);
  return { service: readWatchedName(fields[0]), digest: readDigest([fields[1], fields[2]]) };
}

/** Field 0 is the type number. */
const READERS: Readers<SessionMessage> = {
  welcome: (fields) => ({
    type: "welcome",
    nodeId: readName(fields[1], "nodeId"),
    generation: readInteger(fields[2], "generation"),
    region: readName(fields[3], "region"),
    heartbeatIntervalMs: readDuration(fields[4], "heartbeatIntervalMs"),
    ttlMs: readDuration(fields[5], "ttlMs"),
    reconnectDelayMs: readDuration(fields[6] ?? 0, "reconnectDelayMs"),
    isReady: readBoolean(fields[7] ?? true, "isReady"),
    firstIncarnation: readInteger(fields[8] ?? 0, "firstIncarnation"),
    // What a later version adds here is none of ours, whatever it is.
    knowsRouteSets: fields[9] === true,
    knowsAccusations: fields[10] === true,
  }),
  members: (fields) => ({
    type: "members",
    members: readList(fields[1], "members", NODE_COUNT_MAX, readMember),
  }),
  registered: (fields) => ({
    type: "registered",
    requestId: readInteger(fields[1], "requestId"),
    items: readList(fields[2], "items", REGISTER_BATCH_COUNT_MAX, readRegisteredItem),
  }),
  done: (fields) => ({ type: "done", requestId: readInteger(fields[1], "requestId") }),
  refused: (fields) => ({
    type: "refused",
    requestId: readInteger(fields[1], "requestId"),
    code: readErrorCode(fields[2], "code"),
    message: readProse(fields[3] ?? "", "message"),
  }),
  drained: (fields) => ({
    type: "drained",
    requestId: readInteger(fields[1], "requestId"),
    confirmedCount: readInteger(fields[2] ?? 0, "confirmedCount"),
    unconfirmed: readUnconfirmed(fields[3]),
  }),
  snapshot: (fields) => ({
    type: "snapshot",
    requestId: readInteger(fields[1], "requestId"),
    service: readWatchedName(fields[2]),
    kind: readEnum(fields[3], "kind", snapshotKinds),
    isFinal: readBoolean(fields[4], "isFinal"),
    groups: readGroups(fields[5]),
    position: readPosition(fields[6]),
    digest: readDigest(fields[7]),
  }),
  change: (fields) => ({
    type: "change",
    service: readWatchedName(fields[1]),
    groups: readGroups(fields[2]),
    digest: readDigest(fields[3]),
  }),
  pong: (fields) => ({
    type: "pong",
    sequence: readInteger(fields[1], "sequence"),
    digests: readList(fields[2] ?? [], "digests", SESSION_WATCH_COUNT_MAX, readServiceDigest),
    ...((fields[3] ?? null) === null
      ? {}
      : { reconnectDelayMs: readDuration(fields[3], "reconnectDelayMs") }),
  }),
  superseded: (fields) => ({
    type: "superseded",
    service: readName(fields[1], "service"),
    id: readName(fields[2], "id"),
    stamp: readStamp(fields[3], "stamp"),
    isAlive: readBoolean(fields[4], "isAlive"),
    isUndecided: readBoolean(fields[5] ?? false, "isUndecided"),
    since: readInteger(fields[6] ?? 0, "since"),
  }),
  move: (fields) => ({
    type: "move",
    delayMs: readDuration(fields[1] ?? 0, "delayMs"),
    reason: readProse(fields[2] ?? "", "reason"),
  }),
};

const DECODER: MessageDecoder<SessionMessage> = {
  what: "session message",
  names: namesByNumber(SESSION_TYPES),
  readers: READERS,
  valueCountMax: FRAME_VALUE_COUNT_MAX,
};
