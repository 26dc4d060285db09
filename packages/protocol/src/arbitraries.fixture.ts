/** fast-check arbitraries for every message: what round-trip and mutation tests draw from. */
import {
  type DeltaGroup,
  ERROR_CODES,
  type ErrorCode,
  type InstanceDescription,
  InstanceState,
  type NodeDescription,
  NodeStatus,
  type Origin,
  type OverrideDescription,
  type PeerMessage,
  RecordKind,
  type RegistryRecord,
  RemovalReason,
  ROUTE_SET_SERVICE,
  type RoutedCommand,
  type RoutePayload,
  routeSetId,
  Scope,
  type SessionMessage,
  type SessionRequest,
} from "@fpzk/core";
import fc from "fast-check";
import { checkName } from "./names.js";
import { SENDER_COULD_NOT } from "./record-codec.js";
import { DURATION_MAX_MS } from "./wire-limits.js";

const UINT32_MAX = 4_294_967_295;

const isControlled = (text: string) => checkName("id", text) === undefined;
const id = fc
  .oneof(
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }),
    fc.constantFrom("orders-1", "10.0.0.1:8080", "größer/βeta", "x".repeat(200), "𝕏 y"),
  )
  .filter(isControlled);
const slashless = id.map((text) => text.replaceAll("/", "-"));
const maybeName = fc.oneof(fc.constant(""), id);
const prose = fc.string({ maxLength: 40 });
const counter = fc.maxSafeNat();
const uint32 = fc.nat({ max: UINT32_MAX });
const durationMs = fc.nat({ max: DURATION_MAX_MS });
const body = fc.uint8Array({ maxLength: 60 });
const state = fc.constantFrom(...Object.values(InstanceState));
const askedState = fc.constantFrom(InstanceState.up, InstanceState.offline, InstanceState.draining);
const reason = fc.constantFrom(...Object.values(RemovalReason));
const scope = fc.constantFrom(...Object.values(Scope));
const errorCode = fc.constantFrom(...(Object.keys(ERROR_CODES) as ErrorCode[]));
const digest = fc.record({ high: uint32, low: uint32 });
const stamp = fc.record({
  incarnation: counter,
  session: uint32,
  claim: fc.nat({ max: 65_535 }),
});
const origin: fc.Arbitrary<Origin> = fc.record({ nodeId: id, generation: counter, scope });
const position = fc.array(fc.record({ origin, version: counter }), { maxLength: 4 });
const unconfirmed = fc.array(slashless, { maxLength: 3 });
const address = { namespace: slashless, service: slashless, id };

interface RecordSeed {
  readonly step: number;
  readonly kind: RecordKind;
  readonly namespace: string;
  readonly service: string;
  readonly rest: Omit<
    RegistryRecord,
    "kind" | "namespace" | "service" | "origin" | "version" | "scope"
  >;
}

const recordSeed: fc.Arbitrary<RecordSeed> = fc.record({
  step: fc.integer({ min: 1, max: 1_000_000 }),
  kind: fc.constantFrom(...Object.values(RecordKind)),
  namespace: fc.oneof(fc.constant("default"), slashless),
  service: fc.oneof(fc.constant("orders"), slashless),
  rest: fc.record({ id, stamp, state, isSuspect: fc.boolean(), reason, since: counter, body }),
});

const group: fc.Arbitrary<DeltaGroup> = fc
  .record({
    origin,
    from: fc.nat(),
    beyond: fc.nat(),
    seeds: fc.array(recordSeed, { maxLength: 5 }),
    hasHole: fc.boolean(),
  })
  .map(({ origin, from, beyond, seeds, hasHole }) => {
    let version = from;
    const records = seeds.map(({ step, kind, namespace, service, rest }): RegistryRecord => {
      version += step;
      const common = { ...rest, kind, scope: origin.scope, origin, version };
      if (kind === RecordKind.routeSet) {
        const name = { namespace: "default", service: ROUTE_SET_SERVICE };
        const state = rest.state === InstanceState.removed ? rest.state : InstanceState.up;
        const id = routeSetId("default", `shop-${step}`);
        return { ...common, ...name, id, state, isSuspect: false };
      }
      const isNamed = kind === RecordKind.instance || kind === RecordKind.override;
      return {
        ...common,
        namespace: isNamed ? namespace : "",
        service: isNamed ? service : "",
        id: isNamed ? rest.id : origin.nodeId,
      };
    });
    const to = version + beyond;
    const isTorn = hasHole && version < to;
    const holes = [{ after: version, upTo: to, reason: SENDER_COULD_NOT }];
    return { origin, records, from, to, ...(isTorn ? { holes } : {}) };
  });
const plainGroups = fc
  .array(group, { maxLength: 3 })
  .map((groups) => groups.map(({ origin, records }) => ({ origin, records })));
const resetGroups = fc
  .array(group, { maxLength: 3 })
  .map((groups) => groups.map(({ from: _, to: __, ...rest }) => rest));

export const sessionRequest: fc.Arbitrary<SessionRequest> = fc.oneof(
  fc.record({
    type: fc.constant("hello" as const),
    protocolVersion: fc.integer({ min: 1, max: 65_535 }),
    namespace: slashless,
    token: maybeName,
    clientId: id,
    sessionNumber: fc.integer({ min: 1, max: UINT32_MAX }),
    region: maybeName,
    zone: maybeName,
    agent: prose,
  }),
  fc.record({
    type: fc.constant("register" as const),
    requestId: counter,
    items: fc.array(
      fc.record({
        service: slashless,
        id,
        incarnation: counter,
        since: counter,
        state: askedState,
        scope,
        body,
      }),
      { maxLength: 4 },
    ),
  }),
  fc.record({
    type: fc.constant("deregister" as const),
    requestId: counter,
    service: slashless,
    id,
    reason,
  }),
  fc.record({
    type: fc.constant("set-state" as const),
    requestId: counter,
    service: slashless,
    id,
    state: askedState,
    timeoutMs: durationMs,
    leftRegions: fc.array(slashless, { maxLength: 2 }),
  }),
  fc.record({
    type: fc.constant("watch" as const),
    requestId: counter,
    service: slashless,
    position,
    digest,
  }),
  fc.record({ type: fc.constant("unwatch" as const), service: slashless }),
  fc.record({ type: fc.constant("query" as const), requestId: counter, service: slashless }),
  fc.record({
    type: fc.constant("heartbeat" as const),
    sequence: counter,
    wantsDigests: fc.boolean(),
  }),
  fc.record({ type: fc.constant("confirm" as const), service: slashless, id, stamp }),
  fc.record({ type: fc.constant("ahead" as const), service: slashless, id, stamp }),
  fc.record({
    type: fc.constant("accuse" as const),
    service: slashless,
    id,
    incarnation: counter,
    isRetraction: fc.boolean(),
  }),
  fc.record({ type: fc.constant("goodbye" as const) }),
);

export const sessionMessage: fc.Arbitrary<SessionMessage> = fc.oneof(
  fc.record({
    type: fc.constant("welcome" as const),
    nodeId: id,
    generation: counter,
    region: maybeName,
    heartbeatIntervalMs: durationMs,
    ttlMs: durationMs,
    reconnectDelayMs: durationMs,
    isReady: fc.boolean(),
    firstIncarnation: counter,
    knowsRouteSets: fc.boolean(),
    knowsAccusations: fc.boolean(),
  }),
  fc.record({
    type: fc.constant("members" as const),
    members: fc.array(
      fc.record({
        nodeId: id,
        generation: counter,
        region: maybeName,
        zone: maybeName,
        address: maybeName,
        tls: fc.boolean(),
        status: fc.constantFrom(...Object.values(NodeStatus)),
      }),
      { maxLength: 4 },
    ),
  }),
  fc.record({
    type: fc.constant("registered" as const),
    requestId: counter,
    items: fc.array(
      fc.record({
        service: slashless,
        id,
        stamp: fc.option(stamp, { nil: undefined }),
        since: counter,
        code: fc.option(errorCode, { nil: undefined }),
        message: prose,
      }),
      { maxLength: 4 },
    ),
  }),
  fc.record({ type: fc.constant("done" as const), requestId: counter }),
  fc.record({
    type: fc.constant("refused" as const),
    requestId: counter,
    code: errorCode,
    message: prose,
  }),
  fc.record({
    type: fc.constant("drained" as const),
    requestId: counter,
    confirmedCount: counter,
    unconfirmed,
  }),
  fc.record({
    type: fc.constant("snapshot" as const),
    requestId: counter,
    service: slashless,
    kind: fc.constantFrom("full" as const, "delta" as const, "unchanged" as const),
    isFinal: fc.boolean(),
    groups: plainGroups,
    position,
    digest,
  }),
  fc.record({
    type: fc.constant("change" as const),
    service: slashless,
    groups: plainGroups,
    digest,
  }),
  fc.record({
    type: fc.constant("pong" as const),
    sequence: counter,
    digests: fc.array(fc.record({ service: slashless, digest }), { maxLength: 3 }),
  }),
  fc.record({
    type: fc.constant("pong" as const),
    sequence: counter,
    digests: fc.array(fc.record({ service: slashless, digest }), { maxLength: 1 }),
    reconnectDelayMs: durationMs,
  }),
  fc.record({
    type: fc.constant("superseded" as const),
    service: slashless,
    id,
    stamp,
    isAlive: fc.boolean(),
    isUndecided: fc.boolean(),
    since: counter,
  }),
  fc.record({ type: fc.constant("move" as const), delayMs: durationMs, reason: prose }),
);

const command: fc.Arbitrary<RoutedCommand> = fc.oneof(
  fc.record({ kind: fc.constant("renew" as const), ...address }),
  fc.record({ kind: fc.constant("deregister" as const), ...address, reason }),
  fc.record({
    kind: fc.constant("set-state" as const),
    ...address,
    state: askedState,
    timeoutMs: durationMs,
  }),
  fc.record({ kind: fc.constant("update" as const), ...address, body }),
  fc.record({ kind: fc.constant("rise" as const), ...address, stamp }),
  fc.record({
    kind: fc.constant("accuse" as const),
    ...address,
    incarnation: counter,
    isRetraction: fc.boolean(),
    accuser: id,
  }),
);

const payload: fc.Arbitrary<RoutePayload> = fc.oneof(
  fc.record({
    kind: fc.constant("drain-confirm" as const),
    recordKind: fc.constantFrom(...Object.values(RecordKind)),
    ...address,
    stamp,
    confirmedCount: counter,
    unconfirmed,
    isQuestion: fc.boolean(),
    isLeft: fc.boolean(),
    generation: counter,
  }),
  fc.record({ kind: fc.constant("canary-echo" as const), counter, region: maybeName }),
  fc.record({ kind: fc.constant("command" as const), commandId: counter, command }),
  fc.record({
    kind: fc.constant("command-result" as const),
    commandId: counter,
    code: fc.option(errorCode, { nil: undefined }),
    message: prose,
    stamp: fc.option(stamp, { nil: undefined }),
    confirmedCount: counter,
    unconfirmed,
  }),
);

const entries = fc.array(
  fc
    .record({
      origin,
      marks: fc.tuple(counter, counter),
      content: digest,
      isPartial: fc.boolean(),
    })
    .map(({ origin, marks, content, isPartial }) => ({
      ...{ origin, version: Math.max(...marks), watermark: Math.min(...marks), content },
      ...(isPartial ? { isPartial } : {}),
    })),
  { maxLength: 4 },
);
const floors = fc.array(fc.record({ nodeId: id, generation: counter }), { maxLength: 3 });

const replacedBy = fc.array(fc.record({ origin, version: counter }), {
  minLength: 1,
  maxLength: 3,
});

export const peerMessage: fc.Arbitrary<PeerMessage> = fc.oneof(
  fc.record({
    type: fc.constant("digest" as const),
    entries,
    floors,
    hears: fc.array(id, { maxLength: 3 }),
    isReady: fc.boolean(),
    repair: fc.constantFrom("none" as const, "lagging" as const, "now" as const),
    ended: floors,
  }),
  fc.record(
    {
      type: fc.constant("delta" as const),
      groups: fc.array(group, { maxLength: 3 }),
      replacedBy,
    },
    { requiredKeys: ["type", "groups"] },
  ),
  fc.record(
    {
      type: fc.constant("reset" as const),
      origins: fc.array(origin, { maxLength: 3 }),
      groups: resetGroups,
      isFinal: fc.boolean(),
      entries,
      floors,
      replacedBy,
    },
    { requiredKeys: ["type", "origins", "groups", "isFinal", "entries", "floors"] },
  ),
  fc.record({
    type: fc.constant("route" as const),
    to: id,
    from: id,
    hops: fc.nat({ max: 255 }),
    payload,
  }),
);

const metadataKey = id.filter((key) => !["__proto__", "constructor", "prototype"].includes(key));

export const instanceDescription: fc.Arbitrary<InstanceDescription> = fc.record({
  group: maybeName,
  version: maybeName,
  region: maybeName,
  zone: maybeName,
  endpoints: fc.array(
    fc.record({
      protocol: fc.constantFrom("http", "grpc", "tcp", "udp"),
      host: fc.constantFrom("10.1.2.3", "::1", "orders.example.org"),
      port: fc.integer({ min: 1, max: 65_535 }),
      tls: fc.boolean(),
      reach: fc.constantFrom("internal" as const, "public" as const),
    }),
    { maxLength: 4 },
  ),
  weight: fc.nat({ max: 10_000 }),
  metadata: fc.dictionary(metadataKey, prose, { maxKeys: 5, noNullPrototype: true }),
  startWallTime: counter,
});

export const nodeDescription: fc.Arbitrary<NodeDescription> = fc.record({
  region: maybeName,
  zone: maybeName,
  address: maybeName,
  peerAddress: maybeName,
  tls: fc.boolean(),
  knowsAccusations: fc.boolean(),
});

export const overrideDescription: fc.Arbitrary<OverrideDescription> = fc.record(
  { weight: fc.nat({ max: 10_000 }), note: prose },
  { requiredKeys: [] },
);
