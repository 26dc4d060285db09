/**
 * Oracles: what must hold whatever happens, judged by what is observed from outside.
 *
 * They hold no copy of the core's rules: they remember what was removed, who lives, and what each
 * view showed, and compare. A failed check is a line that names the promise, the time and who.
 */
import {
  type ClientEffect,
  type CommandOutcome,
  compareStamps,
  InstanceState,
  NO_SLOT,
  RecordKind,
  type RegistryRecord,
  RemovalReason,
  recordKeyText,
  Scope,
  type Stamp,
} from "@fpzk/core";
import type { SimClient } from "./world/sim-client.js";
import type { SimNode } from "./world/sim-node.js";
import type { World, WorldObserver } from "./world/world.js";

type ViewChanged = Extract<ClientEffect, { type: "view-changed" }>;

/** What the schedule knows of the programs that it runs. */
export interface Programs {
  /**
   * The program that keeps an instance now, if there is one that has lived undisturbed (itself,
   * its node, the way between them) for so long that the registry has no excuse.
   */
  undisturbedOwner(service: string, id: string): string | undefined;
  /** A drain of one of its instances was asked for: name of the instance. */
  drainOf(clientId: string, commandId: number): { service: string; id: string } | undefined;
}

/** One promise broken, as an oracle saw it. */
export interface Failure {
  /** The oracle's short name. */
  readonly oracle: string;
  /** Simulated milliseconds. */
  readonly at: number;
  readonly text: string;
}

/** Failures named of one history: the first is the one that counts. */
const FAILURE_COUNT_MAX = 20;

const REMOVED_WITHOUT_WISH: ReadonlySet<RemovalReason> = new Set([
  RemovalReason.connectionLost,
  RemovalReason.silent,
  RemovalReason.leaseExpired,
  RemovalReason.orphaned,
]);

export class Checkers implements WorldObserver {
  readonly failures: Failure[] = [];
  readonly #world: World;
  readonly #programs: Programs;
  /** Per life of a node: key → highest stamp whose tombstone it applied. */
  readonly #buriedAt = new WeakMap<SimNode, Map<string, Stamp>>();
  /** service/id → highest stamp of a tombstone that any node ever wrote. */
  readonly #buried = new Map<string, Stamp>();
  /** Per life of a client: service/id → highest stamp that its view showed and removed. */
  readonly #goneAt = new WeakMap<SimClient, Map<string, Stamp>>();

  constructor(world: World, programs: Programs) {
    this.#world = world;
    this.#programs = programs;
  }

  fail(oracle: string, text: string): void {
    if (this.failures.length >= FAILURE_COUNT_MAX) return;
    this.failures.push({ oracle, at: this.#world.now(), text });
    this.#world.tell(`FAILED ${oracle} ${text}`);
  }

  stored(node: SimNode, record: RegistryRecord): void {
    if (record.kind !== RecordKind.instance && record.kind !== RecordKind.override) return;
    const buried = this.#buriedAt.get(node) ?? new Map<string, Stamp>();
    this.#buriedAt.set(node, buried);
    const key = recordKeyText(record);
    const last = buried.get(key);
    if (record.state === InstanceState.removed) {
      if (last === undefined || compareStamps(record.stamp, last) > 0) {
        buried.set(key, record.stamp);
      }
      if (record.kind === RecordKind.instance) this.#bury(node, record);
      return;
    }
    if (last !== undefined && compareStamps(record.stamp, last) <= 0) {
      const text = `${node.id} shows ${nameOf(record)} ${stampText(record.stamp)} again after its tombstone ${stampText(last)}`;
      this.fail("P5", text);
    }
  }

  /** A client begins a view anew: what it showed before is no claim of the new one. */
  forgetViews(client: SimClient): void {
    this.#goneAt.delete(client);
  }

  viewChanged(client: SimClient, effect: ViewChanged): void {
    const gone = this.#goneAt.get(client) ?? new Map<string, Stamp>();
    this.#goneAt.set(client, gone);
    for (const change of effect.changes) {
      const { instance } = change;
      const name = `${instance.service}/${instance.id}`;
      const last = gone.get(name);
      if (change.type !== "removed") {
        if (last !== undefined && compareStamps(instance.stamp, last) <= 0) {
          this.fail("P5", `${client.id} sees ${name} ${stampText(instance.stamp)} again`);
        }
        continue;
      }
      if (last === undefined || compareStamps(instance.stamp, last) > 0) {
        gone.set(name, instance.stamp);
      }
      this.#checkRemoval(client, change, name);
    }
  }

  commandDone(client: SimClient, commandId: number, outcome: CommandOutcome): void {
    if (outcome.kind !== "drained" || outcome.unconfirmed.length > 0) return;
    const drained = this.#programs.drainOf(client.id, commandId);
    if (drained === undefined) return;
    const isRegional = this.#isRegional(client, drained);
    for (const other of this.#world.clients.values()) {
      if (!this.#isConnected(client, other, { ...drained, isRegional })) continue;
      const shown = other.instances(drained.service).find((each) => each.id === drained.id);
      if (shown?.state !== InstanceState.up) continue;
      const text = `${drained.service}/${drained.id} drained, and ${other.id} still picks it`;
      this.fail("P7", text);
    }
  }

  /** Whether the drained registration is its region's own, as the drainer's node holds it. */
  #isRegional(drainer: SimClient, { service, id }: { service: string; id: string }): boolean {
    const node = this.#world.nodes.get(drainer.machine.connectedNodeId ?? "");
    const name = { kind: RecordKind.instance, namespace: "default", service, id };
    const slot = node?.node.table.find({ ...name, scope: Scope.region }) ?? NO_SLOT;
    return node !== undefined && slot !== NO_SLOT;
  }

  /** P4: a view shrinks only by a removal that names its reason, and that somebody wrote. */
  #checkRemoval(
    client: SimClient,
    change: Extract<ViewChanged["changes"][number], { type: "removed" }>,
    name: string,
  ): void {
    const { stamp } = change.instance;
    if (change.reason === RemovalReason.none) {
      this.fail("P4", `${client.id} lost ${name} ${stampText(stamp)} without a reason`);
    }
    const buried = this.#buried.get(name);
    if (buried === undefined || compareStamps(buried, stamp) < 0) {
      const text = `${client.id} lost ${name} ${stampText(stamp)} (reason ${change.reason}) that nobody removed`;
      this.fail("P4", text);
    }
  }

  #bury(node: SimNode, record: RegistryRecord): void {
    const name = nameOf(record);
    const last = this.#buried.get(name);
    if (last === undefined || compareStamps(record.stamp, last) > 0) {
      this.#buried.set(name, record.stamp);
    }
    const isWriter =
      record.origin.nodeId === node.id && record.origin.generation === node.node.generation;
    if (!isWriter || !REMOVED_WITHOUT_WISH.has(record.reason)) return;
    const owner = this.#programs.undisturbedOwner(record.service, record.id);
    if (owner === undefined) return;
    const text = `${node.id} removed ${name} ${stampText(record.stamp)} (reason ${record.reason}) while ${owner} lives`;
    this.fail("P6", text);
  }

  /** Whether a client has a session over which it is told what changes. */
  #isConnected(
    drainer: SimClient,
    other: SimClient,
    { service, isRegional }: { service: string; isRegional: boolean },
  ): boolean {
    const nodeId = other.machine.connectedNodeId;
    const drainerNodeId = drainer.machine.connectedNodeId;
    if (other.machine.state !== "online" || nodeId === undefined) return false;
    if (drainerNodeId === undefined || other.viewStates.get(service)?.isCurrent !== true) {
      return false;
    }
    // A node that is taken for gone, or that a new process never heard of, is not waited for.
    const node = this.#world.nodes.get(nodeId);
    const judge = this.#world.nodes.get(drainerNodeId);
    if (node === undefined || judge === undefined) return false;
    const seen = judge.node.members().find((member) => member.nodeId === nodeId);
    if (seen === undefined || seen.status === "dead" || seen.status === "left") return false;
    // A region's own record is told to that region's nodes alone. A known gap: a client that was
    // there for a while and came home keeps showing it, and nobody tells it of its drain.
    if (isRegional && node.region !== judge.region) return false;
    return this.#world.hasSession(other, node);
  }
}

/** P2: what differs between nodes, or undefined when all hold the same live records. */
export function divergenceOf(world: World): string | undefined {
  let first: { id: string; content: string } | undefined;
  const regional = new Map<string, { id: string; content: string }>();
  for (const node of world.nodes.values()) {
    if (!node.node.isReady) return `${node.id} is not ready`;
    const global = contentOf(node, 0);
    first ??= { id: node.id, content: global };
    if (first.content !== global) {
      return `${first.id} and ${node.id} differ:\n${difference(first.content, global)}`;
    }
    const own = contentOf(node, 1);
    const peer = regional.get(node.region) ?? { id: node.id, content: own };
    regional.set(node.region, peer);
    if (peer.content !== own) {
      return `${peer.id} and ${node.id} differ in their region:\n${difference(peer.content, own)}`;
    }
  }
  return undefined;
}

/** Every live record of a scope, canaries aside (they change all the time), one a line. */
function contentOf(node: SimNode, scope: number): string {
  const lines: string[] = [];
  const { table } = node.node;
  for (const slot of table.slots()) {
    const record = table.read(slot);
    if (record.scope !== scope || record.kind === RecordKind.canary) continue;
    if (record.state === InstanceState.removed) continue;
    const { kind, state, isSuspect, origin } = record;
    lines.push(
      `${kind} ${nameOf(record)} ${stampText(record.stamp)} state ${state} suspect ${isSuspect} of ${origin.nodeId}/${origin.generation}`,
    );
  }
  return lines.sort().join("\n");
}

function difference(a: string, b: string): string {
  const left = new Set(a.split("\n"));
  const right = new Set(b.split("\n"));
  const only = [
    ...[...left].filter((line) => !right.has(line)).map((line) => `- ${line}`),
    ...[...right].filter((line) => !left.has(line)).map((line) => `+ ${line}`),
  ];
  return only.join("\n");
}

function nameOf(record: { service: string; id: string }): string {
  return `${record.service}/${record.id}`;
}

export function stampText(stamp: Stamp): string {
  return `(${stamp.incarnation}, ${stamp.session}, ${stamp.claim})`;
}
