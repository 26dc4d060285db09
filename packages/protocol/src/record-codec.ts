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
  InstanceState,
  ORIGIN_COUNT_MAX,
  type Origin,
  type OriginVersion,
  type RecordGroup,
  RecordKind,
  type RegistryRecord,
  RemovalReason,
  Scope,
  SESSION_NUMBER_MAX,
} from "@fpzk/core";
import { readArray, readBytes, readFields, readInteger, readList, readName } from "./fields.js";
import { show } from "./names.js";
import { WireFault } from "./wire-fault.js";
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

export function readState(value: unknown): InstanceState {
  return readInteger(value, "state", 0, STATE_MAX) as InstanceState;
}

export function readReason(value: unknown): RemovalReason {
  return readInteger(value, "reason", 0, REASON_MAX) as RemovalReason;
}

export function readRecordKind(value: unknown, field: string): RecordKind {
  return readInteger(value, field, RecordKind.instance, RecordKind.canary) as RecordKind;
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
  return position.map((entry) => [...writeOrigin(entry.origin), entry.version]);
}

/** What a replica holds, from `[nodeId, generation, scope, version]` each. */
export function readPosition(value: unknown): OriginVersion[] {
  return readList(value ?? [], "position", ORIGIN_COUNT_MAX, (item) => {
    const fields = readFields(item, "", 4);
    return { origin: readOrigin(fields), version: readInteger(fields[3], "version") };
  });
}

export function writeEntries(entries: readonly DigestEntry[]): unknown[] {
  return entries.map((entry) => [
    ...writeOrigin(entry.origin),
    entry.version,
    entry.watermark,
    entry.content.high,
    entry.content.low,
  ]);
}

/** Digest entries, from `[nodeId, generation, scope, version, watermark, high, low]` each. */
export function readEntries(value: unknown): DigestEntry[] {
  return readList(value ?? [], "entries", ORIGIN_COUNT_MAX, (item) => {
    const fields = readFields(item, "", 7);
    return {
      origin: readOrigin(fields),
      version: readInteger(fields[3], "version"),
      watermark: readInteger(fields[4], "watermark"),
      content: {
        high: readInteger(fields[5], "content.high", 0, UINT32_MAX),
        low: readInteger(fields[6], "content.low", 0, UINT32_MAX),
      },
    };
  });
}

/** `[origin, records]`; the caller may append. */
export function writeGroup(group: RecordGroup): unknown[] {
  let namespace: string | undefined;
  let service: string | undefined;
  const records: unknown[] = [];
  for (const record of group.records) {
    records.push(writeRecord(record, record.namespace === namespace, record.service === service));
    namespace = record.namespace;
    service = record.service;
  }
  return [writeOrigin(group.origin), records];
}

function writeRecord(
  record: RegistryRecord,
  hasSameNamespace: boolean,
  hasSameService: boolean,
): unknown[] {
  const { stamp } = record;
  return [
    record.version,
    record.kind,
    hasSameNamespace ? null : record.namespace,
    hasSameService ? null : record.service,
    record.id,
    stamp.incarnation,
    stamp.session,
    stamp.claim,
    record.state | (record.isSuspect ? SUSPECT_BIT : 0) | (record.reason << REASON_SHIFT),
    record.since,
    record.body,
  ];
}

/** How many more records a message may hold. */
export interface RecordBudget {
  recordCount: number;
}

export function newRecordBudget(): RecordBudget {
  return { recordCount: MESSAGE_RECORD_COUNT_MAX };
}

/** One group; its versions must rise. */
export function readGroup(fields: readonly unknown[], budget: RecordBudget): RecordGroup {
  const origin = readOrigin(fields[0]);
  const values = readArray(fields[1], "records", 0, budget.recordCount);
  budget.recordCount -= values.length;
  const records: RegistryRecord[] = [];
  let previous: RegistryRecord | undefined;
  try {
    for (const value of values) {
      previous = readRecord(value, origin, previous);
      records.push(previous);
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

function readRecord(
  value: unknown,
  origin: Origin,
  previous: RegistryRecord | undefined,
): RegistryRecord {
  const fields = readFields(value, "", 9);
  const version = readInteger(fields[0], "version", 1);
  if (previous !== undefined && version <= previous.version) {
    throw new WireFault("version", `${version} must be > ${previous.version}, that before it`);
  }
  const kind = readRecordKind(fields[1], "kind");
  const flags = readInteger(fields[8], "flags", 0, FLAGS_MAX);
  const id = readName(fields[4], "id");
  checkSpeaker(kind, id, origin);
  return {
    kind,
    scope: origin.scope,
    namespace: readKeyPart(fields[2], "namespace", kind, previous),
    service: readKeyPart(fields[3], "service", kind, previous),
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

/** A node speaks for itself alone. */
function checkSpeaker(kind: RecordKind, id: string, origin: Origin): void {
  const isOfNode = kind === RecordKind.node || kind === RecordKind.canary;
  if (!isOfNode || id === origin.nodeId) return;
  throw new WireFault(
    "id",
    `${show(id)} must equal its origin ${show(origin.nodeId)} for kind ${kind}`,
  );
}

/** Namespace or service: named, or nil for that of the record before; empty for node and canary. */
function readKeyPart(
  value: unknown,
  part: "namespace" | "service",
  kind: RecordKind,
  previous: RegistryRecord | undefined,
): string {
  let text = value;
  if (value === null) {
    if (previous === undefined) throw new WireFault(part, "nil must follow another record");
    text = previous[part];
  }
  if (kind === RecordKind.node || kind === RecordKind.canary) {
    if (text !== "") throw new WireFault(part, `${show(text)} must be empty for kind ${kind}`);
    return "";
  }
  if (value === null && text !== "") return text as string;
  return readName(text, part);
}
