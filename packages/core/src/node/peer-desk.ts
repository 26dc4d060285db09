/**
 * Everything between this node and its peers: links opened and lost, digests and deltas on them,
 * who is alive, whom to dial, and messages that are passed on.
 *
 * Judges nothing about instances and knows no sessions; what it learns goes to the replica and the
 * membership, and through the callbacks of its options.
 */
import { NodeStatus } from "../instance.js";
import { NODE_COUNT_MAX } from "../limits.js";
import { Dialer } from "../membership/dialer.js";
import type { Hearing, Membership } from "../membership/membership.js";
import type {
  OriginVersion,
  PeerMessage,
  RecordGroup,
  RepairRequest,
  RouteMessage,
  RoutePayload,
} from "../messages.js";
import type { Random } from "../random.js";
import type { DigestOptions } from "../replica/digest-round.js";
import type { PeerLink } from "../replica/peer-link.js";
import { DIGEST_INTERVAL_MS, PeerLinks, type PeerLinksCounters } from "../replica/peer-links.js";
import type { Replica } from "../replica/replica.js";
import type { OriginIndex } from "../table/record-table.js";
import { after, type Instant, NEVER, type WallTime } from "../time.js";
import type { LinkKey, NodeEvent, PeerIdentity } from "./events.js";
import type { Outbox } from "./outbox.js";

/** Members are judged anew this often. */
const EVALUATE_INTERVAL_MS = 200;
/** A link that delivers deltas that do not attach is asked for repair at most this often. */
const GAP_REPAIR_INTERVAL_MS = 200;
/** After this node first held what a peer holds, word of others may still be on its way. */
const ACQUAINTANCE_MS = 10_000;
/** Ten years. */
const GENERATION_AHEAD_MAX_MS = 10 * 365 * 86_400_000;
/** How far a routed message may go: to a relay, then to its target. */
const ROUTE_HOPS = 2;

/** What a node's life is in; see `RegistryNode`. */
export type NodeState = "warming" | "ready" | "leaving" | "left";

export interface PeerDeskOptions {
  readonly nodeId: string;
  readonly region: string;
  readonly seeds: readonly string[];
  readonly random: Random;
  /** For judging whether a generation can be true. */
  readonly wallNow: () => WallTime;
  readonly replica: Replica;
  readonly membership: Membership;
  readonly outbox: Outbox;
  readonly counters: PeerLinksCounters & { routesDropped: number };
  readonly state: () => NodeState;
  /** While warming: this copy now holds all that a ready peer named. */
  /** A part of what this copy lacked has come. */
  readonly filled: (now: Instant) => void;
  readonly synced: (reason: string) => void;
  /** A peer holds writes of this generation, or a later one, that this process did not make. */
  readonly generationTaken: (generation: number, now: Instant) => void;
  /** A routed message for this node. */
  readonly routed: (from: string, payload: RoutePayload, now: Instant) => void;
  readonly now: Instant;
}

export class PeerDesk {
  readonly #options: PeerDeskOptions;
  readonly #links: PeerLinks;
  readonly #dialer: Dialer;
  readonly #lastGapRepair = new Map<LinkKey, Instant>();
  /** While warming: the one link that fills this copy. */
  #syncLink: LinkKey | undefined;
  #digestAt: Instant;
  #evaluateAt: Instant;
  #membersChanged = false;
  /** The revisions of all that dialing depends on, when it was last looked at. */
  #dialedRevision = -1;
  /** What the links hear, until {@link PeerLinks.revision} is another. */
  #lastHearing: { revision: number; hearing: Hearing; heard: readonly string[] } | undefined;
  /** A ready peer was met, and all that it knew, nodes included, is here. */
  #acquaintedAt: Instant | undefined;

  constructor(options: PeerDeskOptions) {
    const { replica, region, outbox, counters, now, random } = options;
    this.#options = options;
    this.#links = new PeerLinks({
      replica,
      region,
      send: (links, message) => outbox.toLinks(links, message),
      note: (level, event, fields) => outbox.note(level, event, fields),
      counters,
      isPlausibleGeneration: (generation) => this.#isPlausible(generation, 2),
    });
    this.#dialer = new Dialer({
      nodeId: options.nodeId,
      region,
      seeds: options.seeds,
      membership: options.membership,
      random,
      isLinked: (id) => this.#links.toNode(id) !== undefined,
    });
    this.#digestAt = after(now, DIGEST_INTERVAL_MS * random.next());
    this.#evaluateAt = now;
  }

  /** Seeds that may be nodes of this cluster, while nobody who knows the cluster was met. */
  get strangers(): readonly string[] {
    return this.#acquaintedAt !== undefined ? [] : this.#dialer.unmetSeeds;
  }

  get linkCount(): number {
    return this.#links.count;
  }

  /** Whether a transfer could go on at once. */
  get hasTransfers(): boolean {
    return this.#links.hasTransfers;
  }

  /** When {@link tick} is wanted at the latest. */
  next(): Instant {
    const dialAt = this.#options.state() === "leaving" ? NEVER : this.#dialer.next();
    return Math.min(this.#digestAt, this.#evaluateAt, dialAt) as Instant;
  }

  tick(now: Instant): void {
    if (now >= this.#evaluateAt) this.#evaluate(now);
    this.#dial(now);
    if (now >= this.#digestAt) this.#sendDigests(now);
  }

  /** Whether somebody may know of instances that this node has not heard of since its start. */
  isIgnorant(now: Instant): boolean {
    return this.#acquaintedAt === undefined || now < after(this.#acquaintedAt, ACQUAINTANCE_MS);
  }

  /** At the end of a turn: what was written goes to the mesh and the relays. */
  pushNews(): void {
    this.#links.pushNews(() => this.#relays());
  }

  wroteOwn(index: OriginIndex): void {
    this.#links.wroteOwn(index);
  }

  /** A node record or a judgement changed. */
  noteMembersChanged(): void {
    this.#membersChanged = true;
  }

  /** Whether the end of a turn has anything to do here. */
  get hasNews(): boolean {
    return this.#membersChanged || this.#links.hasNews;
  }

  /** Whether members changed since it was last asked. */
  takeMembersChanged(): boolean {
    const changed = this.#membersChanged;
    this.#membersChanged = false;
    return changed;
  }

  /** This node slept for so long: what it did not hear then proves nothing. */
  forgive(pauseMs: number, now: Instant): void {
    for (const link of this.#links.all) link.detector.forgive(pauseMs, now);
  }

  /** This copy serves from now on: ask every peer for what it still lacks. */
  askAll(): void {
    this.#syncLink = undefined;
    for (const link of this.#links.all) this.#sendDigest(link, "now");
  }

  /** Closes dialed links to other regions that a better relay has replaced. */
  closeSurplus(): void {
    const { membership, outbox } = this.#options;
    for (const link of [...this.#links.all]) {
      const member = membership.get(link.peer.nodeId);
      if (member === undefined || !link.isOutbound || link.isSameRegion) continue;
      if (!this.#dialer.isSurplus(member)) continue;
      outbox.add({ type: "close-link", link: link.key, reason: "surplus relay link" });
    }
  }

  open(event: Extract<NodeEvent, { type: "link-open" }>, now: Instant): void {
    const { peer } = event;
    const known = this.#links.toNode(peer.nodeId);
    this.#dialer.succeeded(peer.nodeId, event.address);
    if (known !== undefined && this.#keepsKnown(known, event, peer)) {
      this.#options.outbox.add({ type: "close-link", link: event.link, reason: "already linked" });
      return;
    }
    if (known !== undefined) {
      this.#links.close(known.key);
      this.#options.outbox.add({
        type: "close-link",
        link: known.key,
        reason: "replaced by a newer link",
      });
    }
    const link = this.#links.open(event.link, peer, event.isOutbound, now);
    this.#options.outbox.note("info", "link.open", { peer: peer.nodeId, region: peer.region });
    this.#syncLink ??= link.key;
    this.#sendDigest(link, "now");
    this.#evaluateAt = now;
  }

  message(key: LinkKey, message: PeerMessage, now: Instant): void {
    const link = this.#links.get(key);
    if (link === undefined) return;
    link.detector.heard(now);
    switch (message.type) {
      case "digest":
        return this.#digestArrived(link, message, now);
      case "delta":
        this.#checkGeneration(lastOf(message.groups), now);
        if (this.#links.receiveDelta(link, message, now)) this.#partArrived(link, now);
        else this.#askForRepair(link, now);
        return this.#checkSync(link, now);
      case "reset":
        this.#checkGeneration(lastOf(message.groups), now);
        this.#links.receiveReset(link, message, now);
        this.#partArrived(link, now);
        return this.#checkSync(link, now);
      case "route":
        if (message.to !== this.#options.nodeId) {
          this.#forward({ ...message, hops: Math.min(message.hops, ROUTE_HOPS) });
        } else this.#options.routed(message.from, message.payload, now);
        return;
    }
  }

  close(key: LinkKey, now: Instant): void {
    const link = this.#links.close(key);
    this.#lastGapRepair.delete(key);
    if (link === undefined) return;
    this.#options.outbox.note("info", "link.closed", { peer: link.peer.nodeId });
    this.#evaluateAt = now;
    if (this.#syncLink !== key) return;
    const [next] = this.#links.all;
    this.#syncLink = next?.key;
    if (next !== undefined && this.#options.state() === "warming") {
      this.#sendDigest(next, "now");
    }
  }

  congestion(key: LinkKey, isCongested: boolean): void {
    const link = this.#links.get(key);
    if (link === undefined) return;
    link.isCongested = isCongested;
    if (!isCongested) this.#links.catchUp();
  }

  dialFailed(event: Extract<NodeEvent, { type: "dial-failed" }>, now: Instant): void {
    if (event.cause === "refused") this.#dialer.refused(event.address);
    this.#dialer.failed(event.address, event.cause === "self", now);
    this.#options.outbox.note("debug", "dial.failed", {
      address: event.address,
      cause: event.cause,
      detail: event.detail,
    });
    if (event.cause !== "refused") return;
    for (const member of this.#options.membership.all) {
      if (member.description.peerAddress === event.address) {
        this.#options.membership.refused(member.nodeId, now);
      }
    }
    this.#evaluateAt = now;
  }

  /** Sends a message to a node that may not be a neighbour; false when no way is known now. */
  route(to: string, payload: RoutePayload): boolean {
    return this.#forward({
      type: "route",
      to,
      from: this.#options.nodeId,
      hops: ROUTE_HOPS,
      payload,
    });
  }

  /** Two links to one node: that of the smaller id stays, unless the peer is a new process. */
  #keepsKnown(known: PeerLink, event: { isOutbound: boolean }, peer: PeerIdentity): boolean {
    if (known.peer.generation !== peer.generation) return false;
    if (known.isOutbound === event.isOutbound) return false;
    const isMineKept = this.#options.nodeId < peer.nodeId;
    return known.isOutbound === isMineKept;
  }

  #digestArrived(
    link: PeerLink,
    message: Extract<PeerMessage, { type: "digest" }>,
    now: Instant,
  ): void {
    this.#checkGeneration(message.entries, now);
    this.#links.receiveDigest(link, message, { isReady: this.#options.state() !== "warming" });
    for (const { nodeId, generation } of message.ended) {
      this.#options.membership.ended(nodeId, generation);
    }
    this.#checkSync(link, now);
  }

  #askForRepair(link: PeerLink, now: Instant): void {
    const last = this.#lastGapRepair.get(link.key);
    if (last !== undefined && now < after(last, GAP_REPAIR_INTERVAL_MS)) return;
    this.#lastGapRepair.set(link.key, now);
    this.#sendDigest(link, "now");
  }

  /** What a warming peer passes on is no filling: a whole cluster that starts would wait for itself. */
  #partArrived(link: PeerLink, now: Instant): void {
    if (link.hasDigest && link.isPeerReady) this.#options.filled(now);
  }

  /** Ready once everything that a ready peer's last digest named is here. */
  #checkSync(link: PeerLink, now: Instant): void {
    if (this.#acquaintedAt === undefined && link.hasDigest && link.isPeerReady) {
      const isCaughtUp = this.#links.isCaughtUp(link);
      if (isCaughtUp) this.#acquaintedAt = now;
    }
    if (this.#options.state() !== "warming" || !link.hasDigest) return;
    if (!link.isPeerReady) return;
    if (this.#links.isCaughtUp(link)) this.#options.synced(`in sync with ${link.peer.nodeId}`);
    else if (this.#syncLink !== link.key && this.#needsSyncLink()) {
      this.#syncLink = link.key;
      this.#sendDigest(link, "now");
    }
  }

  #needsSyncLink(): boolean {
    const current = this.#syncLink === undefined ? undefined : this.#links.get(this.#syncLink);
    return current === undefined || (current.hasDigest && !current.isPeerReady);
  }

  /**
   * Somebody holds writes of this generation that this process did not make (a lost disk, a clock
   * that went back): begin a generation above it.
   */
  #checkGeneration(entries: readonly OriginVersion[], now: Instant): void {
    const { nodeId, replica } = this.#options;
    let highest = 0;
    for (const { origin, version } of entries) {
      if (origin.nodeId !== nodeId || origin.generation < replica.generation) continue;
      if (!this.#isPlausible(origin.generation, 1)) continue;
      const index = replica.table.findOrigin(origin);
      const isMine =
        origin.generation === replica.generation &&
        index >= 0 &&
        version <= replica.seenVersion(index);
      if (!isMine) highest = Math.max(highest, origin.generation);
    }
    if (highest === 0) return;
    this.#options.generationTaken(highest, now);
  }

  /**
   * Generations begin as wall time in ms: one that lies decades ahead is a lie. What this node
   * takes over for itself (`share` 1) stays below what others bear (`share` 2).
   */
  #isPlausible(generation: number, share: 1 | 2): boolean {
    return generation <= this.#options.wallNow() + share * GENERATION_AHEAD_MAX_MS;
  }

  /** Whether this node can have lived in such a generation, and can begin the next. */
  believes(generation: number): boolean {
    return this.#isPlausible(generation, 1);
  }

  #sendDigests(now: Instant): void {
    this.#digestAt = after(now, DIGEST_INTERVAL_MS * (0.9 + 0.2 * this.#options.random.next()));
    const news = { hears: this.#heard(), ended: this.#ended() };
    this.#links.planProbes(now);
    if (this.#options.state() !== "warming") {
      this.#links.sendDigests({ ...news, isReady: true, repair: "lagging" });
      return;
    }
    for (const link of this.#links.all) this.#sendDigest(link, "lagging", news);
  }

  #sendDigest(
    link: PeerLink,
    repair: RepairRequest,
    news: Pick<DigestOptions, "hears" | "ended"> = { hears: this.#heard(), ended: this.#ended() },
  ): void {
    const isWarming = this.#options.state() === "warming";
    const options: DigestOptions = {
      ...news,
      isReady: !isWarming,
      repair: isWarming && this.#syncLink !== link.key ? "none" : repair,
    };
    this.#links.sendDigest(link, options);
  }

  #heard(): readonly string[] {
    return this.#listen().heard;
  }

  /** Nodes that are dead and known to have ended. */
  #ended(): { nodeId: string; generation: number }[] {
    return this.#options.membership.all
      .filter((member) => member.status === NodeStatus.dead && member.isEnded)
      .map(({ nodeId, generation }) => ({ nodeId, generation }))
      .slice(0, NODE_COUNT_MAX);
  }

  /** One link per other region that carries this node's writes there. */
  #relays(): PeerLink[] {
    const relays: PeerLink[] = [];
    for (const region of this.#options.membership.regions) {
      if (region === this.#options.region) continue;
      const relay = this.#dialer.relayOf(region);
      const link = relay === undefined ? undefined : this.#links.toNode(relay);
      if (link !== undefined) relays.push(link);
    }
    return relays;
  }

  #listen(): { hearing: Hearing; heard: readonly string[] } {
    const { revision } = this.#links;
    if (this.#lastHearing?.revision === revision) return this.#lastHearing;
    const direct = new Set<string>();
    const vouched = new Set<string>();
    for (const link of this.#links.all) {
      if (link.isSilent) continue;
      direct.add(link.peer.nodeId);
      for (const nodeId of link.hears) vouched.add(nodeId);
    }
    const heard = [...direct].sort().slice(0, NODE_COUNT_MAX);
    this.#lastHearing = { revision, hearing: { direct, vouched }, heard };
    return this.#lastHearing;
  }

  #evaluate(now: Instant): void {
    this.#evaluateAt = after(now, EVALUATE_INTERVAL_MS);
    for (const link of [...this.#links.all]) {
      const isSilent = link.detector.isSuspect(now);
      if (isSilent && !link.isSilent) {
        this.#options.outbox.note("warn", "link.silent", { peer: link.peer.nodeId });
        this.#options.outbox.add({ type: "close-link", link: link.key, reason: "silent" });
      }
      if (link.isSilent !== isSilent) this.#lastHearing = undefined;
      link.isSilent = isSilent;
    }
    for (const member of this.#options.membership.evaluate(this.#listen().hearing, now)) {
      this.#membersChanged = true;
      const level = member.status === NodeStatus.alive ? "info" : "warn";
      this.#options.outbox.note(level, `member.${member.status}`, {
        nodeId: member.nodeId,
        region: member.description.region,
      });
    }
  }

  #dial(now: Instant): void {
    if (this.#options.state() === "leaving") return;
    const { membership, outbox } = this.#options;
    // Each of them only rises.
    const revision = membership.revision + this.#links.revision + this.#dialer.revision;
    if (revision === this.#dialedRevision && now < this.#dialer.next()) return;
    this.#dialedRevision = revision;
    for (const target of this.#dialer.due(now)) outbox.add({ type: "dial", ...target });
  }

  #forward(message: RouteMessage): boolean {
    const direct = this.#links.toNode(message.to);
    const region = this.#options.membership.get(message.to)?.description.region;
    const relay = region === undefined ? undefined : this.#dialer.relayOf(region);
    const link = direct ?? (relay === undefined ? undefined : this.#links.toNode(relay));
    if (link === undefined || message.hops === 0) {
      this.#options.counters.routesDropped += 1;
      return false;
    }
    this.#options.outbox.toLinks([link.key], { ...message, hops: message.hops - 1 });
    return true;
  }
}

/** What a delta or reset says of each origin: its last record's version. */
function lastOf(groups: readonly RecordGroup[]): OriginVersion[] {
  return groups.map(({ origin, records }) => ({ origin, version: records.at(-1)?.version ?? 0 }));
}
