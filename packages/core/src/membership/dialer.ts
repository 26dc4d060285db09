/**
 * Which peers this node connects to, and when it tries.
 *
 * Inside a region everyone is linked with everyone; to each other region one relay is dialed, the
 * first by rendezvous order that answers. Seeds are dialed until they are known as nodes, and
 * again whenever their region is out of reach. Tries back off with jitter and never stop, which is
 * what heals a split.
 */
import { rendezvous, rendezvousOrder } from "../hash.js";
import { NodeStatus } from "../instance.js";
import type { Random } from "../random.js";
import { after, type Instant, NEVER } from "../time.js";
import type { Member, Membership } from "./membership.js";

const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 5_000;
/** The greater of two node ids lets the smaller one dial first, so that they seldom meet twice. */
const YIELD_MS = 300;
/** A dial without an answer from the driver is taken as lost after this long. */
const DIAL_TIMEOUT_MS = 10_000;

interface Attempt {
  nextAt: Instant;
  failureCount: number;
  isPending: boolean;
}

export interface DialTarget {
  readonly address: string;
  readonly expectedNodeId: string | undefined;
}

export interface DialerOptions {
  readonly nodeId: string;
  readonly region: string;
  readonly seeds: readonly string[];
  readonly membership: Membership;
  readonly random: Random;
  /** Whether a link to the node is open. */
  readonly isLinked: (nodeId: string) => boolean;
}

export class Dialer {
  readonly #options: DialerOptions;
  readonly #attempts = new Map<string, Attempt>();
  /** Seed address → the node that answered there; `undefined` until one did. */
  readonly #seedNodes = new Map<string, string | undefined>();
  /** Seeds at whose address no process listens. */
  readonly #refusedSeeds = new Set<string>();
  /** Region → its nodes in the order to be relays, for the list that it was made of. */
  readonly #relayOrders = new Map<string, { ids: readonly string[]; order: readonly string[] }>();
  #revision = 0;

  constructor(options: DialerOptions) {
    this.#options = options;
    for (const seed of options.seeds) this.#seedNodes.set(seed, undefined);
  }

  /**
   * Rises when an attempt ended. While this, the membership's revision and the links stay the same,
   * {@link due} has nothing new to say before {@link next}.
   */
  get revision(): number {
    return this.#revision;
  }

  /** Addresses to dial now. Each is pending until {@link succeeded} or {@link failed}. */
  due(now: Instant): DialTarget[] {
    const targets = this.#wanted();
    const due: DialTarget[] = [];
    const wanted = new Set<string>();
    for (const target of targets) {
      wanted.add(target.address);
      const attempt = this.#attempt(target, now);
      if (now < attempt.nextAt) continue;
      attempt.isPending = true;
      attempt.nextAt = after(now, DIAL_TIMEOUT_MS);
      due.push(target);
    }
    for (const [address, attempt] of this.#attempts) {
      if (wanted.has(address)) continue;
      if (!attempt.isPending || now >= attempt.nextAt) this.#attempts.delete(address);
    }
    return due;
  }

  next(): Instant {
    let next = NEVER;
    for (const attempt of this.#attempts.values()) {
      if (attempt.nextAt < next) next = attempt.nextAt;
    }
    return next;
  }

  /** A link opened; `address` is that of the dial, undefined for one that came in. */
  succeeded(nodeId: string, address: string | undefined): void {
    if (address === undefined) return;
    this.#revision += 1;
    this.#attempts.delete(address);
    this.#refusedSeeds.delete(address);
    if (this.#seedNodes.has(address)) this.#seedNodes.set(address, nodeId);
  }

  /** A dial came to nothing. A seed that is this node itself is never dialed again. */
  failed(address: string, isSelf: boolean, now: Instant): void {
    this.#revision += 1;
    if (isSelf) {
      this.#seedNodes.delete(address);
      this.#attempts.delete(address);
      return;
    }
    const attempt = this.#attempts.get(address);
    if (attempt === undefined) return;
    attempt.isPending = false;
    attempt.failureCount += 1;
    const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** attempt.failureCount);
    attempt.nextAt = after(now, ceiling * (0.5 + this.#options.random.next() / 2));
  }

  /** Its host refused the connection. Call before {@link failed}. */
  refused(address: string): void {
    if (this.#seedNodes.has(address)) this.#refusedSeeds.add(address);
  }

  /** Seeds where somebody may be who was never met. */
  get unmetSeeds(): string[] {
    const unmet: string[] = [];
    for (const [address, nodeId] of this.#seedNodes) {
      if (nodeId === undefined && !this.#refusedSeeds.has(address)) unmet.push(address);
    }
    return unmet;
  }

  /** The node that carries this node's writes to a region: first in order that is linked. */
  relayOf(region: string): string | undefined {
    return this.#relayOrder(region).find((nodeId) => this.#options.isLinked(nodeId));
  }

  /** Whether a link that this node dialed to another region is no longer wanted, at either end. */
  isSurplus(member: Member): boolean {
    const region = member.description.region;
    if (region === this.#options.region) return false;
    const first = this.#relayOrder(region)[0];
    if (first === undefined || first === member.nodeId) return false;
    return this.#options.isLinked(first) && !this.#isRelayOf(member.nodeId);
  }

  /**
   * Whether a node of another region sends its writes to this one, first of this region in its order.
   * What is on its way when such a link is closed would be lost, and the link dialed anew.
   */
  #isRelayOf(nodeId: string): boolean {
    const { membership, nodeId: selfId, region } = this.#options;
    const isThere = (id: string) => membership.get(id)?.status === NodeStatus.alive;
    const candidates = membership.inRegion(region).filter((id) => id === selfId || isThere(id));
    return rendezvous(nodeId, candidates) === selfId;
  }

  #wanted(): DialTarget[] {
    const { membership, nodeId: selfId, isLinked } = this.#options;
    const targets = new Map<string, DialTarget>();
    for (const member of membership.all) {
      if (member.nodeId === selfId || member.status === NodeStatus.left) continue;
      if (isLinked(member.nodeId)) continue;
      const region = member.description.region;
      if (region !== this.#options.region && !this.#isRelayWanted(member)) continue;
      const address = member.description.peerAddress;
      targets.set(address, { address, expectedNodeId: member.nodeId });
    }
    for (const [address, nodeId] of this.#seedNodes) {
      if (targets.has(address) || !this.#isSeedWanted(nodeId)) continue;
      targets.set(address, { address, expectedNodeId: undefined });
    }
    return [...targets.values()];
  }

  /** The first relay of its region always, the others while those before them fail. */
  #isRelayWanted(member: Member): boolean {
    for (const nodeId of this.#relayOrder(member.description.region)) {
      if (nodeId === member.nodeId) return true;
      const other = this.#options.membership.get(nodeId);
      if (other === undefined || this.#options.isLinked(nodeId)) return false;
      const attempt = this.#attempts.get(other.description.peerAddress);
      if (attempt === undefined || attempt.failureCount === 0) return false;
    }
    return false;
  }

  #isSeedWanted(nodeId: string | undefined): boolean {
    if (nodeId === undefined) return true;
    const member = this.#options.membership.get(nodeId);
    // One that left is no member to dial, yet it may come back and know of nobody itself.
    if (member === undefined || member.status === NodeStatus.left) {
      return !this.#options.isLinked(nodeId);
    }
    if (member.description.region === this.#options.region) return false;
    return this.relayOf(member.description.region) === undefined;
  }

  #relayOrder(region: string): readonly string[] {
    const ids = this.#options.membership.inRegion(region);
    const known = this.#relayOrders.get(region);
    if (known?.ids === ids) return known.order;
    const order = rendezvousOrder(this.#options.nodeId, ids);
    this.#relayOrders.set(region, { ids, order });
    return order;
  }

  #attempt(target: DialTarget, now: Instant): Attempt {
    const known = this.#attempts.get(target.address);
    if (known !== undefined) return known;
    const yields =
      target.expectedNodeId !== undefined && this.#options.nodeId > target.expectedNodeId;
    const attempt = {
      nextAt: yields ? after(now, YIELD_MS) : now,
      failureCount: 0,
      isPending: false,
    };
    this.#attempts.set(target.address, attempt);
    return attempt;
  }
}
