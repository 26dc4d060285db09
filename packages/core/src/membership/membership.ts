/**
 * Who the nodes are and how they fare, as this node sees it.
 *
 * Nodes are records that spread like any other. Liveness is never replicated: each node judges for
 * itself, from three kinds of evidence. A link that is heard proves life. A neighbour that is
 * heard and says it hears a node vouches for it (SWIM's indirect probe, without asking). Every
 * node writes a canary every {@link CANARY_INTERVAL_MS}; one that arrives, over whatever path,
 * proves life too, which is how regions know of each other.
 *
 * Silence alone makes `suspect`. `dead` needs confirmation: the process refused a connection, or
 * somebody who is heard ought to have heard it and did not. Where there is nobody to confirm
 * (a region of which nothing is heard, or all are silent) it is `unreachable`, because the fault
 * may be here. The dead go on being dialed, so a healed split merges by itself.
 *
 * @see Das, Gupta, Motivala, "SWIM" (2002), section 4; Dadgar et al., "Lifeguard" (2018).
 */
import { type NodeDescription, NodeStatus } from "../instance.js";
import type { MemberView } from "../messages.js";
import { after, type Instant } from "../time.js";

/** Between two canaries of one node. */
export const CANARY_INTERVAL_MS = 2_000;
/** Without a canary for this long, a node in another region is no longer fresh. */
export const CANARY_STALE_MS = 3 * CANARY_INTERVAL_MS;
/** After this long a dead node is taken as having left: a day. */
export const DEAD_TTL_MS = 86_400_000;
/** From suspect to dead, when confirmed. */
export const SUSPICION_MS = 3_000;

export interface Member {
  readonly nodeId: string;
  generation: number;
  description: NodeDescription;
  status: NodeStatus;
  /** When `status` was last changed. */
  since: Instant;
  /** When anything it wrote last arrived. */
  freshAt: Instant;
  /** When a dial was last refused by its host: no process listens there. */
  refusedAt: Instant | undefined;
  /** Dead, and its process is known to have ended: a host refused a connection to it. */
  isEnded: boolean;
}

/** A member as clients and people are told of it. */
export function viewOfMember({ nodeId, generation, description, status }: Member): MemberView {
  const { region, zone, address, tls } = description;
  return { nodeId, generation, region, zone, address, tls, status };
}

/** What is heard over links now; gathered by the caller for one evaluation. */
export interface Hearing {
  /** Nodes heard over a link of this node's own. */
  readonly direct: ReadonlySet<string>;
  /** Nodes that some directly heard node hears. */
  readonly vouched: ReadonlySet<string>;
}

/**
 * The generation in which a node lives as far as is known, for the handshake; 0 when it is not heard.
 *
 * Two living processes with one node id must not both be let in. One that came back with a lower
 * generation (its disk is lost and its clock went back) must: its peers' digests name the higher
 * one, and it begins above that.
 */
export function livingGeneration(
  members: readonly { nodeId: string; generation: number; status: NodeStatus }[],
  nodeId: string,
): number {
  const member = members.find((each) => each.nodeId === nodeId);
  return member?.status === NodeStatus.alive ? member.generation : 0;
}

export class Membership {
  readonly #selfId: string;
  readonly #selfRegion: string;
  readonly #members = new Map<string, Member>();
  // Sorted lists, asked for far more often than they change; undefined until asked for again.
  #all: readonly Member[] | undefined;
  #regions: readonly string[] | undefined;
  readonly #inRegion = new Map<string, readonly string[]>();
  #revision = 0;

  constructor(options: { nodeId: string; region: string }) {
    this.#selfId = options.nodeId;
    this.#selfRegion = options.region;
  }

  get(nodeId: string): Member | undefined {
    return this.#members.get(nodeId);
  }

  /** All nodes, this one included, by id. */
  get all(): readonly Member[] {
    this.#all ??= [...this.#members.values()].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
    return this.#all;
  }

  get count(): number {
    return this.#members.size;
  }

  /** Rises whenever a node comes, goes, moves, or is judged otherwise. */
  get revision(): number {
    return this.#revision;
  }

  /** A node's record arrived or was written. */
  announced(
    nodeId: string,
    options: { generation: number; description: NodeDescription; now: Instant },
  ): void {
    this.#listsChanged();
    const known = this.#members.get(nodeId);
    if (known === undefined) {
      this.#members.set(nodeId, {
        nodeId,
        generation: options.generation,
        description: options.description,
        status: NodeStatus.alive,
        since: options.now,
        freshAt: options.now,
        refusedAt: undefined,
        isEnded: false,
      });
      return;
    }
    if (options.generation < known.generation) return;
    if (options.generation > known.generation || known.status === NodeStatus.left) {
      known.status = NodeStatus.alive;
      known.since = options.now;
      known.freshAt = options.now;
      known.refusedAt = undefined;
      known.isEnded = false;
    }
    known.generation = options.generation;
    known.description = options.description;
  }

  /** A node said goodbye. */
  departed(nodeId: string, generation: number, now: Instant): void {
    const known = this.#members.get(nodeId);
    if (known === undefined || known.generation > generation || nodeId === this.#selfId) return;
    known.status = NodeStatus.left;
    known.since = now;
    this.#listsChanged();
  }

  /** Something that the node wrote arrived. */
  wrote(nodeId: string, now: Instant): void {
    const known = this.#members.get(nodeId);
    if (known !== undefined) known.freshAt = now;
  }

  /** The host of a node refused a connection. */
  refused(nodeId: string, now: Instant): void {
    const known = this.#members.get(nodeId);
    if (known === undefined) return;
    known.refusedAt = now;
    if (known.status === NodeStatus.dead) known.isEnded = true;
  }

  /** Another node knows that a life of a node has ended; believed of those that are dead here. */
  ended(nodeId: string, generation: number): void {
    const known = this.#members.get(nodeId);
    if (known?.status !== NodeStatus.dead || known.generation > generation) return;
    known.isEnded = true;
  }

  /**
   * Judges everyone anew; returns those whose status changed.
   *
   * Looks first at who is alive, then, with that, at who is confirmed gone.
   */
  evaluate(hearing: Hearing, now: Instant): Member[] {
    const changed: Member[] = [];
    const alive = new Set<string>();
    for (const member of this.#members.values()) {
      if (this.#isAlive(member, hearing, now)) alive.add(member.nodeId);
    }
    for (const member of this.#members.values()) {
      const status = this.#judge(member, alive, now);
      if (status === member.status) continue;
      member.isEnded = status === NodeStatus.dead && this.#isRefused(member);
      member.status = status;
      member.since = now;
      this.#revision += 1;
      changed.push(member);
    }
    return changed.sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
  }

  /**
   * Lets go of nodes that said goodbye long ago, and names those that have been dead for so long
   * that somebody should say it for them. Addresses change; the list of nodes must not grow with
   * every change.
   */
  forget(now: Instant, { leftTtlMs }: { leftTtlMs: number }): Member[] {
    const buried: Member[] = [];
    for (const member of this.all) {
      const { status, since } = member;
      if (status === NodeStatus.left && now >= after(since, leftTtlMs)) {
        this.#members.delete(member.nodeId);
        this.#listsChanged();
      } else if (status === NodeStatus.dead && now >= after(since, DEAD_TTL_MS)) {
        buried.push(member);
      }
    }
    return buried;
  }

  /** Whether some node is silent and not confirmed gone: perhaps the fault is here. */
  get hasUnexplainedSilence(): boolean {
    for (const member of this.#members.values()) {
      if (member.status === NodeStatus.suspect || member.status === NodeStatus.unreachable) {
        return true;
      }
    }
    return false;
  }

  /** Ids of a region's nodes that have not left, sorted; the same list until it changes. */
  inRegion(region: string): readonly string[] {
    const known = this.#inRegion.get(region);
    if (known !== undefined) return known;
    const nodeIds = this.all
      .filter((m) => m.description.region === region && m.status !== NodeStatus.left)
      .map((m) => m.nodeId);
    this.#inRegion.set(region, nodeIds);
    return nodeIds;
  }

  get regions(): readonly string[] {
    this.#regions ??= [...new Set(this.all.map((m) => m.description.region))].sort();
    return this.#regions;
  }

  /** Who is there, where, or has left is no longer what it was. */
  #listsChanged(): void {
    this.#revision += 1;
    this.#all = undefined;
    this.#regions = undefined;
    this.#inRegion.clear();
  }

  #isAlive(member: Member, hearing: Hearing, now: Instant): boolean {
    if (member.nodeId === this.#selfId) return true;
    if (member.status === NodeStatus.left) return false;
    if (hearing.direct.has(member.nodeId) || hearing.vouched.has(member.nodeId)) return true;
    const isLocal = member.description.region === this.#selfRegion;
    return !isLocal && now < after(member.freshAt, CANARY_STALE_MS);
  }

  #judge(member: Member, alive: ReadonlySet<string>, now: Instant): NodeStatus {
    if (member.status === NodeStatus.left) return NodeStatus.left;
    if (alive.has(member.nodeId)) return NodeStatus.alive;
    if (member.status === NodeStatus.dead) return NodeStatus.dead;
    if (member.status === NodeStatus.alive) return NodeStatus.suspect;
    if (this.#isRefused(member)) return NodeStatus.dead;
    const suspectSince = member.since;
    if (member.status === NodeStatus.suspect && now < after(suspectSince, SUSPICION_MS)) {
      return NodeStatus.suspect;
    }
    return this.#hasConfirmer(member, alive, now) ? NodeStatus.dead : NodeStatus.unreachable;
  }

  /** Whether its host refused a connection since it was last taken for alive. */
  #isRefused({ refusedAt, since }: Member): boolean {
    return refusedAt !== undefined && refusedAt >= since;
  }

  /** Whether somebody is heard who would have passed on word of the node within the stale time. */
  #hasConfirmer(member: Member, alive: ReadonlySet<string>, now: Instant): boolean {
    if (now < after(member.freshAt, CANARY_STALE_MS)) return false;
    const region = member.description.region;
    for (const other of this.#members.values()) {
      if (other.nodeId === this.#selfId || other.nodeId === member.nodeId) continue;
      if (!alive.has(other.nodeId)) continue;
      if (other.description.region === region || region === this.#selfRegion) return true;
    }
    return false;
  }
}
