/** Forged observations: what oracles would see if something were broken. */
import {
  type InstanceDescription,
  InstanceLoad,
  InstanceState,
  Liveness,
  type Origin,
  RecordKind,
  type RegistryRecord,
  RemovalReason,
  Scope,
  type Stamp,
  type ViewInstance,
} from "@fpzk/core";
import type { SeenProcess, SeenWorld } from "./reach.js";
import type { SeenClient, SeenNode, ViewChanged } from "./seen.js";
import { type Court, Verdict } from "./verdict.js";

/** A court whose clock is set by hand. */
export class Trial implements Court {
  at = 0;
  readonly #verdict = new Verdict({ now: () => this.at });

  now(): number {
    return this.at;
  }

  fail(oracle: string, text: string): void {
    this.#verdict.fail(oracle, text);
  }

  /** Which oracles complained, in order. */
  get complaints(): readonly string[] {
    return this.#verdict.failures.map(({ oracle }) => oracle);
  }

  /** What was complained of, as one text. */
  get text(): string {
    return this.#verdict.failures.map(({ text }) => text).join("\n");
  }
}

export type ForgedNode = SeenNode & SeenProcess & { frozenUntil: number; isUp: boolean };

export function forgedNode(id: string, startGeneration = 1): ForgedNode {
  const region = id.slice(0, id.indexOf("-"));
  return { id, region, startGeneration, isUp: true, frozenUntil: 0, readingSince: 0 };
}

export type ForgedClient = SeenClient &
  SeenProcess & {
    frozenUntil: number;
    isUp: boolean;
    machine: { connectedNodeId: string | undefined };
  };

export function forgedClient(id: string, region = "us"): ForgedClient {
  const machine = { connectedNodeId: undefined };
  return { id, region, isUp: true, frozenUntil: 0, readingSince: 0, machine };
}

export function stampOf(incarnation: number, session = 1, claim = 0): Stamp {
  return { incarnation, session, claim };
}

/** A live instance `orders/o-1`; what is left out is plain. */
export function forgedRecord(
  nodeId: string,
  version: number,
  change: Partial<RegistryRecord> = {},
): RegistryRecord {
  const scope = change.scope ?? Scope.global;
  const origin: Origin = { nodeId, generation: 1, scope };
  return {
    kind: RecordKind.instance,
    scope,
    namespace: "default",
    service: "orders",
    id: "o-1",
    origin,
    version,
    stamp: stampOf(1),
    state: InstanceState.up,
    isSuspect: false,
    reason: RemovalReason.none,
    since: 1,
    body: new Uint8Array([1]),
    ...change,
  };
}

export function tombstone(
  nodeId: string,
  version: number,
  change: Partial<RegistryRecord> = {},
): RegistryRecord {
  const reason = RemovalReason.deregistered;
  return forgedRecord(nodeId, version, { state: InstanceState.removed, reason, ...change });
}

const DESCRIPTION: InstanceDescription = {
  group: "",
  version: "",
  region: "us",
  zone: "",
  endpoints: [],
  weight: 100,
  metadata: {},
  startWallTime: 0,
};

export function shownOf(record: RegistryRecord): ViewInstance {
  return {
    namespace: record.namespace,
    service: record.service,
    id: record.id,
    stamp: record.stamp,
    since: record.since,
    state: record.state,
    liveness: record.isSuspect ? Liveness.suspect : Liveness.alive,
    weight: 100,
    description: DESCRIPTION,
    ownerNodeId: record.origin.nodeId,
    load: new InstanceLoad(),
  };
}

/** A view tells that it shows a record, or shows it no more. */
export function viewChange(
  type: "added" | "updated" | "removed",
  record: RegistryRecord,
  reason: RemovalReason = RemovalReason.deregistered,
): ViewChanged {
  const instance = shownOf(record);
  const change = type === "removed" ? { type, instance, reason } : { type, instance };
  return { type: "view-changed", service: record.service, changes: [change] };
}

/** A world whose cables are cut by hand. */
export class ForgedWorld implements SeenWorld {
  readonly nodes = new Map<string, ForgedNode>();
  readonly #cuts = new Map<string, number>();
  readonly #trial: Trial;

  constructor(trial: Trial, ...nodes: ForgedNode[]) {
    this.#trial = trial;
    for (const node of nodes) this.nodes.set(node.id, node);
  }

  now(): number {
    return this.#trial.now();
  }

  /** Both ways between two hosts are open since then; Infinity: cut. */
  open(a: string, b: string, since: number): void {
    this.#cuts.set([a, b].sort().join(), since);
  }

  readonly network = {
    openSince: (a: string, b: string) => this.#cuts.get([a, b].sort().join()) ?? 0,
  };
}
