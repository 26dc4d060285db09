/**
 * One FPZKServer without its sockets: everything a node decides.
 *
 * `step` takes one event and returns what to do about it, in order; `nextDeadline` says when to
 * call it with a `tick` at the latest. Nothing here reads a clock, draws unseeded randomness or
 * waits, so production and simulation run the same code. Messages in effects hold views into the
 * table: encode them before the next step.
 *
 * The parts: replica (what is known), peer links (who is told), membership and dialer (who is
 * there), leases (who must be heard), watches (who wants to know), drains, commands, adoption.
 */

import { DrainTable } from "../drain/drain-table.js";
import { rendezvous } from "../hash.js";
import { HybridClock } from "../hlc.js";
import { type NodeDescription, NodeStatus } from "../instance.js";
import { type LeaseLapse, LeaseTable } from "../lease/lease-table.js";
import { type DoubtReason, SelfDoubt, STALL_MS } from "../lease/self-doubt.js";
import { NODE_COUNT_MAX } from "../limits.js";
import { Dialer } from "../membership/dialer.js";
import { type Hearing, Membership } from "../membership/membership.js";
import type {
  DigestEntry,
  MemberView,
  PeerMessage,
  RepairRequest,
  RouteMessage,
  RoutePayload,
} from "../messages.js";
import type { Random } from "../random.js";
import {
  InstanceState,
  type Origin,
  RecordKind,
  type RegistryRecord,
  RemovalReason,
  Scope,
} from "../record.js";
import {
  DIGEST_INTERVAL_MS,
  type PeerLink,
  PeerLinks,
  type PeerLinksCounters,
} from "../replica/peer-links.js";
import { Replica } from "../replica/replica.js";
import type { RecordTable, Slot } from "../table/record-table.js";
import { after, type Instant, NEVER, type WallTime } from "../time.js";
import { type ServiceName, serviceName, WatchTable } from "../watch/watch-table.js";
import { Adoption, isOrphaned } from "./adoption.js";
import { Canary } from "./canary.js";
import { CommandDesk } from "./command-desk.js";
import type { Effect, LinkKey, NodeEvent, PeerIdentity } from "./events.js";
import { InstanceWriter } from "./instance-writer.js";
import type { NodeConfig } from "./node-config.js";
import { Outbox } from "./outbox.js";
import { RECONNECT_SPREAD_MAX_MS, SessionDesk } from "./session-desk.js";
import { SessionTable } from "./session-table.js";

/** Members are judged anew this often. */
const EVALUATE_INTERVAL_MS = 200;
/** Orphans, collected origins and surplus links are looked at this often. */
const HOUSEKEEPING_INTERVAL_MS = 1_000;
/** Tombstones forgotten in one tick. */
const COLLECT_COUNT_MAX = 5_000;
/** A link that delivers deltas that do not attach is asked for repair at most this often. */
const GAP_REPAIR_INTERVAL_MS = 200;
/** How far a routed message may go: to a relay, then to its target. */
const ROUTE_HOPS = 2;
/** How long a leaving node lets its sessions move, beyond the time over which they are spread. */
const LEAVE_MS = 3_000;
/** Longest that leaving takes. */
export const LEAVE_MAX_MS = RECONNECT_SPREAD_MAX_MS + LEAVE_MS;

/** Ten years. */
const GENERATION_AHEAD_MAX_MS = 10 * 365 * 86_400_000;

export interface RegistryNodeOptions {
  readonly nodeId: string;
  readonly generation: number;
  readonly region: string;
  readonly zone: string;
  readonly description: NodeDescription;
  /** The description as a record's body. */
  readonly encodedDescription: Uint8Array;
  readonly seeds: readonly string[];
  readonly config: NodeConfig;
  readonly random: Random;
  /** For the hybrid clock alone. */
  readonly wallNow: () => WallTime;
  readonly table: RecordTable;
  readonly decodeNodeDescription: (body: Uint8Array) => NodeDescription | undefined;
  readonly now: Instant;
}

export interface NodeCounters extends PeerLinksCounters {
  changesPushed: number;
  sessionsOpened: number;
  leasesLapsed: number;
  leasesHeld: number;
  recordsAdopted: number;
  superseded: number;
  stalls: number;
  routesDropped: number;
}

export class RegistryNode {
  readonly counters: NodeCounters = createCounters();
  readonly #options: RegistryNodeOptions;
  readonly #outbox = new Outbox();
  readonly #clock: HybridClock;
  readonly #replica: Replica;
  readonly #links: PeerLinks;
  readonly #membership: Membership;
  readonly #dialer: Dialer;
  readonly #doubt: SelfDoubt;
  readonly #leases: LeaseTable;
  readonly #sessions = new SessionTable();
  readonly #watches: WatchTable;
  readonly #drains = new DrainTable();
  readonly #writer: InstanceWriter;
  readonly #commands: CommandDesk;
  readonly #adoption: Adoption;
  readonly #canary: Canary;
  readonly #desk: SessionDesk;
  /** Draining records that changed in this turn: shown to subscribers at its end. */
  readonly #drainingSlots = new Set<Slot>();
  readonly #lastGapRepair = new Map<LinkKey, Instant>();
  #state: "warming" | "ready" | "leaving" | "left" = "warming";
  #warmUntil: Instant;
  /** While warming: the one link that fills this copy. */
  #syncLink: LinkKey | undefined;
  #digestAt: Instant;
  #evaluateAt: Instant;
  #housekeepingAt: Instant;
  #leaveAt: Instant = NEVER;
  #deadline: Instant;
  /** Before the first step nobody has promised to call in time. */
  #hasStepped = false;
  #membersChanged = false;
  #doubtReason: DoubtReason | undefined;
  /** The instant of the step that runs. */
  #now: Instant;

  constructor(options: RegistryNodeOptions) {
    const { config, random, now, table, nodeId, region } = options;
    this.#options = options;
    this.#now = now;
    this.#clock = new HybridClock(options.wallNow);
    this.#replica = new Replica({
      table,
      nodeId,
      generation: options.generation,
      tombstoneTtlMs: config.tombstoneTtlMs,
      listener: {
        recordChanged: (slot, tag) => this.#recordChanged(slot, tag),
        recordCollected: (tombstone) => this.#recordCollected(tombstone),
      },
    });
    this.#links = new PeerLinks({
      replica: this.#replica,
      region,
      send: (links, message) => this.#outbox.toLinks(links, message),
      note: (level, event, fields) => this.#outbox.note(level, event, fields),
      counters: this.counters,
      isPlausibleGeneration: (generation) => this.#isPlausible(generation, 2),
    });
    this.#membership = new Membership({ nodeId, region });
    this.#dialer = new Dialer({
      nodeId,
      region,
      seeds: options.seeds,
      membership: this.#membership,
      random,
      isLinked: (id) => this.#links.toNode(id) !== undefined,
    });
    this.#doubt = new SelfDoubt({
      windowMs: config.sessionTtlMs,
      holdMaxMs: config.orphanTtlMs,
      random,
    });
    this.#leases = new LeaseTable({ timings: config, doubt: this.#doubt, now });
    this.#watches = new WatchTable(this.#replica);
    this.#writer = new InstanceWriter({
      replica: this.#replica,
      leases: this.#leases,
      clock: this.#clock,
    });
    this.#commands = new CommandDesk({
      replica: this.#replica,
      writer: this.#writer,
      leases: this.#leases,
      drains: this.#drains,
      clock: this.#clock,
      members: () => this.#membership.all,
      takeoverTtlMs: config.orphanTtlMs,
      livingOwner: (slot) => this.#livingOwner(slot),
      route: (to, payload) => this.#route(to, payload),
    });
    this.#adoption = new Adoption({
      replica: this.#replica,
      writer: this.#writer,
      leases: this.#leases,
      membership: this.#membership,
      ...config,
    });
    this.#canary = new Canary(this.#replica, now);
    this.#desk = new SessionDesk({
      nodeId,
      region,
      generation: () => this.#replica.generation,
      config,
      random,
      outbox: this.#outbox,
      replica: this.#replica,
      sessions: this.#sessions,
      leases: this.#leases,
      writer: this.#writer,
      watches: this.#watches,
      drains: this.#drains,
      isReady: () => this.#state !== "warming",
      isLeaving: () => this.#state === "leaving",
      members: () => this.members(),
      judgedMembers: () => this.#membership.all,
      isOrphaned: (origin) => !this.#replica.isOwn(origin) && isOrphaned(origin, this.#membership),
      drainReport: (slot, report) => this.#reportDrain(slot, report),
      counters: this.counters,
    });
    const isAlone = options.seeds.length === 0 && table.liveCount === 0;
    this.#warmUntil = isAlone ? now : after(now, config.sessionTtlMs);
    this.#digestAt = after(now, DIGEST_INTERVAL_MS * random.next());
    this.#evaluateAt = now;
    this.#housekeepingAt = after(now, HOUSEKEEPING_INTERVAL_MS);
    this.#deadline = now;
    this.#writeNodeRecord(now);
  }

  get nodeId(): string {
    return this.#options.nodeId;
  }

  get generation(): number {
    return this.#replica.generation;
  }

  get table(): RecordTable {
    return this.#replica.table;
  }

  get isReady(): boolean {
    return this.#state === "ready";
  }

  /** For people: why {@link isReady} is what it is. */
  get readyReason(): string {
    if (this.#state === "warming") return "warming up: not yet in sync with a peer";
    return this.#state === "ready" ? "ready" : "leaving the cluster";
  }

  get sessionCount(): number {
    return this.#sessions.count;
  }

  get leaseCount(): number {
    return this.#leases.count;
  }

  get linkCount(): number {
    return this.#links.count;
  }

  get queueDropCount(): number {
    return this.#watches.dropCount;
  }

  /** Why expiry is paused now, if it is. */
  get doubtReason(): DoubtReason | undefined {
    return this.#doubtReason;
  }

  /** All nodes as this one sees them, by id. */
  members(): MemberView[] {
    return this.#membership.all.map((member) => ({
      nodeId: member.nodeId,
      generation: member.generation,
      region: member.description.region,
      zone: member.description.zone,
      address: member.description.address,
      tls: member.description.tls,
      status: member.status,
    }));
  }

  /** The answer to a query; see `WatchTable.answer`. */
  get watches(): WatchTable {
    return this.#watches;
  }

  /** What this copy holds, equal on two nodes exactly when their live records are. */
  digest(): DigestEntry[] {
    return this.#replica.digest(true);
  }

  floors(): { nodeId: string; generation: number }[] {
    return this.#replica.floors;
  }

  /**
   * Takes records back from this node's disk, before the first step.
   *
   * They are of past generations of this node or of others, so observers show them as orphaned or
   * unreachable until their owners or clients speak; until this node is in sync with a peer or one
   * ttl has passed it answers nothing from them.
   */
  restore(records: Iterable<RegistryRecord>, entries: readonly DigestEntry[], now: Instant): void {
    for (const record of records) {
      if (!this.#replica.isOwn(record.origin)) this.#replica.merge(record, now);
    }
    for (const entry of entries) this.#replica.raiseSeen(entry);
    this.#warmUntil = after(now, this.#options.config.sessionTtlMs);
  }

  /** When to call {@link step} with a `tick` at the latest. */
  nextDeadline(): Instant {
    return this.#deadline;
  }

  step(event: NodeEvent, now: Instant): Effect[] {
    this.#now = now;
    this.#noticeStall(event, now);
    this.#dispatch(event, now);
    this.#deadline = this.#nextDeadline(now);
    return this.#outbox.take();
  }

  #dispatch(event: NodeEvent, now: Instant): void {
    switch (event.type) {
      case "tick":
        return this.#tick(now);
      case "turn-end":
        return this.#endTurn(now);
      case "session-open":
        return this.#desk.open(event, now);
      case "session-message":
        return this.#desk.message(event.session, event.message, now);
      case "session-close":
        this.#desk.close(event.session, now);
        // The last one has moved: nothing is left to wait for.
        if (this.#state === "leaving" && this.#sessions.count === 0) this.#leaveAt = now;
        return;
      case "session-congested":
        return this.#watches.congested(event.session);
      case "session-writable":
        return this.#desk.writable(event.session);
      case "link-open":
        return this.#linkOpen(event, now);
      case "link-message":
        return this.#linkMessage(event.link, event.message, now);
      case "link-close":
        return this.#linkClose(event.link, now);
      case "link-congested":
      case "link-writable":
        return this.#linkCongestion(event.link, event.type === "link-congested");
      case "dial-failed":
        return this.#dialFailed(event, now);
      case "command":
        return this.#commands.run(
          event.command,
          (result) =>
            this.#outbox.add({ type: "command-result", commandId: event.commandId, result }),
          now,
        );
      case "shutdown":
        return this.#shutdown(now);
    }
  }

  // -- time ---------------------------------------------------------------------------------

  #tick(now: Instant): void {
    if (this.#state === "left") return;
    if (this.#state === "warming" && now >= this.#warmUntil) this.#becomeReady("waited one ttl");
    this.#expireLeases(now);
    this.#canary.tick(now);
    this.#replica.collectTombstones(now, COLLECT_COUNT_MAX);
    if (now >= this.#housekeepingAt) this.#housekeep(now);
    if (now >= this.#evaluateAt) this.#evaluate(now);
    this.#commands.expire(now);
    this.#drains.settle(this.#membership.all, now);
    this.#dial(now);
    if (now >= this.#digestAt) this.#sendDigests(now);
    if (now >= this.#leaveAt) this.#leave(now);
  }

  #endTurn(now: Instant): void {
    for (const change of this.#watches.takeChanges()) {
      this.counters.changesPushed += change.sessions.length;
      for (const message of change.messages) this.#outbox.toSessions(change.sessions, message);
    }
    this.#showDrains();
    this.#drains.settle(this.#membership.all, now);
    if (this.#membersChanged) this.#announceMembers();
    this.#links.pushNews(this.#relays());
  }

  #expireLeases(now: Instant): void {
    const hasSilentNode = this.#membership.hasUnexplainedSilence;
    const { lapses, held } = this.#leases.expire({ hasSilentNode }, now);
    for (const lapse of lapses) this.#lapse(lapse, now);
    for (const [reason, count] of held) {
      this.counters.leasesHeld += count;
      if (this.#doubtReason === reason) continue;
      this.#doubtReason = reason;
      this.#outbox.note("warn", "lease.expiry-paused", { reason, heldCount: count });
    }
    if (held.size > 0 || this.#doubtReason === undefined) return;
    if (this.#doubt.paused(now) !== undefined) return;
    if (this.#doubtReason === "node-silent" && hasSilentNode) return;
    this.#outbox.note("info", "lease.expiry-resumed", { reason: this.#doubtReason });
    this.#doubtReason = undefined;
  }

  #lapse(lapse: LeaseLapse, now: Instant): void {
    this.counters.leasesLapsed += 1;
    this.#outbox.note("info", "lease.lapsed", {
      phase: lapse.step.phase,
      instanceCount: lapse.lease.slots.size,
    });
    this.#writer.carryOut(lapse, now);
    const session = lapse.lease.session;
    if (lapse.step.phase === "ended" && session !== undefined) this.#desk.lapsed(session);
  }

  #housekeep(now: Instant): void {
    this.#housekeepingAt = after(now, HOUSEKEEPING_INTERVAL_MS);
    if (this.#state !== "ready") return;
    const adopted = this.#adoption.round(now);
    if (adopted > 0) {
      this.counters.recordsAdopted += adopted;
      this.#outbox.note("warn", "node.adopted-orphans", { count: adopted });
    }
    this.#replica.collectOrigins(now, (nodeId) => {
      if (nodeId === this.nodeId) return this.generation;
      return this.#membership.get(nodeId)?.generation ?? 0;
    });
    for (const link of [...this.#links.all]) {
      const member = this.#membership.get(link.peer.nodeId);
      if (member === undefined || !link.isOutbound || link.isSameRegion) continue;
      if (this.#dialer.isSurplus(member)) {
        this.#outbox.add({ type: "close-link", link: link.key, reason: "surplus relay link" });
      }
    }
  }

  /** A tick that comes much later than it was asked for: this node slept (P6). */
  #noticeStall(event: NodeEvent, now: Instant): void {
    const lateMs = this.#hasStepped ? now - this.#deadline : 0;
    this.#hasStepped = true;
    if (lateMs <= STALL_MS || event.type === "turn-end") return;
    this.counters.stalls += 1;
    this.#doubt.stalled(now);
    for (const link of this.#links.all) link.detector.heard(now);
    this.#outbox.note("warn", "node.stalled", { lateMs: Math.round(lateMs) });
  }

  #nextDeadline(now: Instant): Instant {
    if (this.#state === "left") return NEVER;
    if (this.#links.hasTransfers) return now;
    const deadlines = [
      this.#leases.next(),
      this.#canary.next(),
      this.#digestAt,
      this.#evaluateAt,
      this.#housekeepingAt,
      this.#state === "leaving" ? NEVER : this.#dialer.next(),
      this.#replica.nextTombstoneDeadline(),
      this.#commands.next(),
      this.#drains.next(),
      this.#leaveAt,
      this.#state === "warming" ? this.#warmUntil : NEVER,
    ];
    return Math.max(now, Math.min(...deadlines)) as Instant;
  }

  // -- readiness ----------------------------------------------------------------------------

  #becomeReady(reason: string): void {
    this.#state = "ready";
    this.#syncLink = undefined;
    this.#outbox.note("info", "node.ready", { reason, recordCount: this.table.liveCount });
    for (const link of this.#links.all) {
      this.#links.sendDigest(link, this.#digestOptions(link, "now"));
    }
    this.#desk.answerWaiting();
  }

  #shutdown(now: Instant): void {
    if (this.#state === "leaving" || this.#state === "left") return;
    this.#state = "leaving";
    this.#outbox.note("info", "node.leaving", { sessionCount: this.#sessions.count });
    const spreadMs = this.#desk.reconnectSpreadMs;
    this.#leaveAt = this.#sessions.count === 0 ? now : after(now, spreadMs + LEAVE_MS);
    this.#desk.moveAll();
  }

  #leave(now: Instant): void {
    this.#writeNodeRecord(now, RemovalReason.left);
    this.#endTurn(now);
    this.#state = "left";
    this.#leaveAt = NEVER;
    this.#outbox.add({ type: "left" });
  }

  #writeNodeRecord(now: Instant, reason: RemovalReason = RemovalReason.none): void {
    const { nodeId, encodedDescription, description } = this.#options;
    const isLeaving = reason !== RemovalReason.none;
    this.#replica.write(
      {
        kind: RecordKind.node,
        scope: Scope.global,
        namespace: "",
        service: "",
        id: nodeId,
        stamp: { incarnation: this.generation, session: 0, claim: isLeaving ? 1 : 0 },
        state: isLeaving ? InstanceState.removed : InstanceState.up,
        isSuspect: false,
        reason,
        since: 0,
        body: isLeaving ? new Uint8Array(0) : encodedDescription,
      },
      now,
    );
    if (isLeaving) return;
    this.#membership.announced(nodeId, { generation: this.generation, description, now });
  }

  // -- links --------------------------------------------------------------------------------

  #linkOpen(event: Extract<NodeEvent, { type: "link-open" }>, now: Instant): void {
    const { peer } = event;
    const known = this.#links.toNode(peer.nodeId);
    this.#dialer.succeeded(peer.nodeId, event.address);
    if (known !== undefined && this.#keepsKnown(known, event, peer)) {
      this.#outbox.add({ type: "close-link", link: event.link, reason: "already linked" });
      return;
    }
    if (known !== undefined) {
      this.#links.close(known.key);
      this.#outbox.add({ type: "close-link", link: known.key, reason: "replaced by a newer link" });
    }
    const link = this.#links.open(event.link, peer, event.isOutbound, now);
    this.#outbox.note("info", "link.open", { peer: peer.nodeId, region: peer.region });
    this.#syncLink ??= link.key;
    this.#links.sendDigest(link, this.#digestOptions(link, "now"));
    this.#evaluateAt = now;
  }

  /** Two links to one node: that of the smaller id stays, unless the peer is a new process. */
  #keepsKnown(known: PeerLink, event: { isOutbound: boolean }, peer: PeerIdentity): boolean {
    if (known.peer.generation !== peer.generation) return false;
    if (known.isOutbound === event.isOutbound) return false;
    const isMineKept = this.nodeId < peer.nodeId;
    return known.isOutbound === isMineKept;
  }

  #linkClose(key: LinkKey, now: Instant): void {
    const link = this.#links.close(key);
    this.#lastGapRepair.delete(key);
    if (link === undefined) return;
    this.#outbox.note("info", "link.closed", { peer: link.peer.nodeId });
    this.#evaluateAt = now;
    if (this.#syncLink !== key) return;
    const [next] = this.#links.all;
    this.#syncLink = next?.key;
    if (next !== undefined && this.#state === "warming") {
      this.#links.sendDigest(next, this.#digestOptions(next, "now"));
    }
  }

  #linkCongestion(key: LinkKey, isCongested: boolean): void {
    const link = this.#links.get(key);
    if (link === undefined) return;
    link.isCongested = isCongested;
    if (!isCongested) this.#links.catchUp();
  }

  #linkMessage(key: LinkKey, message: PeerMessage, now: Instant): void {
    const link = this.#links.get(key);
    if (link === undefined) return;
    link.detector.heard(now);
    switch (message.type) {
      case "digest":
        return this.#digestArrived(link, message, now);
      case "delta":
        if (!this.#links.receiveDelta(link, message, now)) this.#askForRepair(link, now);
        return this.#checkSync(link);
      case "reset":
        this.#links.receiveReset(link, message, now);
        return this.#checkSync(link);
      case "route":
        return this.#routeArrived(message, now);
    }
  }

  #digestArrived(
    link: PeerLink,
    message: Extract<PeerMessage, { type: "digest" }>,
    now: Instant,
  ): void {
    this.#checkGeneration(message.entries, now);
    this.#links.receiveDigest(link, message, { isReady: this.#state !== "warming" });
    this.#checkSync(link);
  }

  #askForRepair(link: PeerLink, now: Instant): void {
    const last = this.#lastGapRepair.get(link.key);
    if (last !== undefined && now < after(last, GAP_REPAIR_INTERVAL_MS)) return;
    this.#lastGapRepair.set(link.key, now);
    this.#links.sendDigest(link, this.#digestOptions(link, "now"));
  }

  /** Ready once everything that a ready peer's last digest named is here. */
  #checkSync(link: PeerLink): void {
    if (this.#state !== "warming" || !link.hasDigest) return;
    if (!link.isPeerReady) return;
    if (this.#links.isCaughtUp(link)) this.#becomeReady(`in sync with ${link.peer.nodeId}`);
    else if (this.#syncLink !== link.key && this.#needsSyncLink()) {
      this.#syncLink = link.key;
      this.#links.sendDigest(link, this.#digestOptions(link, "now"));
    }
  }

  #needsSyncLink(): boolean {
    const current = this.#syncLink === undefined ? undefined : this.#links.get(this.#syncLink);
    return current === undefined || (current.hasDigest && !current.isPeerReady);
  }

  /**
   * Generations begin as wall time in ms: one that lies decades ahead is a lie. What this node
   * takes over for itself (`share` 1) stays below what others bear (`share` 2).
   */
  #isPlausible(generation: number, share: 1 | 2): boolean {
    return generation <= this.#options.wallNow() + share * GENERATION_AHEAD_MAX_MS;
  }

  /**
   * Somebody holds writes of this generation that this process did not make (a lost disk, a clock
   * that went back): begin a generation above it.
   */
  #checkGeneration(entries: readonly DigestEntry[], now: Instant): void {
    let highest = 0;
    for (const { origin, version } of entries) {
      if (origin.nodeId !== this.nodeId || origin.generation < this.generation) continue;
      if (!this.#isPlausible(origin.generation, 1)) continue;
      const index = this.table.findOrigin(origin);
      const isMine =
        origin.generation === this.generation &&
        index >= 0 &&
        version <= this.#replica.seenVersion(index);
      if (!isMine) highest = Math.max(highest, origin.generation);
    }
    if (highest === 0) return;
    this.#outbox.note("warn", "node.generation-raised", { above: highest });
    this.#replica.raiseGeneration(highest + 1);
    this.#writeNodeRecord(now);
    this.#desk.rewriteAll(now);
  }

  #sendDigests(now: Instant): void {
    this.#digestAt = after(now, DIGEST_INTERVAL_MS * (0.9 + 0.2 * this.#options.random.next()));
    for (const link of this.#links.all) {
      this.#links.sendDigest(link, this.#digestOptions(link, "lagging"));
    }
  }

  #digestOptions(link: PeerLink, repair: RepairRequest) {
    const isWarming = this.#state === "warming";
    const hears = [...this.#hearing().direct].sort().slice(0, NODE_COUNT_MAX);
    return {
      hears,
      isReady: !isWarming,
      repair: isWarming && this.#syncLink !== link.key ? ("none" as const) : repair,
    };
  }

  /** One link per other region that carries this node's writes there. */
  #relays(): PeerLink[] {
    const relays: PeerLink[] = [];
    for (const region of this.#membership.regions) {
      if (region === this.#options.region) continue;
      const relay = this.#dialer.relayOf(region);
      const link = relay === undefined ? undefined : this.#links.toNode(relay);
      if (link !== undefined) relays.push(link);
    }
    return relays;
  }

  // -- members ------------------------------------------------------------------------------

  #hearing(): Hearing & { direct: Set<string> } {
    const direct = new Set<string>();
    const vouched = new Set<string>();
    for (const link of this.#links.all) {
      if (link.isSilent) continue;
      direct.add(link.peer.nodeId);
      for (const nodeId of link.hears) vouched.add(nodeId);
    }
    return { direct, vouched };
  }

  #evaluate(now: Instant): void {
    this.#evaluateAt = after(now, EVALUATE_INTERVAL_MS);
    for (const link of [...this.#links.all]) {
      const isSilent = link.detector.isSuspect(now);
      if (isSilent && !link.isSilent) {
        this.#outbox.note("warn", "link.silent", { peer: link.peer.nodeId });
        this.#outbox.add({ type: "close-link", link: link.key, reason: "silent" });
      }
      link.isSilent = isSilent;
    }
    for (const member of this.#membership.evaluate(this.#hearing(), now)) {
      this.#membersChanged = true;
      const level = member.status === NodeStatus.alive ? "info" : "warn";
      this.#outbox.note(level, `member.${member.status}`, {
        nodeId: member.nodeId,
        region: member.description.region,
      });
    }
  }

  #announceMembers(): void {
    this.#membersChanged = false;
    const sessions: number[] = [];
    for (const session of this.#sessions.all) sessions.push(session.key);
    this.#outbox.toSessions(sessions, { type: "members", members: this.members() });
  }

  #dial(now: Instant): void {
    if (this.#state === "leaving") return;
    for (const target of this.#dialer.due(now)) this.#outbox.add({ type: "dial", ...target });
  }

  #dialFailed(event: Extract<NodeEvent, { type: "dial-failed" }>, now: Instant): void {
    this.#dialer.failed(event.address, event.cause === "self", now);
    this.#outbox.note("debug", "dial.failed", {
      address: event.address,
      cause: event.cause,
      detail: event.detail,
    });
    if (event.cause !== "refused") return;
    for (const member of this.#membership.all) {
      if (member.description.peerAddress === event.address) {
        this.#membership.refused(member.nodeId, now);
      }
    }
    this.#evaluateAt = now;
  }

  // -- records ------------------------------------------------------------------------------

  #recordChanged(slot: Slot, tag: number): void {
    const table = this.table;
    const origin = table.origin(table.originOf(slot));
    const isOwn = this.#replica.isOwn(origin);
    if (isOwn) this.#links.wroteOwn(table.originOf(slot));
    switch (table.kind(slot)) {
      case RecordKind.node:
        return isOwn ? undefined : this.#nodeRecordChanged(table.read(slot));
      case RecordKind.canary:
        return isOwn ? undefined : this.#canaryArrived(table.read(slot));
      case RecordKind.instance:
      case RecordKind.override:
        this.#watches.changed(this.#serviceNameOf(slot), slot);
        this.#drainChanged(slot);
        if (!isOwn) this.#taken(table.read(slot), tag, slot);
    }
  }

  #serviceNameOf(slot: Slot): ServiceName {
    const { namespace, service } = this.table.serviceName(this.table.serviceOf(slot));
    return serviceName(namespace, service);
  }

  #recordCollected(tombstone: RegistryRecord): void {
    if (tombstone.kind !== RecordKind.instance && tombstone.kind !== RecordKind.override) return;
    const name = serviceName(tombstone.namespace, tombstone.service);
    this.#watches.collected(name, tombstone);
  }

  /** Another node's record took a key: what hung on a lease here does no more. */
  #taken(record: RegistryRecord, tag: number, slot: Slot): void {
    this.#clock.observe(
      record.kind === RecordKind.override ? record.stamp.incarnation : record.since,
    );
    if (tag === 0) return;
    this.table.setTag(slot, 0);
    const lease = this.#writer.dropFrom(this.#leases.get(tag), slot);
    if (lease?.session !== undefined) this.#desk.superseded(lease.session, record);
  }

  #nodeRecordChanged(record: RegistryRecord): void {
    const now = this.#now;
    this.#membersChanged = true;
    const generation = record.stamp.incarnation;
    if (record.id === this.nodeId) return;
    if (record.state === InstanceState.removed) {
      this.#membership.departed(record.id, generation, now);
      return;
    }
    const description = this.#options.decodeNodeDescription(record.body);
    if (description === undefined) {
      this.#outbox.note("warn", "member.undecodable", { nodeId: record.id });
      return;
    }
    this.#membership.announced(record.id, { generation, description, now });
  }

  #canaryArrived(record: RegistryRecord): void {
    this.#membership.wrote(record.id, this.#now);
    const { region } = this.#options;
    const alive = this.#membership.all
      .filter((m) => m.description.region === region && m.status === NodeStatus.alive)
      .map((m) => m.nodeId)
      .filter((nodeId) => nodeId !== record.id);
    if (rendezvous(record.id, alive) !== this.nodeId) return;
    const counter = record.stamp.session;
    this.#route(record.id, { kind: "canary-echo", counter, region });
  }

  // -- drains -------------------------------------------------------------------------------

  #drainChanged(slot: Slot): void {
    if (this.table.state(slot) === InstanceState.draining) {
      this.#drainingSlots.add(slot);
      return;
    }
    this.#drains.hide(slot);
    this.#drains.abandon(slot, this.#membership.all);
  }

  /** Draining records that went out with this turn's changes: wait for who was told. */
  #showDrains(): void {
    for (const slot of this.#drainingSlots) {
      if (!this.table.isUsed(slot) || this.table.state(slot) !== InstanceState.draining) continue;
      const record = this.table.read(slot);
      const told: number[] = [];
      for (const key of this.#watches.watchersOf(this.#serviceNameOf(slot))) {
        if (this.#sessions.get(key)?.kind === "native") told.push(key);
      }
      const pending = this.#drains.show(slot, record, told);
      if (pending === undefined) continue;
      const unconfirmed = [...pending].map((key) => this.#subscriberName(key));
      this.#reportDrain(slot, { confirmedCount: 0, unconfirmed });
    }
    this.#drainingSlots.clear();
  }

  #subscriberName(key: number): string {
    return `${this.nodeId}/${this.#sessions.get(key)?.clientId ?? key}`;
  }

  #reportDrain(
    slot: Slot,
    report: { confirmedCount: number; unconfirmed: readonly string[] },
  ): void {
    if (!this.table.isUsed(slot)) return;
    const record = this.table.read(slot);
    if (this.#replica.isOwn(record.origin)) {
      this.#drains.report(slot, this.nodeId, record.stamp, report);
      return;
    }
    this.#route(record.origin.nodeId, {
      kind: "drain-confirm",
      recordKind: record.kind,
      namespace: record.namespace,
      service: record.service,
      id: record.id,
      stamp: record.stamp,
      confirmedCount: report.confirmedCount,
      unconfirmed: report.unconfirmed.slice(0, 100),
    });
  }

  // -- routes -------------------------------------------------------------------------------

  /** The owner of a record when it is another node that lives; undefined when this node acts. */
  #livingOwner(slot: Slot): string | undefined {
    const origin: Origin = this.table.origin(this.table.originOf(slot));
    if (this.#replica.isOwn(origin)) return undefined;
    const member = this.#membership.get(origin.nodeId);
    if (member === undefined || member.generation > origin.generation) return undefined;
    const isGone = member.status === NodeStatus.dead || member.status === NodeStatus.left;
    return isGone ? undefined : origin.nodeId;
  }

  #route(to: string, payload: RoutePayload): boolean {
    return this.#forward({ type: "route", to, from: this.nodeId, hops: ROUTE_HOPS, payload });
  }

  #forward(message: RouteMessage): boolean {
    const direct = this.#links.toNode(message.to);
    const region = this.#membership.get(message.to)?.description.region;
    const relay = region === undefined ? undefined : this.#dialer.relayOf(region);
    const link = direct ?? (relay === undefined ? undefined : this.#links.toNode(relay));
    if (link === undefined || message.hops === 0) {
      this.counters.routesDropped += 1;
      return false;
    }
    this.#outbox.toLinks([link.key], { ...message, hops: message.hops - 1 });
    return true;
  }

  #routeArrived(message: RouteMessage, now: Instant): void {
    if (message.to !== this.nodeId) {
      this.#forward({ ...message, hops: Math.min(message.hops, ROUTE_HOPS) });
      return;
    }
    const { payload } = message;
    switch (payload.kind) {
      case "canary-echo": {
        const elapsedMs = this.#canary.echoed(payload.counter, now);
        if (elapsedMs !== undefined) {
          this.#outbox.add({ type: "propagation", region: payload.region, elapsedMs });
        }
        return;
      }
      case "drain-confirm": {
        const slot = this.#replica.find({ ...payload, kind: payload.recordKind, scope: 0 });
        const regional = this.#replica.find({ ...payload, kind: payload.recordKind, scope: 1 });
        for (const found of [slot, regional]) {
          this.#drains.report(found, message.from, payload.stamp, payload);
        }
        return this.#drains.settle(this.#membership.all, now);
      }
      case "command":
        return this.#commands.routed(message.from, payload.commandId, payload.command, now);
      case "command-result":
        return this.#commands.routedResult(payload);
    }
  }
}

function createCounters(): NodeCounters {
  return {
    deltasSent: 0,
    deltasReceived: 0,
    recordsSent: 0,
    recordsReceived: 0,
    repairRounds: 0,
    resetsSent: 0,
    resetsReceived: 0,
    divergences: 0,
    gaps: 0,
    changesPushed: 0,
    sessionsOpened: 0,
    leasesLapsed: 0,
    leasesHeld: 0,
    recordsAdopted: 0,
    superseded: 0,
    stalls: 0,
    routesDropped: 0,
  };
}
