/** A registry of one node in memory, for tests of faces. */
import { EventEmitter, once } from "node:events";
import {
  type ContentDigest,
  EMPTY_DIGEST,
  ErrorCode,
  type InstanceDescription,
  InstanceState,
  isSameDigest,
  type MemberView,
  type OriginVersion,
  type OverrideDescription,
  RecordKind,
  RegistryError,
  type RegistryRecord,
  RemovalReason,
  recordDigest,
  recordKeyText,
  Scope,
  ServiceView,
  type SessionMessage,
  type ViewInstance,
} from "@fpzk/core";
import { encodeInstanceDescription, encodeOverrideDescription } from "@fpzk/protocol";
import type {
  DrainOutcome,
  InstanceAddress,
  LeaseRegistration,
  NodeState,
  PortWatch,
  Principal,
  QuarantinedOriginView,
  RegistryPort,
  RouteSetPort,
  RouteSetView,
  ServiceAnswer,
  ServiceSummary,
} from "../registry-port.js";
import { bodyDecoder } from "./body-decoder.js";

interface FakeWatch {
  readonly namespace: string;
  readonly service: string;
  readonly listener: (message: SessionMessage) => void;
  isPaused: boolean;
}

const ORIGIN = { nodeId: "node-1", generation: 1, scope: Scope.global } as const;

export class FakePort implements RegistryPort {
  readonly records = new Map<string, RegistryRecord>();
  readonly watches = new Set<FakeWatch>();
  readonly calls: string[] = [];
  isReady = true;
  members: readonly MemberView[] = [member("alive")];
  drainOutcome: DrainOutcome = { confirmedCount: 2, unconfirmed: [] };
  /** Versions below this cannot be answered by a delta. */
  watermark = 0;
  pauseCount = 0;
  resumeCount = 0;
  readonly #routeSets = new Map<string, RouteSetView>();
  readonly #events = new EventEmitter();
  #version = 0;

  async register(principal: Principal, registration: LeaseRegistration) {
    this.#require(principal, registration.namespace, "mayRegister");
    const held = this.#instance(registration);
    const isNew = held === undefined || held.state === InstanceState.removed;
    const stamp = { incarnation: (held?.stamp.incarnation ?? 0) + 1, session: 0, claim: 0 };
    this.#write(registration, {
      stamp,
      state: registration.state,
      body: encodeInstanceDescription(registration.description),
    });
    this.calls.push(`register ttl ${registration.ttlMs} scope ${registration.scope}`);
    return { stamp, isNew };
  }

  async update(principal: Principal, address: InstanceAddress, description: InstanceDescription) {
    this.#require(principal, address.namespace, "mayRegister");
    const { stamp } = this.#live(address);
    this.#write(address, { stamp, body: encodeInstanceDescription(description) });
    return { stamp };
  }

  async renew(principal: Principal, address: InstanceAddress): Promise<void> {
    this.#require(principal, address.namespace, "mayRegister");
    this.#live(address);
  }

  async deregister(principal: Principal, address: InstanceAddress, reason: RemovalReason) {
    this.#require(principal, address.namespace, "mayRegister");
    const { stamp } = this.#live(address);
    this.#write(address, { stamp, state: InstanceState.removed, reason, body: new Uint8Array() });
  }

  async setState(
    principal: Principal,
    address: InstanceAddress,
    state: InstanceState,
    timeoutMs: number,
  ): Promise<DrainOutcome> {
    this.#require(principal, address.namespace, "mayRegister");
    this.#write(address, { stamp: this.#live(address).stamp, state });
    this.calls.push(`set-state ${state} timeout ${timeoutMs}`);
    return state === InstanceState.draining
      ? this.drainOutcome
      : { confirmedCount: 0, unconfirmed: [] };
  }

  async override(
    principal: Principal,
    address: InstanceAddress,
    state: InstanceState | undefined,
    description: OverrideDescription,
    timeoutMs: number,
  ): Promise<DrainOutcome> {
    this.#require(principal, address.namespace, "mayOperate");
    this.#live(address);
    this.#write(address, {
      kind: RecordKind.override,
      stamp: { incarnation: this.#version + 1, session: 0, claim: 0 },
      state: state ?? InstanceState.removed,
      body: state === undefined ? new Uint8Array() : encodeOverrideDescription(description),
    });
    this.calls.push(`override ${state} timeout ${timeoutMs}`);
    return state === InstanceState.draining
      ? this.drainOutcome
      : { confirmedCount: 0, unconfirmed: [] };
  }

  readonly routeSets: RouteSetPort = {
    list: (principal, namespace) => {
      this.#require(principal, namespace, "mayRead");
      return [...this.#routeSets.values()];
    },
    put: async (principal, { namespace, name }, description) => {
      this.#require(principal, namespace, "mayOperate");
      const isNew = !this.#routeSets.has(name);
      const stamp = { incarnation: 1, session: 0, claim: 0 };
      this.#routeSets.set(name, { name, stamp, writtenBy: "fake", ...description });
      return { stamp, isNew };
    },
    delete: async (principal, { namespace, name }) => {
      this.#require(principal, namespace, "mayOperate");
      if (this.#routeSets.delete(name)) return;
      throw new RegistryError(ErrorCode.notFound, `${name} is not there`);
    },
  };

  query(principal: Principal, namespace: string, service: string): ServiceAnswer {
    this.#require(principal, namespace, "mayRead");
    this.#requireReady();
    return {
      namespace,
      service,
      instances: this.#shown(namespace, service),
      digest: this.#digest(namespace, service),
      position: this.#position(),
    };
  }

  services(principal: Principal, namespace: string): readonly ServiceSummary[] {
    this.#require(principal, namespace, "mayRead");
    this.#requireReady();
    const names = new Set(
      [...this.records.values()].filter((r) => r.namespace === namespace).map((r) => r.service),
    );
    return [...names].map((service) => {
      const shown = this.#shown(namespace, service);
      const upCount = shown.filter(({ state }) => state === InstanceState.up).length;
      return { service, instanceCount: shown.length, upCount };
    });
  }

  watch(
    principal: Principal,
    namespace: string,
    service: string,
    from: { position: readonly OriginVersion[]; digest: ContentDigest },
    listener: (message: SessionMessage) => void,
  ): PortWatch {
    this.#require(principal, namespace, "mayRead");
    const watch: FakeWatch = { namespace, service, listener, isPaused: false };
    this.watches.add(watch);
    if (this.isReady) this.#sendSnapshot(watch, from);
    return {
      close: () => {
        this.watches.delete(watch);
        if (this.watches.size === 0) this.#events.emit("idle");
      },
      pause: () => {
        this.pauseCount += 1;
        watch.isPaused = true;
      },
      resume: () => {
        this.resumeCount += 1;
        watch.isPaused = false;
        this.#sendSnapshot(watch, { position: [], digest: EMPTY_DIGEST });
      },
    };
  }

  async forgetNode(principal: Principal, nodeId: string): Promise<void> {
    this.#require(principal, "*", "mayOperate");
    this.calls.push(`forget node ${nodeId}`);
  }

  nodes(): readonly MemberView[] {
    return this.members;
  }

  quarantined(): readonly QuarantinedOriginView[] {
    return [
      {
        ...{ nodeId: "n2", generation: 7, scope: 0, forMs: 1_500, giver: "n3" },
        ...{ reason: "records[0].id 5 must be a text", poisonCount: 2, holeCount: 1 },
      },
    ];
  }

  state(): NodeState {
    const reason = this.isReady ? "" : "warming up";
    return {
      nodeId: "node-1",
      region: "r1",
      zone: "z1",
      generation: 1,
      isReady: this.isReady,
      reason,
    };
  }

  /** Resolves when no watch runs. */
  async idle(): Promise<void> {
    if (this.watches.size > 0) await once(this.#events, "idle");
  }

  /** Nodes changed: tells the watches. */
  setMembers(members: readonly MemberView[]): void {
    this.members = members;
    for (const watch of this.watches) watch.listener({ type: "members", members });
  }

  #sendSnapshot(
    watch: FakeWatch,
    from: { position: readonly OriginVersion[]; digest: ContentDigest },
  ): void {
    const { namespace, service } = watch;
    const digest = this.#digest(namespace, service);
    const known = from.position.find(({ origin }) => origin.nodeId === ORIGIN.nodeId)?.version ?? 0;
    const isUnchanged = isSameDigest(digest, from.digest) && from.position.length > 0;
    const isDelta = !isUnchanged && known > this.watermark;
    const records = this.#of(namespace, service)
      .filter((record) => (isDelta ? record.version > known : record.state !== 3))
      .sort((a, b) => a.version - b.version);
    watch.listener({
      type: "snapshot",
      requestId: 1,
      service,
      kind: isUnchanged ? "unchanged" : isDelta ? "delta" : "full",
      isFinal: true,
      groups: isUnchanged ? [] : [{ origin: ORIGIN, records }],
      position: this.#position(),
      digest,
    });
  }

  #write(
    { namespace, service, id }: InstanceAddress,
    change: Partial<RegistryRecord> & Pick<RegistryRecord, "stamp">,
  ): void {
    const kind = change.kind ?? RecordKind.instance;
    const key = { kind, scope: Scope.global, namespace, service, id };
    const held = this.records.get(recordKeyText(key));
    this.#version += 1;
    const record: RegistryRecord = {
      ...key,
      origin: ORIGIN,
      state: InstanceState.up,
      isSuspect: false,
      reason: RemovalReason.none,
      since: this.#version,
      body: new Uint8Array(),
      ...held,
      ...change,
      version: this.#version,
    };
    this.records.set(recordKeyText(key), record);
    const digest = this.#digest(namespace, service);
    for (const watch of this.watches) {
      if (watch.isPaused || watch.namespace !== namespace || watch.service !== service) continue;
      const groups = [{ origin: ORIGIN, records: [record] }];
      watch.listener({ type: "change", service, groups, digest });
    }
  }

  #shown(namespace: string, service: string): readonly ViewInstance[] {
    const view = new ServiceView(namespace, service, bodyDecoder);
    view.setMembers(new Map(this.members.map((entry) => [entry.nodeId, entry])));
    view.applySnapshot({
      type: "snapshot",
      requestId: 0,
      service,
      kind: "full",
      isFinal: true,
      groups: [{ origin: ORIGIN, records: this.#of(namespace, service) }],
      position: [],
      digest: EMPTY_DIGEST,
    });
    return view.instances;
  }

  #of(namespace: string, service: string): RegistryRecord[] {
    const isOf = (r: RegistryRecord) => r.namespace === namespace && r.service === service;
    return [...this.records.values()].filter(isOf);
  }

  #digest(namespace: string, service: string): ContentDigest {
    let { high, low } = EMPTY_DIGEST;
    for (const record of this.#of(namespace, service)) {
      if (record.state === InstanceState.removed) continue;
      const digest = recordDigest(record);
      high = (high + digest.high) >>> 0;
      low = (low + digest.low) >>> 0;
    }
    return { high, low };
  }

  #position(): readonly OriginVersion[] {
    return this.#version === 0 ? [] : [{ origin: ORIGIN, version: this.#version }];
  }

  #instance({ namespace, service, id }: InstanceAddress): RegistryRecord | undefined {
    const key = { kind: RecordKind.instance, scope: Scope.global, namespace, service, id };
    return this.records.get(recordKeyText(key));
  }

  #live(address: InstanceAddress): RegistryRecord {
    const held = this.#instance(address);
    if (held !== undefined && held.state !== InstanceState.removed) return held;
    throw new RegistryError("not_found", `lease ${address.id} is not known: register again`);
  }

  #require(
    principal: Principal,
    namespace: string,
    right: "mayRead" | "mayRegister" | "mayOperate",
  ) {
    if (principal.grantsOf(namespace)[right]) return;
    throw new RegistryError(
      "permission_denied",
      `${principal.name} lacks ${right} in ${namespace}`,
    );
  }

  #requireReady(): void {
    if (this.isReady) return;
    throw new RegistryError("unavailable", "this node is warming up: ask another or wait");
  }
}

export function member(status: MemberView["status"]): MemberView {
  const address = "127.0.0.1:7100";
  return {
    nodeId: "node-1",
    generation: 1,
    region: "r1",
    zone: "z1",
    address,
    tls: false,
    status,
  };
}
