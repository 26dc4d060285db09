/**
 * Records, origins and digests: the parts that sessions and peers share.
 *
 * A group is `[origin, records, …]`, a record `[version, kind, namespace, service, id, incarnation,
 * session, claim, flags, since, body]`; its scope is its origin's. Namespace and service are nil
 * when they equal those of the record before in the same group: a view's records share theirs.
 */
import {
  BODY_MAX_BYTES,
  CLAIM_MAX,
  type ContentDigest,
  type DigestEntry,
  EMPTY_DIGEST,
  type Hole,
  InstanceState,
  ORIGIN_COUNT_MAX,
  ORIGIN_HOLE_COUNT_MAX,
  type Origin,
  type OriginVersion,
  type RecordGroup,
  RecordKind,
  type RefusedPart,
  type RegistryRecord,
  RemovalReason,
  Scope,
  SESSION_NUMBER_MAX,
} from "@fpzk/core";
import {
  readArray,
  readBoolean,
  readBytes,
  readFields,
  readInteger,
  readList,
  readName,
} from "./fields.js";
import { show } from "./names.js";
import { WireFault } from "./wire-fault.js";
import { keyOfWire, type WireKey, wireKeyOf } from "./wire-key.js";
import { MESSAGE_RECORD_COUNT_MAX } from "./wire-limits.js";

export const STATE_MAX = InstanceState.removed;
export const REASON_MAX = RemovalReason.collected;

/** Bits of a record's flags: 0–1 state, 2 suspect, 3–6 reason. */
const SUSPECT_BIT = 4;
const REASON_SHIFT = 3;
const FLAGS_MAX = 127;

const UINT32_MAX = 4_294_967_295;
const NO_BYTES = new Uint8Array(0);

export function writeOrigin(origin: Origin): unknown[] {
  return [origin.nodeId, origin.generation, origin.scope];
}

export function readOrigin(value: unknown): Origin {
  const fields = readFields(value, "origin", 2);
  return {
    nodeId: readName(fields[0], "nodeId"),
    generation: readInteger(fields[1], "generation"),
    scope: fields[2] === undefined ? Scope.global : readScope(fields[2]),
  };
}

export function readScope(value: unknown): Scope {
  return readInteger(value, "scope", 0, Scope.region) as Scope;
}

/** A state that can be asked for: what is to be removed is deregistered. */
export function readState(value: unknown): InstanceState {
  return readInteger(value, "state", 0, InstanceState.draining) as InstanceState;
}

export function readReason(value: unknown): RemovalReason {
  return readInteger(value, "reason", 0, REASON_MAX) as RemovalReason;
}

export function readRecordKind(value: unknown, field: string): RecordKind {
  return readInteger(value, field, RecordKind.instance, RecordKind.routeSet) as RecordKind;
}

export function writeDigest(digest: ContentDigest): unknown[] {
  return [digest.high, digest.low];
}

/** A digest; that of nothing when the value is missing. */
export function readDigest(value: unknown): ContentDigest {
  if (value === undefined || value === null) return EMPTY_DIGEST;
  const fields = readFields(value, "digest", 2);
  return {
    high: readInteger(fields[0], "digest.high", 0, UINT32_MAX),
    low: readInteger(fields[1], "digest.low", 0, UINT32_MAX),
  };
}

export function writePosition(position: readonly OriginVersion[]): unknown[] {
  return position.map(({ origin, version }) => [
    origin.nodeId,
    origin.generation,
    origin.scope,
    version,
  ]);
}

/** What a replica holds, from `[nodeId, generation, scope, version]` each. */
export function readPosition(value: unknown): OriginVersion[] {
  return readList(value ?? [], "position", ORIGIN_COUNT_MAX, readOriginVersion);
}

function readOriginVersion(value: unknown): OriginVersion {
  const fields = readFields(value, "", 4);
  return { origin: readOrigin(fields), version: readInteger(fields[3], "version") };
}

/** The same in a message of a peer: what cannot be read is left out and named in `refused`. */
export function readVersions(
  value: unknown,
  name: string,
  refused: RefusedPart[],
): OriginVersion[] {
  const versions: OriginVersion[] = [];
  for (const [index, item] of readArray(value ?? [], name, 0, ORIGIN_COUNT_MAX).entries()) {
    const version = readPart(item, { refused, name, index, originOf: whole }, readOriginVersion);
    if (version !== undefined) versions.push(version);
  }
  return versions;
}

export function writeEntries(entries: readonly DigestEntry[]): unknown[] {
  return entries.map(writeEntry);
}

/** Value by value: digests go over every link every second, and spreading costs more than packing. */
function writeEntry({ origin, version, watermark, content, isPartial }: DigestEntry): unknown[] {
  const { nodeId, generation, scope } = origin;
  const values = [nodeId, generation, scope, version, watermark, content.high, content.low];
  return isPartial === true ? [...values, true] : values;
}

/**
 * Digest entries, from `[nodeId, generation, scope, version, watermark, high, low, isPartial]`
 * each. One that cannot be read, or cannot be true, is left out and named in `refused`.
 */
export function readEntries(value: unknown, refused: RefusedPart[]): DigestEntry[] {
  const values = readArray(value ?? [], "entries", 0, ORIGIN_COUNT_MAX);
  const entries: DigestEntry[] = [];
  for (const [index, item] of values.entries()) {
    const entry = readPart(item, { refused, name: "entries", index, originOf: whole }, readEntry);
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

/** An entry begins with its origin's values. */
const whole = (item: unknown) => item;

function readEntry(value: unknown): DigestEntry {
  const fields = readFields(value, "", 7);
  const version = readInteger(fields[3], "version");
  const isPartial = readBoolean(fields[7] ?? false, "isPartial");
  const entry: DigestEntry = {
    origin: readOrigin(fields),
    version,
    watermark: readInteger(fields[4], "watermark", 0, version),
    content: {
      high: readInteger(fields[5], "content.high", 0, UINT32_MAX),
      low: readInteger(fields[6], "content.low", 0, UINT32_MAX),
    },
  };
  return isPartial ? { ...entry, isPartial } : entry;
}

/** Which part of a message a value is, for when it cannot be read. */
export interface MessagePart {
  readonly refused: RefusedPart[];
  /** Of the list, and the place in it. */
  readonly name: string;
  readonly index: number;
  /** Where in the value its origin stands. */
  readonly originOf: (value: unknown) => unknown;
}

/** A part of a message; undefined, and noted, when it cannot be read. */
export function readPart<T>(
  value: unknown,
  part: MessagePart,
  read: (value: unknown) => T,
): T | undefined {
  try {
    return read(value);
  } catch (fault) {
    if (!(fault instanceof WireFault)) throw fault;
    const { path, reason } = fault.within(`${part.name}[${part.index}]`);
    const origin = readMaybeOrigin(part.originOf(value));
    part.refused.push({ origin, reason: `${path} ${reason}` });
    return undefined;
  }
}

/** The origin that a value begins with, if it can be read. */
function readMaybeOrigin(value: unknown): Origin | undefined {
  try {
    return readOrigin(value);
  } catch {
    return undefined;
  }
}

/** `[origin, records]`; the caller may append. */
export function writeGroup(group: RecordGroup): unknown[] {
  let before: WireKey | undefined;
  const records: unknown[] = [];
  for (const record of group.records) {
    const key = wireKeyOf(record);
    records.push(writeRecord(record, key, before));
    before = key;
  }
  return [writeOrigin(group.origin), records];
}

function writeRecord(record: RegistryRecord, key: WireKey, before: WireKey | undefined): unknown[] {
  const { stamp } = record;
  return [
    record.version,
    record.kind,
    key.namespace === before?.namespace ? null : key.namespace,
    key.service === before?.service ? null : key.service,
    record.id,
    stamp.incarnation,
    stamp.session,
    stamp.claim,
    record.state | (record.isSuspect ? SUSPECT_BIT : 0) | (record.reason << REASON_SHIFT),
    record.since,
    record.body,
  ];
}

/**
 * Kinds that a node takes from peers: those above `routeSet` are for additions. A node that does not
 * know one keeps it and passes it on. Tables keep three bits of it.
 */
const KIND_MAX = 7;

/** Whether records of a kind belong to a service. */
function isNamed(kind: RecordKind): boolean {
  return kind === RecordKind.instance || kind === RecordKind.override;
}

/** How many more records a message may hold. */
export interface RecordBudget {
  recordCount: number;
}

export function newRecordBudget(): RecordBudget {
  return { recordCount: MESSAGE_RECORD_COUNT_MAX };
}

export function writeHoles(holes: readonly Hole[]): unknown[] {
  return holes.map(({ after, upTo }) => [after, upTo]);
}

/** What the sender could not read either, from `[after, upTo]` each, ascending and apart. */
export function readHoles(value: unknown, from: number, to: number): Hole[] {
  let last = from;
  return readList(value ?? [], "holes", ORIGIN_HOLE_COUNT_MAX, (item) => {
    const fields = readFields(item, "", 2);
    const after = readInteger(fields[0], "after", last);
    last = readInteger(fields[1], "upTo", after + 1, to);
    return { after, upTo: last, reason: SENDER_COULD_NOT };
  });
}

/** The reason of a hole that came with its group. */
export const SENDER_COULD_NOT = "the sender could not read it either";

/**
 * One group of a peer. A record that cannot be read becomes a hole in the group, and those after
 * it are read all the same; where its version cannot be told, the hole is all the rest.
 *
 * @throws {@link WireFault} when the group is no group, or its origin cannot be read.
 */
export function readPeerGroup(
  fields: readonly unknown[],
  budget: RecordBudget,
  { from, to }: { readonly from: number; readonly to: number },
): RecordGroup {
  const origin = readOrigin(fields[0]);
  const values = readArray(fields[1], "records", 0, budget.recordCount);
  budget.recordCount -= values.length;
  const records: RegistryRecord[] = [];
  const holes: Hole[] = [];
  let previous: Preceding = { version: from, namespace: undefined, service: undefined };
  for (const [index, value] of values.entries()) {
    try {
      const record = readRecord(value, origin, { previous, kindMax: KIND_MAX, versionMax: to });
      records.push(record);
      previous = { version: record.version, ...wireKeyOf(record) };
    } catch (fault) {
      if (!(fault instanceof WireFault)) throw fault;
      const { path, reason } = fault.within(`records[${index}]`);
      const after = previous.version;
      const next = precedingOf(value, previous, to);
      addHole(holes, { after, upTo: next?.version ?? to, reason: `${path} ${reason}` });
      if (next === undefined) break;
      previous = next;
    }
  }
  return { origin, records, ...(holes.length === 0 ? {} : { holes }) };
}

/** What a record that cannot be read says all the same of those after it; undefined: nothing. */
function precedingOf(value: unknown, previous: Preceding, versionMax: number) {
  if (!Array.isArray(value)) return undefined;
  const [version, , namespace, service] = value as unknown[];
  if (typeof version !== "number" || !Number.isSafeInteger(version)) return undefined;
  if (version <= previous.version || version > versionMax) return undefined;
  return {
    version,
    namespace: precedingPart(namespace, "namespace", previous),
    service: precedingPart(service, "service", previous),
  };
}

/** What is taken over is not looked at again: only what may be named counts as told. */
function precedingPart(
  value: unknown,
  part: "namespace" | "service",
  previous: Preceding,
): string | undefined {
  if (value === null) return previous[part];
  if (value === "") return value;
  try {
    return readName(value, part);
  } catch (fault) {
    if (!(fault instanceof WireFault)) throw fault;
    return undefined;
  }
}

/** Holes of two sources in order; those that meet, and those beyond the bound, become one. */
export function joinHoles(holes: readonly Hole[]): Hole[] {
  const joined: Hole[] = [];
  for (const hole of [...holes].sort((a, b) => a.after - b.after)) addHole(joined, hole);
  return joined;
}

/** Adds a hole after the others; what touches the last one, or is one too many, joins it. */
function addHole(holes: Hole[], hole: Hole): void {
  if (hole.after >= hole.upTo) return;
  const last = holes.at(-1);
  const isJoined =
    last !== undefined && (last.upTo >= hole.after || holes.length >= ORIGIN_HOLE_COUNT_MAX);
  if (isJoined) holes[holes.length - 1] = { ...last, upTo: Math.max(last.upTo, hole.upTo) };
  else holes.push(hole);
}

/** One group; its versions must rise. */
export function readGroup(fields: readonly unknown[], budget: RecordBudget): RecordGroup {
  const origin = readOrigin(fields[0]);
  const values = readArray(fields[1], "records", 0, budget.recordCount);
  budget.recordCount -= values.length;
  const records: RegistryRecord[] = [];
  let previous: Preceding | undefined;
  try {
    for (const value of values) {
      const record = readRecord(value, origin, { previous, kindMax: RecordKind.routeSet });
      records.push(record);
      previous = { version: record.version, ...wireKeyOf(record) };
    }
  } catch (fault) {
    throw fault instanceof WireFault ? fault.within(`records[${records.length}]`) : fault;
  }
  return { origin, records };
}

/** The groups of a message; one origin may have several, as many as there are records. */
export function readGroups(value: unknown): RecordGroup[] {
  const budget = newRecordBudget();
  return readList(value ?? [], "groups", MESSAGE_RECORD_COUNT_MAX, (item) =>
    readGroup(readFields(item, "", 2), budget),
  );
}

/** What a record takes over from the one before it in its group. */
interface Preceding {
  readonly version: number;
  /** Undefined: it could not be read, or there is none. */
  readonly namespace: string | undefined;
  readonly service: string | undefined;
}

interface RecordContext {
  readonly previous: Preceding | undefined;
  /** Highest kind that may come. */
  readonly kindMax: number;
  /** Highest version that may come. Default: any. */
  readonly versionMax?: number;
}

function readRecord(value: unknown, origin: Origin, context: RecordContext): RegistryRecord {
  const { previous, kindMax, versionMax } = context;
  const fields = readFields(value, "", 9);
  const version = readInteger(fields[0], "version", 1, versionMax);
  if (previous !== undefined && version <= previous.version) {
    throw new WireFault("version", `${version} must be > ${previous.version}, that before it`);
  }
  const kind = readInteger(fields[1], "kind", RecordKind.instance, kindMax) as RecordKind;
  const flags = readInteger(fields[8], "flags", 0, FLAGS_MAX);
  const id = readName(fields[4], "id");
  checkSpeaker(kind, id, origin, flags);
  checkRouteSetFlags(kind, flags);
  return {
    kind,
    scope: origin.scope,
    ...keyOfWire(kind, id, {
      namespace: readKeyPart(fields[2], "namespace", kind, previous),
      service: readKeyPart(fields[3], "service", kind, previous),
    }),
    id,
    origin,
    version,
    stamp: {
      incarnation: readInteger(fields[5], "incarnation"),
      session: readInteger(fields[6], "session", 0, SESSION_NUMBER_MAX),
      claim: readInteger(fields[7], "claim", 0, CLAIM_MAX),
    },
    state: (flags & STATE_MAX) as InstanceState,
    isSuspect: (flags & SUSPECT_BIT) !== 0,
    reason: readReason(flags >> REASON_SHIFT),
    since: fields[9] === undefined ? 0 : readInteger(fields[9], "since"),
    body: fields[10] === undefined ? NO_BYTES : readBytes(fields[10], "body", BODY_MAX_BYTES),
  };
}

/** A node speaks for itself alone, but for the goodbye that is said for one that is long dead. */
function checkSpeaker(kind: RecordKind, id: string, origin: Origin, flags: number): void {
  const isOfNode = kind === RecordKind.node || kind === RecordKind.canary;
  if (!isOfNode || id === origin.nodeId) return;
  const isGoodbye =
    (flags & STATE_MAX) === InstanceState.removed && flags >> REASON_SHIFT === RemovalReason.left;
  if (kind === RecordKind.node && isGoodbye) return;
  throw new WireFault(
    "id",
    `${show(id)} must equal its origin ${show(origin.nodeId)} for kind ${kind}`,
  );
}

/** A route set is there or is not: it does not drain, and nobody suspects it. */
function checkRouteSetFlags(kind: RecordKind, flags: number): void {
  const state = flags & (STATE_MAX | SUSPECT_BIT);
  if (kind !== RecordKind.routeSet || state === InstanceState.up) return;
  if (state !== InstanceState.removed) throw new WireFault("flags", `${flags} suit no route set`);
}

/** Namespace or service: named, or nil for that of the record before; empty where {@link isNamed}. */
function readKeyPart(
  value: unknown,
  part: "namespace" | "service",
  kind: RecordKind,
  previous: Preceding | undefined,
): string {
  let text = value;
  if (value === null) {
    text = previous?.[part];
    if (text === undefined) throw new WireFault(part, "nil must follow another record");
  }
  if (!isNamed(kind)) {
    if (text !== "") throw new WireFault(part, `${show(text)} must be empty for kind ${kind}`);
    return "";
  }
  if (value === null && text !== "") return text as string;
  return readName(text, part);
}
