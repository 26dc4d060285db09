/**
 * Which server to try next.
 *
 * Known are the seeds and the members that a node told. Order: nodes that are alive, the caller's
 * zone first, then its region, then other regions; then seeds that no node has told of; then nodes
 * that were suspect, and last those believed gone, because the belief may be old. So may be the
 * belief that a node is alive: one that failed since the last session comes after all untried ones
 * that are alive, and one that failed twice after all untried ones. The rest is shuffled, so that a herd spreads. A server
 * that failed, or ended a session before it had lasted, waits out a backoff with jitter, from
 * {@link BACKOFF_MIN_MS} doubling to {@link BACKOFF_MAX_MS}.
 *
 * One comes out of turn. When a connection closed on a session that was heard till then, and the
 * first server tried instead does not answer at once, the server of that session is next: nothing
 * else is known to be within reach, and its node removes the instances after the grace (P6).
 */
import { assertNever } from "../assert.js";
import type { MemberView } from "../messages.js";
import type { Random } from "../random.js";
import { after, type Instant } from "../time.js";
import type { ServerAddress } from "./client-events.js";

export const BACKOFF_MIN_MS = 100;
export const BACKOFF_MAX_MS = 5_000;

/** An address that others share is spared its backoff at most this often. */
const SPARE_INTERVAL_MS = 1_000;

export interface Candidate {
  readonly server: ServerAddress;
  readonly tls: boolean;
}

export interface ServerListOptions {
  readonly random: Random;
  readonly region: string;
  readonly zone: string;
  /** The caller demands TLS: members that say otherwise are spoken to over TLS all the same. */
  readonly tls: boolean;
}

interface Ranked {
  readonly candidate: Candidate;
  readonly rank: number;
}

interface Failure {
  /** Since a session there has lasted: what the backoff grows by. */
  count: number;
  /** Since any session has lasted: what was out of reach in an earlier outage may be near again. */
  recentCount: number;
  retryAt: Instant;
}

export class ServerList {
  readonly #options: ServerListOptions;
  #seeds: readonly ServerAddress[] = [];
  #members: readonly MemberView[] = [];
  readonly #failures = new Map<string, Failure>();
  readonly #sparedAt = new Map<string, Instant>();
  /** Where the last session was heard till its connection closed. */
  #lastHeard: string | undefined;

  constructor(options: ServerListOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#ranked().length;
  }

  setSeeds(seeds: readonly ServerAddress[]): void {
    this.#seeds = seeds;
    this.#forgetFailures();
  }

  setMembers(members: readonly MemberView[]): void {
    const generations = new Map(this.#members.map((each) => [each.nodeId, each.generation]));
    for (const { nodeId, generation, address } of members) {
      // A new process is there: what its predecessor failed in or asked for is over.
      const isRestarted = generation > (generations.get(nodeId) ?? generation);
      if (isRestarted) this.#failures.delete(address);
    }
    this.#members = members;
    this.#forgetFailures();
  }

  /**
   * The best server that may be tried now, or when the first one may; undefined for no servers.
   *
   * @param tried - Addresses that are being tried already.
   */
  next(
    now: Instant,
    tried: ReadonlySet<string> = NONE,
  ): Candidate | { readonly waitUntil: Instant } | undefined {
    const others = this.#ranked().filter(({ candidate }) => !tried.has(candidate.server.address));
    return (tried.size > 0 ? this.#heardBefore(others, now) : undefined) ?? this.#best(others, now);
  }

  /** Whether a server is alive that is nearer than a node: in the caller's zone, or its region. */
  isNearerAlive(nodeId: string): boolean {
    return this.#nearerThan(nodeId).length > 0;
  }

  /** The best server that is nearer than a node, if it may be tried now. */
  nextNearer(nodeId: string, now: Instant): Candidate | undefined {
    const next = this.#best(this.#nearerThan(nodeId), now);
    return next === undefined || "waitUntil" in next ? undefined : next;
  }

  /** True when it has failed since it last answered. */
  hasFailed(address: string): boolean {
    return (this.#failures.get(address)?.count ?? 0) > 0;
  }

  /** The server could not be reached, refused, or was lost: not again before its backoff. */
  failed(address: string, now: Instant): void {
    if (address === this.#lastHeard) this.#lastHeard = undefined;
    this.#backOff(address, { weight: 1 }, now);
  }

  /** A session is over; `address`: of its server, if that was heard till the connection closed. */
  lastHeard(address: string | undefined): void {
    this.#lastHeard = address;
  }

  /**
   * The connection to a node closed, which had lasted. Workers of one machine share an address: while another is
   * alive there, it is tried before servers that are farther away, and without a backoff.
   */
  lost(address: string, nodeId: string, now: Instant): void {
    const isShared = this.#members.some(
      (member) =>
        member.address === address && member.nodeId !== nodeId && member.status === "alive",
    );
    const sparedAt = this.#sparedAt.get(address);
    const isSpared = sparedAt === undefined || now >= after(sparedAt, SPARE_INTERVAL_MS);
    // Whatever closed it, the node may be there: only its equals are tried before it.
    if (!isShared || !isSpared) return this.#backOff(address, { weight: 0 }, now);
    this.#sparedAt.set(address, now);
    this.#failures.set(address, { count: 0, recentCount: 0, retryAt: now });
  }

  /** Not to be tried for a while although nothing failed: it asked its clients to move. */
  avoid(address: string, until: Instant): void {
    this.#failures.set(address, { count: 0, recentCount: 0, retryAt: until });
  }

  /** A session there has lasted: what failed before is over, and elsewhere it was long ago. */
  succeeded(address: string): void {
    this.#failures.delete(address);
    for (const failure of this.#failures.values()) failure.recentCount = 0;
  }

  #backOff(address: string, { weight }: { readonly weight: 0 | 1 }, now: Instant): void {
    const { count, recentCount } = this.#failures.get(address) ?? { count: 0, recentCount: 0 };
    const ceilingMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(count, 16));
    const backoffMs = ceilingMs * (0.5 + this.#options.random.next() / 2);
    const retryAt = after(now, backoffMs);
    this.#failures.set(address, { count: count + 1, recentCount: recentCount + weight, retryAt });
  }

  #heardBefore(ranked: readonly Ranked[], now: Instant): Candidate | undefined {
    if (this.#lastHeard === undefined) return undefined;
    if ((this.#failures.get(this.#lastHeard)?.retryAt ?? now) > now) return undefined;
    const isIt = ({ candidate }: Ranked) => candidate.server.address === this.#lastHeard;
    return ranked.find(isIt)?.candidate;
  }

  #nearerThan(nodeId: string): Ranked[] {
    const node = this.#members.find((member) => member.nodeId === nodeId);
    if (node === undefined) return [];
    // Where it stands, whatever is thought of its life: this client hears it.
    const standing = Math.min(FAR_RANK, this.#rankOf({ ...node, status: "alive" }));
    return this.#ranked().filter(({ rank }) => rank < standing);
  }

  #best(
    ranked: readonly Ranked[],
    now: Instant,
  ): Candidate | { readonly waitUntil: Instant } | undefined {
    let waitUntil: Instant | undefined;
    let best: { candidate: Candidate; order: readonly number[] } | undefined;
    for (const { candidate, rank } of ranked) {
      const failure = this.#failures.get(candidate.server.address);
      if (failure !== undefined && failure.retryAt > now) {
        if (waitUntil === undefined || failure.retryAt < waitUntil) waitUntil = failure.retryAt;
        continue;
      }
      const standing = rank + FAILURE_RANKS * (failure?.recentCount ?? 0);
      const order = [standing, failure === undefined ? 0 : 1, this.#options.random.next()];
      if (best === undefined || isBefore(order, best.order)) best = { candidate, order };
    }
    if (best !== undefined) return best.candidate;
    return waitUntil === undefined ? undefined : { waitUntil };
  }

  #ranked(): Ranked[] {
    const { tls } = this.#options;
    const byAddress = new Map<string, Ranked>();
    const seeds = new Map(this.#seeds.map((seed) => [seed.address, seed]));
    for (const member of this.#members) {
      const held = byAddress.get(member.address);
      const rank = this.#rankOf(member);
      // Workers of one machine share an address: the best of them speaks for it.
      if (held !== undefined && held.rank <= rank) continue;
      // A seed knows the name that its certificate is for.
      const server = seeds.get(member.address) ?? {
        address: member.address,
        serverName: undefined,
      };
      byAddress.set(member.address, { candidate: { server, tls: tls || member.tls }, rank });
    }
    for (const seed of this.#seeds) {
      if (byAddress.has(seed.address)) continue;
      byAddress.set(seed.address, { candidate: { server: seed, tls }, rank: SEED_RANK });
    }
    return [...byAddress.values()];
  }

  #rankOf(member: MemberView): number {
    const isSameRegion = member.region === this.#options.region && member.region !== "";
    const isSameZone = isSameRegion && member.zone === this.#options.zone && member.zone !== "";
    switch (member.status) {
      case "alive":
        return isSameZone ? 0 : isSameRegion ? 1 : FAR_RANK;
      case "suspect":
        return SEED_RANK + 1;
      case "unreachable":
        return SEED_RANK + 2;
      case "dead":
      case "left":
        return SEED_RANK + 3;
      default:
        return assertNever(member.status, "node status");
    }
  }

  /** Failures of servers that are no longer known go: the map is bounded by what is known. */
  #forgetFailures(): void {
    const known = new Set(this.#ranked().map(({ candidate }) => candidate.server.address));
    for (const map of [this.#failures, this.#sparedAt]) {
      for (const address of map.keys()) if (!known.has(address)) map.delete(address);
    }
  }
}

/** Lexicographic order of equally long lists. */
function isBefore(a: readonly number[], b: readonly number[]): boolean {
  for (const [index, value] of a.entries()) {
    const other = b[index] ?? 0;
    if (value !== other) return value < other;
  }
  return false;
}

const NONE: ReadonlySet<string> = new Set();
/** Alive, in another region. */
const FAR_RANK = 2;
/** Below every node that is alive, above every node that may be gone. */
const SEED_RANK = 3;
/** A failure weighs more than any distance between nodes that are alive. */
const FAILURE_RANKS = FAR_RANK + 1;
