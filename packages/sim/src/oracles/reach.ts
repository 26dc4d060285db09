/**
 * Who can talk to whom, and since when without a break: the world's own knowledge, which no
 * process has. Oracles excuse what nobody inside could have known, and nothing else.
 */
import type { SeenClient, SeenNode } from "./seen.js";

/** One life of a process, as far as reaching it goes. */
export interface SeenProcess {
  readonly id: string;
  readonly isUp: boolean;
  /** Until when it stands still, or stood still last. */
  readonly frozenUntil: number;
  /** Since when it reads what comes over its sockets; Infinity while it does not. */
  readonly readingSince: number;
}

/** What the world knows of its hosts and cables. */
export interface SeenWorld {
  now(): number;
  readonly nodes: ReadonlyMap<string, SeenNode & SeenProcess>;
  readonly network: {
    /** Since when both ways between two hosts are open and fair; Infinity while one is not. */
    openSince(a: string, b: string): number;
  };
}

export class Reach {
  readonly #world: SeenWorld;
  readonly #startedAt = new WeakMap<object, number>();

  constructor(world: SeenWorld) {
    this.#world = world;
  }

  nodeStarted(node: SeenNode): void {
    this.#startedAt.set(node, this.#world.now());
  }

  clientStarted(client: SeenClient): void {
    this.#startedAt.set(client, this.#world.now());
  }

  /** Since when a process runs, reads and does not stand still; Infinity while it does not. */
  awakeSince(process: SeenProcess): number {
    if (!process.isUp || process.frozenUntil > this.#world.now()) return Number.POSITIVE_INFINITY;
    return Math.max(this.#startedAt.get(process) ?? 0, process.frozenUntil, process.readingSince);
  }

  /** Since when two processes could talk directly without a break; Infinity while they cannot. */
  directSince(a: SeenProcess, b: SeenProcess): number {
    const cable = a.id === b.id ? 0 : this.#world.network.openSince(a.id, b.id);
    return Math.max(this.awakeSince(a), this.awakeSince(b), cable);
  }

  /**
   * The live node over which word of a process could reach another node for the longest, and since
   * when it could. Word of a region's own goes over that region's nodes alone.
   */
  steadiestWay(
    process: SeenProcess,
    to: SeenProcess,
    region?: string,
  ): { readonly nodeId: string; readonly since: number } {
    let best = { nodeId: "", since: Number.POSITIVE_INFINITY };
    for (const node of this.#nodesOf(region)) {
      const direct = this.directSince(process, node);
      if (direct >= best.since) continue;
      const since = Math.max(direct, this.pathSince(node, to, region));
      if (since < best.since) best = { nodeId: node.id, since };
    }
    return best;
  }

  /**
   * Since when word could travel between two nodes, through others if need be: through those of a
   * region, when it is of that region's own.
   */
  pathSince(from: SeenProcess, to: SeenProcess, region?: string): number {
    // The best path is the one whose youngest part is the oldest: Dijkstra with max for plus.
    const since = new Map<SeenProcess, number>([[from, this.awakeSince(from)]]);
    const done = new Set<SeenProcess>();
    for (;;) {
      let next: SeenProcess | undefined;
      for (const [process, at] of since) {
        if (done.has(process)) continue;
        if (next === undefined || at < (since.get(next) ?? Number.POSITIVE_INFINITY))
          next = process;
      }
      if (next === undefined) return Number.POSITIVE_INFINITY;
      const at = since.get(next) ?? Number.POSITIVE_INFINITY;
      if (next === to || at === Number.POSITIVE_INFINITY) return at;
      done.add(next);
      for (const node of this.#nodesOf(region)) {
        if (done.has(node)) continue;
        const through = Math.max(at, this.directSince(next, node));
        if (through < (since.get(node) ?? Number.POSITIVE_INFINITY)) since.set(node, through);
      }
    }
  }

  *#nodesOf(region: string | undefined): Generator<SeenNode & SeenProcess> {
    for (const node of this.#world.nodes.values()) {
      if (region === undefined || node.region === region) yield node;
    }
  }
}
