/**
 * What sessions ask for, and what becomes of them: hello to goodbye.
 *
 * A session holds one lease; every message renews it. All its instances hang on that lease. The
 * rules of what happens when it lapses stand in lease-rules.ts.
 */
import type { DrainDesk } from "../drain/drain-desk.js";
import type { DrainReport } from "../drain/drain-table.js";
import { ErrorCode } from "../errors.js";
import { EMPTY_DIGEST } from "../hash.js";
import type { HybridClock } from "../hlc.js";
import { LeasePhase } from "../lease/lease-rules.js";
import type { Lease, LeaseTable } from "../lease/lease-table.js";
import { SESSION_COUNT_MAX, SESSION_WATCH_COUNT_MAX } from "../limits.js";
import type {
  AccuseMessage,
  AheadMessage,
  DeregisterMessage,
  MemberView,
  RegisteredItem,
  RegisterItem,
  RegisterMessage,
  SessionRequest,
  SetStateMessage,
  WatchMessage,
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
import type { Replica } from "../replica/replica.js";
import { NO_SLOT, type Slot } from "../table/record-table.js";
import type { Instant } from "../time.js";
import { serviceName, type WatchTable } from "../watch/watch-table.js";
import { AccuserCheck } from "./accuser-check.js";
import { AnswerDesk } from "./answer-desk.js";
import type { CommandDesk } from "./command-desk.js";
import type { NodeEvent, SessionKey } from "./events.js";
import type { InstanceWriter } from "./instance-writer.js";
import type { NodeConfig } from "./node-config.js";
import type { NodeCounters } from "./node-counters.js";
import type { Outbox } from "./outbox.js";
import type { Session, SessionTable } from "./session-table.js";

/** Sessions that may reconnect in one second after a loss: slots are spread to keep to it. */
const RECONNECT_PER_SECOND = 2_000;
export const RECONNECT_SPREAD_MAX_MS = 10_000;
/** Sessions up to which the heartbeat keeps its configured rhythm; more stretch it. */
const UNSTRETCHED_SESSION_COUNT = 10_000;

export interface SessionDeskOptions {
  readonly nodeId: string;
  readonly region: string;
  readonly generation: () => number;
  readonly config: NodeConfig;
  readonly random: Random;
  readonly clock: HybridClock;
  readonly outbox: Outbox;
  readonly replica: Replica;
  readonly sessions: SessionTable;
  readonly leases: LeaseTable;
  readonly writer: InstanceWriter;
  readonly watches: WatchTable;
  readonly drains: DrainDesk;
  readonly commands: CommandDesk;
  readonly isReady: () => boolean;
  /** Whether somebody may know of instances that this node has not heard of. */
  readonly isIgnorant: () => boolean;
  readonly isLeaving: () => boolean;
  readonly members: () => readonly MemberView[];
  /** Whether the owner of a record is gone, as far as this node knows. */
  readonly isOrphaned: (origin: Origin) => boolean;
  readonly counters: NodeCounters;
}

type Request = Exclude<SessionRequest, { type: "hello" }>;

export class SessionDesk {
  readonly #options: SessionDeskOptions;
  readonly #accusers = new AccuserCheck();
  readonly #answers: AnswerDesk;

  constructor(options: SessionDeskOptions) {
    this.#options = options;
    const { watches, outbox } = options;
    this.#answers = new AnswerDesk({ watches, send: (key, part) => outbox.toSession(key, part) });
  }

  /** Whether answers wait for nothing but another turn. */
  get hasAnswers(): boolean {
    return this.#answers.hasMore;
  }

  /** Sends what a turn has room for of the answers that wait. */
  sendAnswers(): void {
    this.#answers.turn();
  }

  open(event: Extract<NodeEvent, { type: "session-open" }>, now: Instant): void {
    const { sessions, outbox, leases, config, counters, drains } = this.#options;
    if (sessions.count >= SESSION_COUNT_MAX) {
      const message = `this node holds ${SESSION_COUNT_MAX} sessions already: use another node`;
      return outbox.closeSession(event.session, ErrorCode.resourceExhausted, message);
    }
    const older = sessions.ofClient(event.namespace, event.clientId);
    if (event.kind === "native" && older !== undefined) {
      if (older.sessionNumber >= event.sessionNumber) {
        const message = `client ${event.clientId} has session ${older.sessionNumber} here, not below ${event.sessionNumber}: raise the session number`;
        return outbox.closeSession(event.session, ErrorCode.aborted, message);
      }
      outbox.closeSession(older.key, ErrorCode.aborted, "replaced by a newer session");
      // Its client has begun another one: it knows that this one is over.
      drains.forget(older.key);
      this.close(older.key, now);
    }
    const stretch = Math.max(1, sessions.count / UNSTRETCHED_SESSION_COUNT);
    const ttlMs = Math.round(config.sessionTtlMs * stretch);
    const lease =
      event.kind === "native" ? leases.open({ ttlMs, session: event.session }, now).id : 0;
    counters.sessionsOpened += 1;
    const slot = this.#options.random.next();
    const firstIncarnation = this.#options.clock.next();
    sessions.add({
      key: event.session,
      kind: event.kind,
      namespace: event.namespace,
      grants: event.grants,
      clientId: event.clientId,
      accuser: event.host ?? event.clientId,
      sessionNumber: event.sessionNumber,
      lease,
      ttlMs,
      slot,
      firstIncarnation,
      watches: new Map(),
      waiting: new Map(),
      unsure: new Set(),
    });
    outbox.toSession(event.session, {
      type: "welcome",
      nodeId: this.#options.nodeId,
      generation: this.#options.generation(),
      region: this.#options.region,
      heartbeatIntervalMs: Math.round(config.heartbeatIntervalMs * stretch),
      ttlMs,
      reconnectDelayMs: this.#reconnectDelayMs(slot),
      isReady: this.#options.isReady(),
      firstIncarnation,
      knowsRouteSets: true,
      knowsAccusations: true,
    });
    outbox.toSession(event.session, { type: "members", members: this.#options.members() });
  }

  message(key: SessionKey, message: Request, now: Instant): void {
    const session = this.#options.sessions.get(key);
    if (session === undefined) return;
    const lease = this.#options.leases.get(session.lease);
    if (lease !== undefined) {
      const lapse = this.#options.leases.apply(lease, "heard", now);
      if (lapse !== undefined) this.#options.writer.carryOut(lapse, now);
    }
    switch (message.type) {
      case "heartbeat":
        return this.#heartbeat(session, message);
      case "register":
        return this.#register(session, lease, message, now);
      case "deregister":
        return this.#deregister(session, message, now);
      case "set-state":
        return this.#setState(session, message, now);
      case "watch":
        return this.#watch(session, message);
      case "unwatch":
        return this.#unwatch(session, message.service);
      case "query":
        return this.#query(session, message);
      case "confirm":
        return this.#confirm(session, message);
      case "ahead":
        return this.#hearAhead(session, message, now);
      case "accuse":
        return this.#accuse(session, message, now);
      case "goodbye":
        return this.#goodbye(session, lease, now);
    }
  }

  /** The connection ended without goodbye. While leaving, sessions move: nothing is suspect. */
  close(key: SessionKey, now: Instant): void {
    const session = this.#options.sessions.get(key);
    if (session === undefined) return;
    this.#lose(session, now);
    const lease = this.#options.leases.get(session.lease);
    if (lease === undefined) return;
    if (lease.slots.size === 0) return this.#options.leases.end(lease);
    if (this.#options.isLeaving()) return;
    const lapse = this.#options.leases.apply(lease, "closed", now);
    if (lapse !== undefined) this.#options.writer.carryOut(lapse, now);
  }

  /**
   * The session's lease was silent, or, for too long, has ended. A silent client may well hear this
   * node while nothing of it comes here: it is asked to move, before its instances are removed (P6).
   */
  lapsed(key: SessionKey, phase: LeasePhase | "ended"): void {
    const session = this.#options.sessions.get(key);
    if (session === undefined) return;
    if (phase === LeasePhase.silent) {
      const reason = `nothing was heard of this session for ${session.ttlMs} ms`;
      return this.#options.outbox.toSession(key, { type: "move", delayMs: 0, reason });
    }
    if (phase !== "ended") return;
    // Its client has noticed long ago, or hears this node, and of what drains.
    this.#drop(session);
    this.#options.drains.forget(key);
    const message = "nothing was heard for the ttl and the confirmation period: connect again";
    this.#options.outbox.closeSession(key, ErrorCode.deadlineExceeded, message);
  }

  /**
   * Another node's record took an instance of a session. One that was registered while this node
   * knew nothing may have lost to a process that is dead, whose incarnation it could not know of.
   */
  taken(key: SessionKey, winner: RegistryRecord, slot: Slot): void {
    const isUnsure = this.#options.sessions.get(key)?.unsure.has(slot) ?? false;
    this.superseded(key, winner, { isUnsure });
  }

  /** A later record took an instance of a session. */
  superseded(
    key: SessionKey,
    winner: RegistryRecord,
    { isUnsure = false, isRefuted = false } = {},
  ): void {
    if (this.#options.sessions.get(key) === undefined) return;
    this.#options.counters.superseded += 1;
    const isGone = winner.state === InstanceState.removed || isRefuted;
    const isLost =
      winner.isSuspect ||
      this.#options.isOrphaned(winner.origin) ||
      (isUnsure && this.#options.isIgnorant());
    this.#options.outbox.toSession(key, {
      type: "superseded",
      service: winner.service,
      id: winner.id,
      stamp: winner.stamp,
      isAlive: !isGone && !isLost,
      isUndecided: !isGone && isLost,
      since: winner.since,
    });
  }

  /** The session reads again: one snapshot of each service whose changes it missed. */
  writable(key: SessionKey): void {
    const session = this.#options.sessions.get(key);
    for (const name of this.#options.watches.writable(key)) {
      // While warming up, the watch is answered when the node is ready.
      if (!this.#options.isReady()) return;
      const service = session?.watches.get(name);
      if (session === undefined || service === undefined) continue;
      this.#answer(session, { requestId: 0, service, position: [], digest: EMPTY_DIGEST });
    }
  }

  /** Answers the watches that came while the node was warming up. */
  answerWaiting(): void {
    for (const session of this.#options.sessions.all) {
      for (const message of session.waiting.values()) this.#answer(session, message);
      session.waiting.clear();
    }
  }

  /** Asks every session to move to another node, each at its own time. */
  moveAll(): void {
    for (const session of this.#options.sessions.all) {
      this.#options.outbox.toSession(session.key, {
        type: "move",
        delayMs: this.#reconnectDelayMs(session.slot),
        reason: "this node is shutting down",
      });
    }
  }

  /**
   * Writes all of this process's former generation again, in its new one: peers hold another
   * life's writes under the former, and refuse these. What hangs on leases goes above; tombstones,
   * overrides and route sets stay as they are.
   */
  rewriteAll(former: number, now: Instant): void {
    const { replica, leases, writer, nodeId } = this.#options;
    const { table } = replica;
    for (const slot of [...table.slots()]) {
      const { kind, origin, state, isSuspect } = table.read(slot);
      if (kind === RecordKind.node || kind === RecordKind.canary) continue;
      if (origin.nodeId !== nodeId || origin.generation !== former) continue;
      const lease = leases.get(table.tag(slot));
      if (lease === undefined || state === InstanceState.removed) {
        replica.write(table.read(slot), now);
        continue;
      }
      writer.rewrite(slot, { isSuspect }, now);
      writer.attach(slot, lease);
    }
  }

  #heartbeat(session: Session, message: Extract<Request, { type: "heartbeat" }>): void {
    const { outbox, replica } = this.#options;
    const { sequence } = message;
    if (!message.wantsDigests) {
      return outbox.toSession(session.key, { type: "pong", sequence, digests: [] });
    }
    const digests = [...session.watches.values()].map((service) => {
      const index = replica.table.findService(session.namespace, service);
      return { service, digest: index < 0 ? EMPTY_DIGEST : replica.table.digestOf(index) };
    });
    const reconnectDelayMs = this.#reconnectDelayMs(session.slot);
    outbox.toSession(session.key, { type: "pong", sequence, digests, reconnectDelayMs });
  }

  #register(
    session: Session,
    lease: Lease | undefined,
    message: RegisterMessage,
    now: Instant,
  ): void {
    if (!session.grants.mayRegister || lease === undefined) {
      return this.#denied(session, message.requestId, "register");
    }
    const items: RegisteredItem[] = [];
    for (const item of message.items) {
      const result = this.#options.writer.register(session, lease, item, now);
      items.push(result);
      // It began here: what this node cannot know of yet may be higher, and dead.
      const beganHere = item.since === 0 || item.since === session.firstIncarnation;
      if (beganHere && this.#options.isIgnorant()) this.#noteUnsure(session, item);
      if (result.superseding !== undefined) {
        const slot = this.#options.replica.find(result.superseding);
        const isUnsure = session.unsure.has(slot);
        this.superseded(session.key, result.superseding, { isUnsure });
      }
      if (result.displaced !== undefined) this.#displaced(result.displaced, session, item);
    }
    this.#options.outbox.toSession(session.key, {
      type: "registered",
      requestId: message.requestId,
      items,
    });
  }

  #noteUnsure(session: Session, item: RegisterItem): void {
    const slot = this.#options.writer.find({ namespace: session.namespace, ...pick(item) });
    if (slot !== NO_SLOT) session.unsure.add(slot);
  }

  /** Another session of this node held the id that was just registered. */
  #displaced(key: SessionKey, by: Session, item: RegisterItem): void {
    const { namespace } = by;
    const { service, id, scope } = item;
    const slot = this.#options.replica.find({
      kind: RecordKind.instance,
      ...{ namespace, service, id, scope },
    });
    if (slot !== NO_SLOT) this.superseded(key, this.#options.replica.table.read(slot));
  }

  #deregister(session: Session, message: DeregisterMessage, now: Instant): void {
    const slot = this.#ownSlot(session, message);
    if (slot === undefined) return this.#notOwned(session, message);
    this.#options.writer.remove(slot, message.reason, now);
    this.#options.outbox.toSession(session.key, { type: "done", requestId: message.requestId });
  }

  #setState(session: Session, message: SetStateMessage, now: Instant): void {
    const { outbox, drains, writer } = this.#options;
    const { requestId } = message;
    const slot = this.#ownSlot(session, message);
    if (slot === undefined) return this.#notOwned(session, message);
    const stamp = writer.rewrite(slot, { state: message.state }, now);
    if (message.state !== InstanceState.draining) {
      return outbox.toSession(session.key, { type: "done", requestId });
    }
    const finish = (outcome: DrainReport) => {
      outbox.toSession(session.key, { type: "drained", requestId, ...outcome });
    };
    const { timeoutMs } = message;
    const leftRegions = message.leftRegions.filter((region) => region !== this.#options.region);
    if (drains.table.wait(slot, { stamp, timeoutMs, leftRegions, finish }, now)) return;
    outbox.toSession(session.key, {
      type: "refused",
      requestId,
      code: ErrorCode.resourceExhausted,
      message: "too many drains run on this node: try again",
    });
  }

  #watch(session: Session, message: WatchMessage): void {
    const { watches } = this.#options;
    if (!session.grants.mayRead) return this.#denied(session, message.requestId, "watch");
    const name = serviceName(session.namespace, message.service);
    if (!session.watches.has(name) && session.watches.size >= SESSION_WATCH_COUNT_MAX) {
      return this.#options.outbox.toSession(session.key, {
        type: "refused",
        requestId: message.requestId,
        code: ErrorCode.resourceExhausted,
        message: `watch of ${message.service}: a session watches at most ${SESSION_WATCH_COUNT_MAX} services`,
      });
    }
    session.watches.set(name, message.service);
    watches.watch(session.key, name);
    if (this.#options.isReady()) return this.#answer(session, message);
    session.waiting.set(message.service, message);
    // Its view may be from another node, and older than a drain that nobody tells it of again (P7).
    for (const change of watches.draining({ ...session, service: message.service })) {
      this.#options.outbox.toSession(session.key, change);
    }
  }

  #unwatch(session: Session, service: string): void {
    const name = serviceName(session.namespace, service);
    session.waiting.delete(service);
    if (!session.watches.delete(name)) return;
    this.#answers.cancel(session.key, name);
    this.#options.watches.unwatch(session.key, name);
    const table = this.#options.replica.table;
    const index = table.findService(session.namespace, service);
    if (index >= 0) this.#options.drains.forget(session.key, table.slotsOf(index));
  }

  #query(session: Session, message: Extract<Request, { type: "query" }>): void {
    if (!session.grants.mayRead) return this.#denied(session, message.requestId, "query");
    if (this.#options.isReady()) {
      return this.#answer(session, { ...message, position: [], digest: EMPTY_DIGEST }, false);
    }
    this.#options.outbox.toSession(session.key, {
      type: "refused",
      requestId: message.requestId,
      code: ErrorCode.unavailable,
      message: "this node is warming up and knows nothing yet: ask another node or try again",
    });
  }

  #answer(session: Session, message: Omit<WatchMessage, "type">, isWatch = true): void {
    const request = { ...message, namespace: session.namespace };
    if (this.#answers.add(session.key, request, isWatch)) return;
    this.#options.outbox.toSession(session.key, {
      type: "refused",
      requestId: message.requestId,
      code: ErrorCode.resourceExhausted,
      message: `answer about ${message.service}: too many answers wait for this session: read them first`,
    });
  }

  #confirm(session: Session, message: Extract<Request, { type: "confirm" }>): void {
    const { replica, drains } = this.#options;
    for (const kind of [RecordKind.instance, RecordKind.override]) {
      for (const scope of [Scope.global, Scope.region]) {
        const key = { ...message, kind, scope, namespace: session.namespace };
        const slot = replica.find(key);
        if (slot === NO_SLOT) continue;
        const report = drains.table.confirm(slot, session.key, message.stamp);
        if (report !== undefined) drains.report(slot, report);
      }
    }
  }

  #hearAhead(session: Session, { service, id, stamp }: AheadMessage, now: Instant): void {
    if (!session.grants.mayRead) return;
    const name = { namespace: session.namespace, service, id };
    this.#options.commands.run({ kind: "rise", ...name, stamp }, () => {}, now);
  }

  /** Of what it watches alone, so of what it may read; and at most so much of it. */
  #accuse(session: Session, message: AccuseMessage, now: Instant): void {
    const { counters, commands, replica, isReady } = this.#options;
    const { namespace, watches, grants, accuser } = session;
    const { service, id, incarnation, isRetraction } = message;
    const index = replica.table.findService(namespace, service);
    const mayAccuse = grants.mayRead && watches.has(serviceName(namespace, service)) && isReady();
    const instanceCount = index < 0 ? 0 : replica.table.liveCountOf(index);
    const verdict = mayAccuse
      ? this.#accusers.judge(session, message, instanceCount, now)
      : "refused";
    if (verdict === "refused") counters.accusationsRefused += 1;
    else if (verdict === "doubted") counters.accusationsDoubted += 1;
    if (verdict !== "passed") return;
    const command = { namespace, service, id, incarnation, isRetraction, accuser } as const;
    commands.run({ kind: "accuse", ...command }, () => {}, now);
  }

  #goodbye(session: Session, lease: Lease | undefined, now: Instant): void {
    this.#drop(session);
    this.#options.drains.forget(session.key);
    if (lease === undefined) return;
    for (const slot of [...lease.slots]) {
      this.#options.writer.remove(slot, RemovalReason.deregistered, now);
    }
    this.#options.leases.end(lease);
  }

  #drop(session: Session): void {
    this.#options.sessions.remove(session);
    this.#options.watches.dropSession(session.key, session.watches.keys());
    this.#answers.drop(session.key);
  }

  /** The session ended, and its client may not know it for as long as it hears nothing. */
  #lose(session: Session, now: Instant): void {
    if (session.kind === "native") this.#options.drains.lost(session, session.ttlMs, now);
    this.#drop(session);
  }

  /** The slot of a live instance that hangs on this session's lease. */
  #ownSlot(session: Session, name: { service: string; id: string }): Slot | undefined {
    const { writer, replica } = this.#options;
    const slot = writer.find({ namespace: session.namespace, ...pick(name) });
    if (slot === NO_SLOT || session.lease === 0) return undefined;
    return replica.table.tag(slot) === session.lease ? slot : undefined;
  }

  #notOwned(session: Session, message: { requestId: number; service: string; id: string }): void {
    this.#options.outbox.toSession(session.key, {
      type: "refused",
      requestId: message.requestId,
      code: ErrorCode.notFound,
      message: `instance ${message.service}/${message.id} is not registered by this session: register it first`,
    });
  }

  #denied(session: Session, requestId: number, what: string): void {
    this.#options.outbox.toSession(session.key, {
      type: "refused",
      requestId,
      code: ErrorCode.permissionDenied,
      message: `cannot ${what} in namespace ${session.namespace}: the token does not carry that right`,
    });
  }

  /** Over what time the sessions of this node are to come back, were it lost now. */
  get reconnectSpreadMs(): number {
    const spreadMs = (this.#options.sessions.count / RECONNECT_PER_SECOND) * 1_000;
    return Math.ceil(Math.min(RECONNECT_SPREAD_MAX_MS, spreadMs));
  }

  /** A session keeps its place while the spread grows with others that come: all are even. */
  #reconnectDelayMs(slot: number): number {
    return Math.floor(slot * this.reconnectSpreadMs);
  }
}

function pick(name: { service: string; id: string }): { service: string; id: string } {
  return { service: name.service, id: name.id };
}
