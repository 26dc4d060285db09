/** Small pools of names and numbers, edges included, from which tapes choose what is said. */
import {
  type DeltaGroup,
  type Hole,
  INCARNATION_MAX,
  InstanceState,
  type Origin,
  RecordKind,
  type RegistryRecord,
  RemovalReason,
  type Scope,
  type SessionMessage,
  type Stamp,
} from "@fpzk/core";
import { encodeInstanceDescription, encodeNodeDescription } from "@fpzk/protocol";
import type { Tape } from "../engine/tape.js";

export const SELF = "n0";
export const GENERATION = 1_700_000_000_000;
const HUGE = Number.MAX_SAFE_INTEGER;
const NODE_IDS = [SELF, "n1", "n2", "n3"] as const;
const SERVICES = ["cart", "orders"] as const;
const IDS = ["i1", "i2", "i3"] as const;
const GENERATIONS = [GENERATION, GENERATION + 1, 1, GENERATION - 1, 0, HUGE] as const;

const GOOD_BODY = encodeInstanceDescription({
  group: "",
  version: "",
  region: "eu",
  zone: "",
  weight: 100,
  startWallTime: 0,
  endpoints: [{ protocol: "http", host: "127.0.0.1", port: 80, tls: false, isPublic: false }],
  metadata: {},
} as never).slice();
const NODE_BODY = encodeNodeDescription({
  region: "eu",
  zone: "",
  address: "127.0.0.1:1",
  peerAddress: "127.0.0.1:1",
  tls: false,
}).slice();
const BODIES = [GOOD_BODY, NODE_BODY, new Uint8Array(0), Uint8Array.from([0xc1, 0xff])] as const;

export const nodeIdOf = (tape: Tape): string => tape.pick(NODE_IDS);
export const serviceOf = (tape: Tape): string => tape.pick(SERVICES);
export const idOf = (tape: Tape): string => tape.pick(IDS);
export const regionOf = (tape: Tape): string => tape.pick(["eu", "us", ""]);
export const bodyOf = (tape: Tape): Uint8Array => tape.pick(BODIES);
export const stateOf = (tape: Tape): InstanceState =>
  tape.below(InstanceState.removed + 1) as InstanceState;
export const reasonOf = (tape: Tape): RemovalReason =>
  tape.below(RemovalReason.collected + 1) as RemovalReason;
export const versionOf = (tape: Tape): number =>
  tape.below(8) === 0 ? tape.pick([HUGE, HUGE - 1, 2 ** 48, 1_000]) : tape.below(12);
export const digestOf = (tape: Tape) =>
  tape.flag() ? { high: 0, low: 0 } : { high: tape.byte(), low: tape.byte() };

export function originOf(tape: Tape): Origin {
  return {
    nodeId: nodeIdOf(tape),
    generation: tape.pick(GENERATIONS),
    scope: tape.below(2) as Scope,
  };
}

export function stampOf(tape: Tape): Stamp {
  return {
    incarnation: tape.pick([1, 2, 3, 0, GENERATION, GENERATION + 1, INCARNATION_MAX, HUGE]),
    session: tape.pick([1, 2, 0, 2 ** 32 - 1]),
    claim: tape.pick([0, 1, 65_535]),
  };
}

export function positionOf(tape: Tape): { origin: Origin; version: number }[] {
  return tape.list(3, () => ({ origin: originOf(tape), version: versionOf(tape) }));
}

/** A group with rising versions; now and then one that cannot be read, or a hole. */
export function groupOf(tape: Tape): DeltaGroup {
  const origin = originOf(tape);
  const from = versionOf(tape);
  let version = from;
  const records = tape.list(4, (): RegistryRecord => {
    version += 1 + (tape.below(8) === 0 ? tape.byte() : 0);
    return recordOf(tape, origin, version);
  });
  const to = Math.min(HUGE, version + (tape.below(4) === 0 ? tape.byte() : 0));
  const holes: Hole[] =
    tape.below(8) === 0 && to > from ? [{ after: from, upTo: to, reason: "" }] : [];
  return { origin, records, from, to, ...(holes.length > 0 ? { holes } : {}) };
}

function recordOf(tape: Tape, origin: Origin, version: number): RegistryRecord {
  const kind = tape.pick([
    ...[RecordKind.instance, RecordKind.instance, RecordKind.node, RecordKind.override],
    ...[RecordKind.canary, 5 as RecordKind],
  ] as [RecordKind, ...RecordKind[]]);
  const isNamed = kind === RecordKind.instance || kind === RecordKind.override;
  const state = stateOf(tape);
  const isPoison = tape.below(24) === 0;
  const id = isNamed || tape.below(8) === 0 ? idOf(tape) : origin.nodeId;
  return {
    kind,
    scope: origin.scope,
    namespace: isNamed ? "default" : "",
    service: isNamed ? serviceOf(tape) : "",
    id: isPoison ? (version as never) : id,
    origin,
    version,
    stamp: stampOf(tape),
    state,
    isSuspect: tape.flag(),
    reason: reasonOf(tape),
    since: tape.pick([0, 1, GENERATION * 2048, HUGE]),
    body: bodyOf(tape),
  };
}

/** What a node may say to a session. */
export function sessionMessageOf(tape: Tape): SessionMessage {
  const groups = () =>
    tape.list(2, () => groupOf(tape)).map(({ origin, records }) => ({ origin, records }));
  const requestId = tape.below(6);
  switch (tape.below(11)) {
    case 0:
      return {
        type: "welcome",
        nodeId: nodeIdOf(tape),
        generation: GENERATION,
        region: regionOf(tape),
        heartbeatIntervalMs: tape.pick([1_000, 0, 86_400_000, 1]),
        ttlMs: tape.pick([3_000, 0, 86_400_000, 1]),
        reconnectDelayMs: tape.pick([0, 100, 86_400_000]),
        isReady: tape.flag(),
        firstIncarnation: tape.pick([0, 1, GENERATION, HUGE]),
        knowsRouteSets: tape.below(2) === 0,
        knowsAccusations: true,
      };
    case 1:
      return {
        type: "members",
        members: tape.list(4, () => ({
          nodeId: nodeIdOf(tape),
          generation: tape.pick(GENERATIONS),
          region: regionOf(tape),
          zone: "",
          address: tape.pick(["127.0.0.1:1", "", "n1:7100"]),
          tls: tape.flag(),
          status: tape.pick(["alive", "suspect", "dead", "unreachable", "left"]),
        })),
      };
    case 2:
      return {
        type: "registered",
        requestId,
        items: tape.list(3, () => ({
          service: serviceOf(tape),
          id: idOf(tape),
          stamp: tape.flag() ? stampOf(tape) : undefined,
          since: tape.pick([0, HUGE]),
          code: tape.flag() ? undefined : tape.pick(["unavailable", "resource_exhausted"]),
          message: "",
        })),
      };
    case 3:
      return { type: "done", requestId };
    case 4: {
      const code = tape.pick(["unavailable", "unauthenticated", "not_found", "internal"]);
      return { type: "refused", requestId, code, message: "" };
    }
    case 5:
      return { type: "drained", requestId, confirmedCount: tape.byte(), unconfirmed: [] };
    case 6:
      return {
        type: "snapshot",
        requestId,
        service: serviceOf(tape),
        kind: tape.pick(["full", "delta", "unchanged"]),
        isFinal: tape.flag(),
        groups: groups(),
        position: positionOf(tape),
        digest: digestOf(tape),
      };
    case 7:
      return { type: "change", service: serviceOf(tape), groups: groups(), digest: digestOf(tape) };
    case 8: {
      const digests = tape.list(2, () => ({ service: serviceOf(tape), digest: digestOf(tape) }));
      return { type: "pong", sequence: tape.below(20), digests };
    }
    case 9:
      return {
        type: "superseded",
        service: serviceOf(tape),
        id: idOf(tape),
        stamp: stampOf(tape),
        isAlive: tape.flag(),
        isUndecided: tape.flag(),
        since: tape.below(20),
      };
    default:
      return { type: "move", delayMs: tape.pick([0, 100, 86_400_000]), reason: "" };
  }
}
