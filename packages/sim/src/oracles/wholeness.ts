/**
 * L1, L2 and P6: a world without faults becomes whole.
 *
 * Claims, once nothing is broken any more and some time has passed: every node is ready and takes
 * every other for alive, and all hold the same live records (L1), those of a region in its nodes
 * alone; every view is current and shows exactly what its node holds (L1); whatever a living
 * program wants is registered (P6), but that a process may have lost a name to one that started later, and
 * that no two hold one (S5); what is registered shows alive in every view that should show it (P6);
 * and no live record is left of a process that is gone, once the time that docs/leases.md gives it
 * is over (L2).
 *
 * Judged from: tables of nodes, views, what programs wanted and were told, which processes live.
 *
 * Excuses: a dead program's instance, while its owner node lives, has ttl, confirmation and three
 * pauses of self-doubt; when its owner is gone too, the times of orphans. A registration by REST
 * has no process and is left out of L2 while nobody says when it was renewed last. A view that
 * holds what every node has lost, or lacks what it saw removed and every node has not, cannot agree
 * with its node, and need not be current.
 *
 * A process may lose its name to an earlier one where it began at a node that had never heard of a
 * clock as far ahead as the earlier one's; both readings are told ({@link Wholeness.excuses}).
 *
 * Cannot see: origins' versions. Equal records under unequal versions would pass.
 */
import {
  InstanceState,
  Liveness,
  type NodeConfig,
  NodeStatus,
  RecordKind,
  type RegistryNode,
  type RegistryRecord,
  Scope,
} from "@fpzk/core";
import type { SimClient } from "../world/sim-client.js";
import type { SimNode } from "../world/sim-node.js";
import { nameOf, recordText } from "./record-order.js";
import { isOfLife } from "./seen.js";
import { compareView } from "./view-difference.js";
import type { Wish, Wishes } from "./wishes.js";

/** What is wrong, and which oracle says so. */
export interface Defect {
  readonly oracle: string;
  readonly text: string;
}

export interface WholeWorld {
  now(): number;
  readonly config: NodeConfig;
  readonly nodes: ReadonlyMap<string, SimNode>;
  readonly clients: ReadonlyMap<string, SimClient>;
}

/** From a repaired world until word has gone round, beyond all other times. */
const SPREAD_MS = 2_000;
/** Pauses of one ttl each that self-doubt may add. */
const PAUSE_COUNT = 3;

export class Wholeness {
  readonly #world: WholeWorld;
  readonly #wishes: Wishes<SimClient>;
  /** service/id of programs → when the last one that wanted it ended or gave it up. */
  readonly #unwantedSince = new Map<string, number>();
  #mendedAt = 0;
  /** What was looked over, and why. */
  readonly excuses = new Set<string>();

  constructor(world: WholeWorld, wishes: Wishes<SimClient>) {
    this.#world = world;
    this.#wishes = wishes;
  }

  /** From now on nothing is broken. */
  mended(): void {
    this.#mendedAt = this.#world.now();
  }

  /** The first thing that is not as it should be; the cheap looks come first. */
  defect(): Defect | undefined {
    const wishes = this.#wishes.byName();
    return (
      this.#registrationDefect(wishes) ??
      this.#membershipDefect() ??
      this.#divergence() ??
      this.#viewDefect() ??
      this.#livenessDefect(wishes) ??
      this.#remainsOfTheDead(wishes)
    );
  }

  /** Notes who is gone since when; to be called whenever a program ends or gives up a name. */
  unwanted(name: string): void {
    this.#unwantedSince.set(name, this.#world.now());
  }

  #registrationDefect(wishes: ReadonlyMap<string, WishList>): Defect | undefined {
    for (const all of wishes.values()) {
      // A region's own record is a key of that region: processes of two regions do not compete.
      const holders = new Map<string, SimClient>();
      for (const wish of all.toReversed()) {
        if (this.#mayLack(wish)) continue;
        const where = wish.scope === Scope.region ? this.#sessionRegion(wish.client) : "";
        const holder = holders.get(where);
        const who = `${wish.client.id} is ${wish.status} for ${nameOf(wish)}`;
        // It was told that it holds the name no more: no duel.
        if (holder !== undefined && wish.status === "removed") continue;
        if (holder !== undefined) return { oracle: "S5", text: `${who}, which ${holder.id} holds` };
        if (wish.status !== "registered") return { oracle: "P6", text: `${who}, not registered` };
        holders.set(where, wish.client);
      }
    }
    return undefined;
  }

  /**
   * Whether a later process may have the name; or an earlier one that nobody could tell from it, for
   * which this one waits while it may be dead.
   */
  #mayLack(wish: Wish<SimClient>): boolean {
    if (wish.status !== "superseded" && wish.status !== "registering") return false;
    if (wish.status === "superseded" && this.#wishes.hasSuccessor(wish)) return true;
    const excuse = this.#wishes.excuseOf(wish);
    if (excuse !== undefined)
      this.excuses.add(`${wish.client.id} lacks ${nameOf(wish)}: ${excuse}`);
    return excuse !== undefined;
  }

  #membershipDefect(): Defect | undefined {
    for (const { id, node } of this.#world.nodes.values()) {
      if (!node.isReady) return { oracle: "L1", text: `${id} is not ready` };
      const members = new Map(node.members().map((member) => [member.nodeId, member]));
      for (const other of this.#world.nodes.values()) {
        const status = members.get(other.id)?.status ?? "unknown";
        if (status === NodeStatus.alive) continue;
        return { oracle: "L1", text: `${other.id} is ${status} to ${id}` };
      }
    }
    return undefined;
  }

  #divergence(): Defect | undefined {
    const first = new Map<string, { readonly id: string; readonly content: string }>();
    for (const { id, region, node } of this.#world.nodes.values()) {
      for (const [scope, where] of [
        [Scope.global, ""],
        [Scope.region, region],
      ] as const) {
        const content = contentOf(node, scope);
        const other = first.get(where) ?? { id, content };
        first.set(where, other);
        if (other.content === content) continue;
        const text = `${other.id} and ${id} differ:\n${difference(other.content, content)}`;
        return { oracle: "L1", text };
      }
    }
    return undefined;
  }

  #viewDefect(): Defect | undefined {
    for (const client of this.#world.clients.values()) {
      const node = this.#world.nodes.get(client.machine.connectedNodeId ?? "");
      if (node === undefined) return { oracle: "L1", text: `${client.id} has no session` };
      for (const [service, { isCurrent }] of client.viewStates) {
        const view = client.machine.view(service);
        if (view === undefined) continue;
        const { difference, isApart } = compareView(view, node.node);
        const where = `the view of ${service} at ${client.id}`;
        if (difference !== undefined) {
          return { oracle: "L1", text: `${where} differs from ${node.id}: ${difference}` };
        }
        if (!isCurrent && !isApart) return { oracle: "L1", text: `${where} is not current` };
      }
    }
    return undefined;
  }

  #livenessDefect(wishes: ReadonlyMap<string, WishList>): Defect | undefined {
    for (const all of wishes.values()) {
      for (const wish of all) {
        if (wish.status !== "registered") continue;
        const region = this.#sessionRegion(wish.client);
        for (const client of this.#world.clients.values()) {
          if (client.machine.view(wish.service) === undefined) continue;
          if (wish.scope === Scope.region && this.#sessionRegion(client) !== region) continue;
          const shown = client.instances(wish.service).find(({ id }) => id === wish.id);
          if (shown?.liveness === Liveness.alive) continue;
          const how = shown === undefined ? "missing" : shown.liveness;
          const text = `${nameOf(wish)} of ${wish.client.id} is ${how} in the view of ${client.id}`;
          return { oracle: "P6", text };
        }
      }
    }
    return undefined;
  }

  #remainsOfTheDead(wishes: ReadonlyMap<string, WishList>): Defect | undefined {
    for (const { id, node } of this.#world.nodes.values()) {
      for (const slot of node.table.slots()) {
        if (node.table.kind(slot) !== RecordKind.instance) continue;
        if (node.table.state(slot) === InstanceState.removed) continue;
        const record = node.table.read(slot);
        const since = this.#unwantedSince.get(nameOf(record));
        if (since === undefined || wishes.has(nameOf(record))) continue;
        const goneAt = Math.max(since, this.#mendedAt) + this.#removalMs(record);
        if (this.#world.now() <= goneAt) continue;
        const text = `${id} still holds ${recordText(record)}, which nobody wants since ${Math.round(since)} ms`;
        return { oracle: "L2", text };
      }
    }
    return undefined;
  }

  /** From the end of a program until its instance must be gone everywhere. */
  #removalMs(record: RegistryRecord): number {
    const { config } = this.#world;
    const owner = this.#world.nodes.get(record.origin.nodeId);
    const leaseMs = config.sessionTtlMs * (1 + PAUSE_COUNT) + config.confirmationMs + SPREAD_MS;
    if (owner !== undefined && isOfLife(owner, record)) return leaseMs;
    return leaseMs + config.orphanSuspectMs + config.orphanTtlMs;
  }

  #sessionRegion(client: SimClient): string {
    return this.#world.nodes.get(client.machine.connectedNodeId ?? "")?.region ?? "";
  }
}

type WishList = readonly Wish<SimClient>[];

/** Every live record of a scope, canaries aside (they change all the time), one a line. */
function contentOf({ table }: RegistryNode, scope: Scope): string {
  const lines: string[] = [];
  for (const slot of table.slots()) {
    if (table.kind(slot) === RecordKind.canary) continue;
    if (table.state(slot) === InstanceState.removed) continue;
    const record = table.read(slot);
    if (record.scope === scope) lines.push(`${record.kind} ${recordText(record)}`);
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
