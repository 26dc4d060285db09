/** What nodes say to each other after the handshake: encoding and total decoding. */
import {
  BODY_MAX_BYTES,
  type DeltaGroup,
  type DeltaMessage,
  type Hole,
  NODE_COUNT_MAX,
  ORIGIN_COUNT_MAX,
  type OriginVersion,
  PEER_FRAME_MAX_BYTES,
  type PeerMessage,
  type RecordGroup,
  type RefusedPart,
  type RoutedCommand,
  type RoutePayload,
} from "@fpzk/core";
import { type Decoded, decodeMessage, type MessageDecoder, type Readers } from "./decode.js";
import {
  readArray,
  readBoolean,
  readBytes,
  readDuration,
  readEnum,
  readFields,
  readInteger,
  readList,
  readMaybeErrorCode,
  readMaybeStamp,
  readName,
  readProse,
  readStamp,
  writeDuration,
  writeMaybeErrorCode,
  writeMaybeStamp,
  writeProse,
  writeStamp,
} from "./fields.js";
import { packFrame } from "./frame.js";
import {
  joinHoles,
  newRecordBudget,
  type RecordBudget,
  readEntries,
  readHoles,
  readOrigin,
  readPart,
  readPeerGroup,
  readReason,
  readRecordKind,
  readState,
  readVersions,
  writeEntries,
  writeGroup,
  writeHoles,
  writeOrigin,
  writePosition,
} from "./record-codec.js";
import { readUnconfirmed } from "./session-message.js";
import { FRAME_VALUE_COUNT_MAX, MESSAGE_RECORD_COUNT_MAX, ROUTE_HOPS_MAX } from "./wire-limits.js";
import {
  COMMAND_KINDS,
  namesByNumber,
  PAYLOAD_KINDS,
  PEER_TYPES,
  REPAIR_REQUESTS,
} from "./wire-types.js";

const payloadKinds = namesByNumber(PAYLOAD_KINDS);
const repairRequests = namesByNumber(REPAIR_REQUESTS);
const commandKinds = namesByNumber(COMMAND_KINDS);

/** Lives of nodes: floors, and those that ended. */
type Lives = readonly { readonly nodeId: string; readonly generation: number }[];

/** The frame of a peer's message. */
export function encodePeerMessage(message: PeerMessage): Uint8Array {
  return packFrame([PEER_TYPES[message.type], ...writeMessage(message)]);
}

/** The message in a frame; never throws. Bodies in it are views into `bytes`. */
export function decodePeerMessage(
  bytes: Uint8Array,
  maxBytes = PEER_FRAME_MAX_BYTES,
): Decoded<PeerMessage> {
  return decodeMessage(DECODER, bytes, maxBytes);
}

function writeMessage(message: PeerMessage): unknown[] {
  switch (message.type) {
    case "digest":
      return [
        writeEntries(message.entries),
        writeLives(message.floors),
        message.hears,
        message.isReady,
        REPAIR_REQUESTS[message.repair],
        writeLives(message.ended),
      ];
    case "delta":
      return [
        message.groups.map((group) => {
          const values = writeGroup(group);
          values.push(group.from, group.to, ...writeTail(group));
          return values;
        }),
        writePosition(message.replacedBy ?? []),
      ];
    case "reset":
      return [
        message.origins.map(writeOrigin),
        message.groups.map((group) => [...writeGroup(group), ...writeTail(group)]),
        message.isFinal,
        writeEntries(message.entries),
        writeLives(message.floors),
        writePosition(message.replacedBy ?? []),
      ];
    case "route":
      return [message.to, message.from, message.hops, writePayload(message.payload)];
  }
}

/** The field after a group's last; absent when there is nothing to say. */
function writeTail({ holes = [] }: RecordGroup): unknown[] {
  return holes.length === 0 ? [] : [writeHoles(holes)];
}

function writeLives(lives: Lives): unknown[] {
  return lives.map((life) => [life.nodeId, life.generation]);
}

function readLives(value: unknown, name: string, countMax: number): Lives {
  return readList(value ?? [], name, countMax, (item) => {
    const fields = readFields(item, "", 2);
    return {
      nodeId: readName(fields[0], "nodeId"),
      generation: readInteger(fields[1], "generation"),
    };
  });
}

function readDeltaGroup(value: unknown, budget: RecordBudget): DeltaGroup {
  const fields = readFields(value, "", 4);
  const from = readInteger(fields[2], "from");
  const to = readInteger(fields[3], "to", from);
  const group = readPeerGroup(fields, budget, { from, to });
  const { origin, records, holes } = withHoles(group, readHoles(fields[4], from, to));
  return holes === undefined ? { origin, records, from, to } : { origin, records, holes, from, to };
}

function readResetGroup(value: unknown, budget: RecordBudget): RecordGroup {
  const fields = readFields(value, "", 2);
  const group = readPeerGroup(fields, budget, { from: 0, to: Number.MAX_SAFE_INTEGER });
  return withHoles(group, readHoles(fields[2], 0, Number.MAX_SAFE_INTEGER));
}

function withHoles(group: RecordGroup, said: readonly Hole[]): RecordGroup {
  if (said.length === 0) return group;
  return { ...group, holes: joinHoles([...(group.holes ?? []), ...said]) };
}

/** The groups of a message. One whose origin or bounds cannot be read is left out and named. */
function readPeerGroups<Group>(
  value: unknown,
  refused: RefusedPart[],
  read: (value: unknown, budget: RecordBudget) => Group,
): Group[] {
  const budget = newRecordBudget();
  const values = readArray(value ?? [], "groups", 0, MESSAGE_RECORD_COUNT_MAX);
  const groups: Group[] = [];
  for (const [index, item] of values.entries()) {
    const part = { refused, name: "groups", index, originOf: first };
    const group = readPart(item, part, () => read(item, budget));
    if (group !== undefined) groups.push(group);
  }
  return groups;
}

const first = (value: unknown) => (Array.isArray(value) ? value[0] : undefined);

/** The field for what was left out; absent when nothing was. */
function saying(refused: readonly RefusedPart[]): { refused?: readonly RefusedPart[] } {
  return refused.length === 0 ? {} : { refused };
}

/** The field for what may have replaced something; absent when nothing has. */
function naming(replacedBy: readonly OriginVersion[]): Pick<DeltaMessage, "replacedBy"> {
  return replacedBy.length === 0 ? {} : { replacedBy };
}

function writePayload(payload: RoutePayload): unknown[] {
  const kind = PAYLOAD_KINDS[payload.kind];
  switch (payload.kind) {
    case "drain-confirm":
      return [
        kind,
        payload.recordKind,
        payload.namespace,
        payload.service,
        payload.id,
        writeStamp(payload.stamp),
        payload.confirmedCount,
        payload.unconfirmed,
        payload.isQuestion,
        payload.generation,
        payload.isLeft,
      ];
    case "canary-echo":
      return [kind, payload.counter, payload.region];
    case "command":
      return [kind, payload.commandId, writeCommand(payload.command)];
    case "command-result":
      return [
        kind,
        payload.commandId,
        writeMaybeErrorCode(payload.code),
        writeProse(payload.message),
        writeMaybeStamp(payload.stamp),
        payload.confirmedCount,
        payload.unconfirmed,
      ];
  }
}

function readPayload(value: unknown): RoutePayload {
  const fields = readFields(value, "payload", 1);
  const kind = readEnum(fields[0], "payload.kind", payloadKinds);
  switch (kind) {
    case "drain-confirm":
      return {
        kind,
        recordKind: readRecordKind(fields[1], "recordKind"),
        namespace: readName(fields[2], "namespace"),
        service: readName(fields[3], "service"),
        id: readName(fields[4], "id"),
        stamp: readStamp(fields[5], "stamp"),
        confirmedCount: readInteger(fields[6] ?? 0, "confirmedCount"),
        unconfirmed: readUnconfirmed(fields[7]),
        isQuestion: readBoolean(fields[8] ?? false, "isQuestion"),
        generation: readInteger(fields[9] ?? 0, "generation"),
        isLeft: readBoolean(fields[10] ?? false, "isLeft"),
      };
    case "canary-echo":
      return {
        kind,
        counter: readInteger(fields[1], "counter"),
        region: readName(fields[2], "region"),
      };
    case "command":
      return {
        kind,
        commandId: readInteger(fields[1], "commandId"),
        command: readCommand(fields[2]),
      };
    case "command-result":
      return {
        kind,
        commandId: readInteger(fields[1], "commandId"),
        code: readMaybeErrorCode(fields[2] ?? 0, "code"),
        message: readProse(fields[3] ?? "", "message"),
        stamp: readMaybeStamp(fields[4], "stamp"),
        confirmedCount: readInteger(fields[5] ?? 0, "confirmedCount"),
        unconfirmed: readUnconfirmed(fields[6]),
      };
  }
}

function writeCommand(command: RoutedCommand): unknown[] {
  const { namespace, service, id } = command;
  const head = [COMMAND_KINDS[command.kind], namespace, service, id];
  switch (command.kind) {
    case "renew":
      return head;
    case "deregister":
      return [...head, command.reason];
    case "set-state":
      return [...head, command.state, writeDuration(command.timeoutMs)];
    case "update":
      return [...head, command.body];
    case "rise":
      return [...head, writeStamp(command.stamp)];
    case "accuse":
      return [...head, command.incarnation, command.isRetraction, command.accuser];
  }
}

function readCommand(value: unknown): RoutedCommand {
  const fields = readFields(value, "command", 4);
  const kind = readEnum(fields[0], "command.kind", commandKinds);
  const address = {
    namespace: readName(fields[1], "namespace"),
    service: readName(fields[2], "service"),
    id: readName(fields[3], "id"),
  };
  switch (kind) {
    case "renew":
      return { kind, ...address };
    case "deregister":
      return { kind, ...address, reason: readReason(fields[4]) };
    case "set-state":
      return {
        kind,
        ...address,
        state: readState(fields[4]),
        timeoutMs: readDuration(fields[5] ?? 0, "timeoutMs"),
      };
    case "update":
      return { kind, ...address, body: readBytes(fields[4], "body", BODY_MAX_BYTES) };
    case "rise":
      return { kind, ...address, stamp: readStamp(fields[4], "stamp") };
    case "accuse":
      return {
        kind,
        ...address,
        incarnation: readInteger(fields[4], "incarnation"),
        isRetraction: readBoolean(fields[5] ?? false, "isRetraction"),
        accuser: readName(fields[6], "id", "accuser"),
      };
  }
}

/** Field 0 is the type number. */
const READERS: Readers<PeerMessage> = {
  digest: (fields) => {
    const refused: RefusedPart[] = [];
    return {
      type: "digest",
      entries: readEntries(fields[1], refused),
      floors: readLives(fields[2], "floors", ORIGIN_COUNT_MAX),
      hears: readList(fields[3] ?? [], "hears", NODE_COUNT_MAX, (item) => readName(item, "nodeId")),
      isReady: readBoolean(fields[4] ?? true, "isReady"),
      repair: readEnum(fields[5] ?? REPAIR_REQUESTS.now, "repair", repairRequests),
      ended: readLives(fields[6], "ended", NODE_COUNT_MAX),
      ...saying(refused),
    };
  },
  delta: (fields) => {
    const refused: RefusedPart[] = [];
    const groups = readPeerGroups(fields[1], refused, readDeltaGroup);
    const replacedBy = readVersions(fields[2], "replacedBy", refused);
    return { type: "delta", groups, ...naming(replacedBy), ...saying(refused) };
  },
  reset: (fields) => {
    const refused: RefusedPart[] = [];
    return {
      type: "reset",
      origins: readList(fields[1], "origins", ORIGIN_COUNT_MAX, readOrigin),
      groups: readPeerGroups(fields[2], refused, readResetGroup),
      isFinal: readBoolean(fields[3], "isFinal"),
      entries: readEntries(fields[4], refused),
      floors: readLives(fields[5], "floors", ORIGIN_COUNT_MAX),
      ...naming(readVersions(fields[6], "replacedBy", refused)),
      ...saying(refused),
    };
  },
  route: (fields) => ({
    type: "route",
    to: readName(fields[1], "nodeId", "to"),
    from: readName(fields[2], "nodeId", "from"),
    hops: readInteger(fields[3], "hops", 0, ROUTE_HOPS_MAX),
    payload: readPayload(fields[4]),
  }),
};

const DECODER: MessageDecoder<PeerMessage> = {
  what: "peer message",
  names: namesByNumber(PEER_TYPES),
  readers: READERS,
  valueCountMax: FRAME_VALUE_COUNT_MAX,
};
