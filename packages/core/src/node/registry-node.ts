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
import { DrainDesk } from "../drain/drain-desk.js";
import { HybridClock } from "../hlc.js";
import { type NodeDescription, NodeStatus } from "../instance.js";
import { LeasePhase } from "../lease/lease-rules.js";
import { LeaseTable } from "../lease/lease-table.js";
import { type DoubtReason, SelfDoubt, STALL_MS } from "../lease/self-doubt.js";
import { Membership, viewOfMember } from "../membership/membership.js";
import type { DigestEntry, MemberView, RoutePayload } from "../messages.js";
import type { Random } from "../random.js";
import { RecordKind, type RegistryRecord } from "../record.js";
import type { QuarantinedOrigin } from "../replica/quarantine.js";
import { Replica } from "../replica/replica.js";
import type { Suspicion } from "../suspicion.js";
import type { RecordTable, Slot } from "../table/record-table.js";
import { after, type Instant, NEVER, type WallTime } from "../time.js";
import { serviceName, WatchTable } from "../watch/watch-table.js";
import { Adoption, isOrphaned } from "./adoption.js";
import { Canary } from "./canary.js";
import { CommandDesk } from "./command-desk.js";
import type { Effect, NodeEvent } from "./events.js";
import { InstanceWriter } from "./instance-writer.js";
import { LeaseExpiry } from "./lease-expiry.js";
import type { NodeConfig } from "./node-config.js";
import { createCounters, type NodeCounters } from "./node-counters.js";
import { generationAbove, NodeRecords } from "./node-records.js";
import { Outbox } from "./outbox.js";
import { type NodeState, PeerDesk } from "./peer-desk.js";
import { RECONNECT_SPREAD_MAX_MS, SessionDesk } from "./session-desk.js";
import { SessionTable } from "./session-table.js";

/** Orphans, collected origins and surplus links are looked at this often. */
const HOUSEKEEPING_INTERVAL_MS = 1_000;
/** Tombstones forgotten in one tick. */
const COLLECT_COUNT_MAX = 5_000;
/** How long a leaving node lets its sessions move, beyond the time over which they are spread. */
const LEAVE_MS = 3_000;
/** Longest that leaving takes. */
export const LEAVE_MAX_MS = RECONNECT_SPREAD_MAX_MS + LEAVE_MS;
/** A node that is being filled says it is ready after this even when it lacks something still. */
const WARM_UP_MAX_MS = 120_000;

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

export class RegistryNode {
  readonly counters: NodeCounters = createCounters();
  readonly #options: RegistryNodeOptions;
  readonly #outbox = new Outbox();
  readonly #clock: HybridClock;
  readonly #replica: Replica;
  readonly #membership: Membership;
  readonly #peers: PeerDesk;
  readonly #doubt: SelfDoubt;
  readonly #leases: LeaseTable;
  readonly #sessions = new SessionTable();
  readonly #watches: WatchTable;
  readonly #drains: DrainDesk;
  readonly #writer: InstanceWriter;
  readonly #commands: CommandDesk;
  readonly #adoption: Adoption;
  readonly #canary: Canary;
  readonly #nodes: NodeRecords;
  readonly #desk: SessionDesk;
  readonly #expiry: LeaseExpiry;
  #state: NodeState = "warming";
  /** Nobody to wait for: no seeds, nothing restored. */
  #isAlone: boolean;
  #warmUntil: Instant;
  /** {@link WARM_UP_MAX_MS} after the start: no {@link #warmUntil} is later. */
  readonly #warmUntilMax: Instant;
  #housekeepingAt: Instant;
  #leaveAt: Instant = NEVER;
  #deadline: Instant;
  /** Before the first step nobody has promised to call in time. */
  #hasStepped = false;
  /** The instant of the step that runs. */
  #now: Instant;

  constructor(options: RegistryNodeOptions) {
    const { config, random, now, table, nodeId, region, wallNow } = options;
    this.#options = options;
    this.#now = now;
    this.#clock = new HybridClock({ wallNow, now: () => this.#now, name: nodeId });
    this.#replica = new Replica({
      table,
      nodeId,
      generation: options.generation,
      tombstoneTtlMs: config.tombstoneTtlMs,
      listener: {
        recordChanged: (slot, tag) => this.#recordChanged(slot, tag),
        recordCollected: (tombstone, slot) => this.#recordCollected(tombstone, slot),
        refutes: (slot) => this.#refutes(slot),
        buried: (generation) => this.#raiseGeneration(generation, this.#now),
      },
    });
    this.#membership = new Membership({ nodeId, region });
    this.#peers = new PeerDesk({
      nodeId,
      region,
      seeds: options.seeds,
      random,
      wallNow: options.wallNow,
      replica: this.#replica,
      membership: this.#membership,
      outbox: this.#outbox,
      counters: this.counters,
      state: () => this.#state,
      filled: (at) => this.#stayWarming(at),
      synced: (reason) => this.#becomeReady(reason),
      generationTaken: (generation, at) => this.#raiseGeneration(generation, at),
      routed: (from, payload, at) => this.#routeArrived(from, payload, at),
      now,
    });
    this.#nodes = new NodeRecords({
      ...options,
      replica: this.#replica,
      membership: this.#membership,
      peers: this.#peers,
      outbox: this.#outbox,
      clock: this.#clock,
    });
    this.#doubt = new SelfDoubt({
      windowMs: config.sessionTtlMs,
      holdMaxMs: config.orphanTtlMs,
      random,
    });
    this.#leases = new LeaseTable({ timings: config, doubt: this.#doubt, now });
    this.#watches = new WatchTable(this.#replica);
    this.#drains = new DrainDesk({
      region,
      replica: this.#replica,
      watches: this.#watches,
      sessions: this.#sessions,
      membership: this.#membership,
      sessionTtlMs: config.sessionTtlMs,
      strangers: () => this.#peers.strangers,
      isFilled: () => this.#state !== "warming",
      endLeft: (slot, end, at) => this.#commands.endLeft(slot, end, at),
      route: (to, payload) => this.#peers.route(to, payload),
    });
    this.#writer = new InstanceWriter({
      replica: this.#replica,
      leases: this.#leases,
      clock: this.#clock,
      isOrphaned: (origin) => isOrphaned(origin, this.#membership),
    });
    const writing = { replica: this.#replica, writer: this.#writer, leases: this.#leases };
    const { counters } = this;
    const outbox = this.#outbox;
    const membership = this.#membership;
    this.#adoption = new Adoption({ ...writing, membership, ...config });
    this.#commands = new CommandDesk({
      ...{ ...writing, counters, outbox, membership, adoption: this.#adoption },
      drains: this.#drains.table,
      clock: this.#clock,
      takeoverTtlMs: config.orphanTtlMs,
      livingOwner: (slot) => this.#livingOwner(slot),
      forgetNode: (id, at) => this.#nodes.forget(id, at),
      route: (to, payload) => this.#peers.route(to, payload),
      refutes: (slot) => this.#refutes(slot),
    });
    this.#canary = new Canary({ replica: this.#replica, clock: this.#clock, now });
    this.#desk = this.#createDesk();
    this.#expiry = new LeaseExpiry({
      ...{ ...writing, counters, outbox, membership },
      doubt: this.#doubt,
      desk: this.#desk,
    });
    this.#isAlone = options.seeds.length === 0 && table.liveCount === 0;
    this.#warmUntil = this.#isAlone ? now : after(now, config.sessionTtlMs);
    this.#warmUntilMax = after(now, WARM_UP_MAX_MS);
    this.#housekeepingAt = after(now, HOUSEKEEPING_INTERVAL_MS);
    this.#deadline = now;
    this.#nodes.announce(now);
  }

  #createDesk(): SessionDesk {
    return new SessionDesk({
      ...this.#options,
      generation: () => this.#replica.generation,
      clock: this.#clock,
      outbox: this.#outbox,
      replica: this.#replica,
      sessions: this.#sessions,
      leases: this.#leases,
      writer: this.#writer,
      watches: this.#watches,
      drains: this.#drains,
      commands: this.#commands,
      isReady: () => this.#state !== "warming",
      isIgnorant: () => this.#peers.isIgnorant(this.#now),
      isLeaving: () => this.#state === "leaving" || this.#state === "left",
      members: () => this.members(),
      isOrphaned: (origin) => !this.#replica.isOwn(origin) && isOrphaned(origin, this.#membership),
      counters: this.counters,
    });
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
    return this.isReady ? "ready" : "leaving the cluster";
  }

  get sessionCount(): number {
    return this.#sessions.count;
  }

  get leaseCount(): number {
    return this.#leases.count;
  }

  get linkCount(): number {
    return this.#peers.linkCount;
  }

  get queueDropCount(): number {
    return this.#watches.dropCount;
  }

  /** Why expiry is paused now, if it is. */
  get doubtReason(): DoubtReason | undefined {
    return this.#expiry.doubtReason;
  }

  /** All nodes as this one sees them, by id. */
  members(): MemberView[] {
    return this.#membership.all.map(viewOfMember);
  }

  /** The answer to a query; see `WatchTable.answer`. */
  get watches(): WatchTable {
    return this.#watches;
  }

  /** What this copy holds, equal on two nodes exactly when their live records are. */
  digest(): DigestEntry[] {
    return this.#replica.digest(true);
  }

  /** Origins of which something could not be read, for people. */
  /** Why this node made an instance suspect; undefined when it did not. */
  suspicionOf(slot: Slot): Suspicion | undefined {
    return this.#commands.suspicionOf(slot);
  }

  quarantined(): QuarantinedOrigin[] {
    return this.#replica.quarantine.list();
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
    this.#replica.restored(entries, now);
    this.#isAlone = false;
    this.#warmUntil = after(now, this.#options.config.sessionTtlMs);
  }

  /** When to call {@link step} with a `tick` at the latest. */
  nextDeadline(): Instant {
    return this.#deadline;
  }

  step(event: NodeEvent, now: Instant): Effect[] {
    this.#now = now;
    this.#noticeStall(event, now);
    if (event.type !== "turn-end" || now > this.#deadline || this.#hasNews(now)) {
      this.#dispatch(event, now);
      this.#deadline = this.#nextDeadline(now);
    }
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
        return this.#peers.open(event, now);
      case "link-message":
        return this.#peers.message(event.link, event.message, now);
      case "link-close":
        return this.#peers.close(event.link, now);
      case "link-congested":
      case "link-writable":
        return this.#peers.congestion(event.link, event.type === "link-congested");
      case "dial-failed":
        return this.#peers.dialFailed(event, now);
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

  #tick(now: Instant): void {
    if (this.#state === "left") return;
    if (this.#state === "warming" && now >= this.#warmUntil)
      this.#becomeReady(this.#isAlone ? "alone" : "waited one ttl");
    this.#expiry.tick(now);
    this.#canary.tick(now);
    this.#replica.collectTombstones(now, COLLECT_COUNT_MAX);
    if (now >= this.#housekeepingAt) this.#housekeep(now);
    this.#commands.expire(now);
    this.#drains.settle(now);
    this.#peers.tick(now);
    if (now >= this.#leaveAt) this.#leave(now);
  }

  /** Whether {@link #endTurn} would do anything: mostly not. */
  #hasNews(now: Instant): boolean {
    if (this.#desk.hasAnswers || this.#watches.hasNews) return true;
    return this.#peers.hasNews || this.#drains.hasNews(now);
  }

  #endTurn(now: Instant): void {
    this.#desk.sendAnswers();
    for (const change of this.#watches.takeChanges()) {
      this.counters.changesPushed += change.sessions.length;
      for (const message of change.messages) this.#outbox.toSessions(change.sessions, message);
    }
    this.#drains.show();
    this.#drains.settle(now);
    if (this.#peers.takeMembersChanged()) this.#announceMembers();
    this.#peers.pushNews();
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
      return this.#membership.get(nodeId)?.generation ?? Number.POSITIVE_INFINITY;
    });
    this.#nodes.buryDead(this.#options.config.tombstoneTtlMs, now);
    this.#peers.closeSurplus();
  }

  /** A tick that comes much later than it was asked for: this node slept (P6). */
  #noticeStall(event: NodeEvent, now: Instant): void {
    const lateMs = this.#hasStepped ? now - this.#deadline : 0;
    this.#hasStepped = true;
    if (lateMs <= STALL_MS || event.type === "turn-end") return;
    this.counters.stalls += 1;
    this.#doubt.stalled(lateMs, now);
    this.#peers.forgive(lateMs, now);
    this.#outbox.note("warn", "node.stalled", { lateMs: Math.round(lateMs) });
  }

  #nextDeadline(now: Instant): Instant {
    if (this.#state === "left") return NEVER;
    if (this.#peers.hasTransfers || this.#desk.hasAnswers) return now;
    const next = Math.min(
      this.#state === "warming" ? this.#warmUntil : NEVER,
      this.#leases.next(),
      this.#canary.next(),
      this.#housekeepingAt,
      this.#peers.next(),
      this.#replica.nextTombstoneDeadline(),
      this.#commands.next(),
      this.#drains.next(),
      this.#leaveAt,
    );
    return Math.max(now, next) as Instant;
  }

  /** This copy is being filled: what it lacks is on its way, so the ttl to wait begins anew. */
  #stayWarming(now: Instant): void {
    if (this.#state !== "warming") return;
    const until = after(now, this.#options.config.sessionTtlMs);
    this.#warmUntil = until < this.#warmUntilMax ? until : this.#warmUntilMax;
  }

  #becomeReady(reason: string): void {
    this.#state = "ready";
    this.#outbox.note("info", "node.ready", { reason, recordCount: this.table.liveCount });
    this.#peers.askAll();
    this.#desk.answerWaiting();
  }

  #shutdown(now: Instant): void {
    if (this.#state === "leaving" || this.#state === "left") return;
    this.#state = "leaving";
    this.#outbox.note("info", "node.leaving", { sessionCount: this.#sessions.count });
    const spreadMs = this.#desk.reconnectSpreadMs;
    const hasOthers = this.#membership.all.some(
      (member) => member.nodeId !== this.nodeId && member.status === NodeStatus.alive,
    );
    this.#leaveAt = this.#sessions.count > 0 && hasOthers ? after(now, spreadMs + LEAVE_MS) : now;
    this.#desk.moveAll();
  }

  #leave(now: Instant): void {
    this.#nodes.sayGoodbye(this.nodeId, this.generation, now);
    this.#endTurn(now);
    this.#state = "left";
    this.#leaveAt = NEVER;
    this.#outbox.add({ type: "left" });
  }

  /**
   * Another life of this node has written under its generation, or others took it for gone and said
   * so: begin one above it.
   */
  #raiseGeneration(generation: number, now: Instant): void {
    // A lie about a life decades ahead would leave no number to go on with.
    if (!this.#peers.believes(generation)) return;
    this.#outbox.note("warn", "node.generation-raised", { above: generation });
    const former = this.generation;
    this.#replica.raiseGeneration(generationAbove(generation, this.#options.random));
    this.#nodes.announce(now);
    this.#canary.hasten(now);
    this.#desk.rewriteAll(former, now);
  }

  #announceMembers(): void {
    const sessions = Array.from(this.#sessions.all, ({ key }) => key);
    this.#outbox.toSessions(sessions, { type: "members", members: this.members() });
  }

  #recordChanged(slot: Slot, tag: number): void {
    const table = this.table;
    const origin = table.origin(table.originOf(slot));
    const isOwn = this.#replica.isOwn(origin);
    if (isOwn) this.#peers.wroteOwn(table.originOf(slot));
    switch (table.kind(slot)) {
      case RecordKind.node:
        return isOwn ? undefined : this.#nodes.changed(table.read(slot), this.#now);
      case RecordKind.canary:
        return isOwn ? undefined : this.#nodes.canaryArrived(table.read(slot), this.#now);
      case RecordKind.routeSet:
      case RecordKind.instance:
      case RecordKind.override: {
        const { namespace, service } = table.serviceName(table.serviceOf(slot));
        this.#watches.changed(serviceName(namespace, service), slot);
        this.#drains.changed(slot, this.#now);
        if (!isOwn) this.#taken(table.read(slot), tag, slot);
      }
    }
  }

  #recordCollected(tombstone: RegistryRecord, slot: Slot): void {
    this.#drains.table.hide(slot);
    if (tombstone.kind === RecordKind.node || tombstone.kind === RecordKind.canary) return;
    const name = serviceName(tombstone.namespace, tombstone.service);
    this.#watches.collected(name, tombstone);
  }

  /** Others have proof that a record of this node is gone; what is heard is written anew. */
  #refutes(slot: Slot): boolean {
    const lease = this.#leases.get(this.table.tag(slot));
    const isHeard = lease?.phase === LeasePhase.active;
    if (!isHeard || this.#writer.refute(slot, this.#now) === undefined) {
      this.#writer.detach(slot);
      return false;
    }
    // Its program goes on from there: with the incarnation that it knows it would lose.
    if (lease.session !== undefined) {
      this.#desk.superseded(lease.session, this.table.read(slot), { isRefuted: true });
    }
    return true;
  }

  /** Another node's record took a key: what hung on a lease here does no more. */
  #taken(record: RegistryRecord, tag: number, slot: Slot): void {
    this.#clock.observe(record.since);
    this.#clock.observe(record.stamp.incarnation);
    if (tag === 0) return;
    this.table.setTag(slot, 0);
    const lease = this.#writer.dropFrom(this.#leases.get(tag), slot);
    if (lease?.session !== undefined) this.#desk.taken(lease.session, record, slot);
  }

  /** The owner of a record when it is another node that lives; undefined when this node acts. */
  #livingOwner(slot: Slot): string | undefined {
    const origin = this.table.origin(this.table.originOf(slot));
    const isHere = this.#replica.isOwn(origin) || isOrphaned(origin, this.#membership);
    return isHere ? undefined : origin.nodeId;
  }

  /** A message of another node for this one. */
  #routeArrived(from: string, payload: RoutePayload, now: Instant): void {
    switch (payload.kind) {
      case "canary-echo": {
        const elapsedMs = this.#canary.echoed(payload.counter, now);
        if (elapsedMs !== undefined) {
          this.#outbox.add({ type: "propagation", region: payload.region, elapsedMs });
        }
        return;
      }
      case "drain-confirm":
        return this.#drains.routed(from, payload, now);
      case "command":
        return this.#commands.routed(from, payload.commandId, payload.command, now);
      case "command-result":
        return this.#commands.routedResult(payload);
    }
  }
}
