/**
 * The client of the registry as a state machine: `step(event, now) → effects`, no I/O.
 *
 * One session at a time. On each connection it says hello and, without waiting for the answer
 * unless it is a lot, registers and watches everything again (but the first registration of all
 * waits for a welcome, see client-registrations.ts). The node is lost when nothing was heard for its ttl, or
 * when the socket ends; in the first case the next server is tried at once, in the second after the
 * time slot that the node had handed out, so that a thousand clients do not come at once. Views
 * stay in the meantime (P8). A node that asks to move is left only when the next one has welcomed
 * this client and answered its watches, so that nobody sees its instances suspect and no drain is
 * missed. The same way a client goes home that had to flee to another zone or region.
 *
 * States and events: `client-transitions.ts`. A welcomed session: `live-session.ts`. Leaving one for
 * another: `moving.ts`. What is registered: `client-registrations.ts`. What is watched:
 * `client-watches.ts`. Which server is next: `server-list.ts`.
 */
import { assert, assertNever } from "../assert.js";
import { ErrorCode } from "../errors.js";
import {
  PROTOCOL_VERSION,
  type RefusedMessage,
  type SessionMessage,
  type WelcomeMessage,
} from "../messages.js";
import { after, type Instant, instant, NEVER } from "../time.js";
import type { ClientCommand, ClientEffect, ClientEvent, ClientOutbox } from "./client-events.js";
import type { ClientMachineOptions } from "./client-options.js";
import { ClientRegistrations } from "./client-registrations.js";
import { CLIENT_TRANSITIONS, type ClientAction, type ClientState } from "./client-transitions.js";
import { ClientWatches } from "./client-watches.js";
import { type Attempt, CONNECT_TIMEOUT_MS, ConnectionRace } from "./connection-race.js";
import { LiveSession } from "./live-session.js";
import { Moving } from "./moving.js";
import { type Candidate, ServerList } from "./server-list.js";
import type { ServiceView } from "./service-view.js";

/** Every so many heartbeats, from the first, the views are verified and the time slot is renewed. */
const DIGEST_PERIOD_COUNT = 10;
/** What may follow a hello before its welcome: a node holds only so much of a stranger's. */
const PIPELINE_COUNT_MAX = 500;
const PIPELINE_MAX_BYTES = 1024 * 1024;
/** Names are looked up again at most this often while no server answers. */
const RESOLVE_INTERVAL_MS = 2_000;

export class ClientMachine {
  readonly #options: ClientMachineOptions;
  readonly #servers: ServerList;
  readonly #registrations: ClientRegistrations;
  readonly #watches: ClientWatches;
  #state: ClientState = "idle";
  /** In `connecting`: one of the {@link #race}. */
  #attempt: Attempt | undefined;
  readonly #race = new ConnectionRace();
  #attemptCount = 0;
  #sessionNumber = 0;
  #requestCount = 0;
  #session: LiveSession | undefined;
  /** In `greeting`: there is too much to say before the welcome. */
  #isHolding = false;
  readonly #moving: Moving;
  /** In `waiting`: when to try; NEVER for not before new seeds or a deadline of resolving. */
  #connectAt: Instant = NEVER;
  #resolveAt: Instant = instant(0);
  #effects: ClientEffect[] = [];

  constructor(options: ClientMachineOptions) {
    this.#options = options;
    this.#servers = new ServerList(options);
    this.#servers.setSeeds(options.seeds);
    this.#moving = new Moving({
      servers: this.#servers,
      random: options.random,
      open: (candidate, timeoutMs, now) => this.#try(candidate, now, timeoutMs),
      emit: (effect) => this.#emit(effect),
    });
    const outbox: ClientOutbox = {
      emit: (effect) => this.#effects.push(effect),
      nextRequestId: () => {
        this.#requestCount += 1;
        return this.#requestCount;
      },
    };
    this.#registrations = new ClientRegistrations(outbox, options.random);
    this.#watches = new ClientWatches(options, outbox);
  }

  get state(): ClientState {
    return this.#state;
  }

  /** The node of the session; undefined without one. */
  get connectedNodeId(): string | undefined {
    return this.#session?.welcome.nodeId;
  }

  /** The live view of a watched service. */
  view(service: string): ServiceView | undefined {
    return this.#watches.view(service);
  }

  step(event: ClientEvent, now: Instant): readonly ClientEffect[] {
    assert(this.#effects.length === 0, "steps do not nest");
    this.#take(event, now);
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** When `tick` is needed; {@link NEVER} for not at all. */
  nextDeadline(): Instant {
    if (this.#state === "closed") return NEVER;
    const isOnSession = this.#isOnSession;
    let deadline = Math.min(
      this.#registrations.nextDeadline(isOnSession),
      this.#watches.nextDeadline(isOnSession),
      this.#moving.nextDeadline(() => this.#hasMovedIn),
    );
    if (this.#state === "waiting") deadline = Math.min(deadline, this.#connectAt);
    if (this.#session !== undefined) {
      deadline = Math.min(deadline, this.#session.deadline);
    } else if (this.#race.isRunning) {
      deadline = Math.min(deadline, this.#race.deadline());
    } else if (this.#attempt !== undefined) {
      deadline = Math.min(deadline, this.#attempt.deadline);
    }
    return instant(deadline);
  }

  /** The node has taken and answered all that was said on this session. */
  get #hasMovedIn(): boolean {
    return this.#watches.isAnswered && this.#registrations.isAnswered;
  }

  get #isOnSession(): boolean {
    return (this.#state === "greeting" && !this.#isHolding) || this.#state === "online";
  }

  #take(event: ClientEvent, now: Instant): void {
    const isOfSuccessor = "attempt" in event && event.attempt === this.#moving.successor?.number;
    if ("attempt" in event) this.#attempt = this.#race.get(event.attempt) ?? this.#attempt;
    if ("attempt" in event && !isOfSuccessor && event.attempt !== this.#attempt?.number) {
      if (event.type === "connected") this.#emit({ type: "disconnect", attempt: event.attempt });
      return;
    }
    const hasFailed = isOfSuccessor && event.type === "disconnected";
    const action = CLIENT_TRANSITIONS[this.#state][hasFailed ? "connect-failed" : event.type];
    // What is not about the move is not for the successor to say, and the other way round.
    const isMove = action === "switch" || action === "stay";
    if (isMove === isOfSuccessor) this.#perform(action, event, now);
  }

  #perform(action: ClientAction, event: ClientEvent, now: Instant): void {
    switch (action) {
      case "ignore":
        return;
      case "start":
        this.#emit({ type: "resolve-seeds" });
        this.#resolveAt = after(now, RESOLVE_INTERVAL_MS);
        this.#wait(NEVER);
        return;
      case "learn":
        assert(event.type === "seeds", "only seeds are learnt");
        this.#servers.setSeeds(event.servers);
        if (this.#state === "waiting" && this.#connectAt === NEVER) this.#connect(now);
        return;
      case "greet":
        this.#greet(now);
        return;
      case "drop":
        assert(event.type === "connected", "only a new socket is dropped");
        this.#emit({ type: "disconnect", attempt: event.attempt });
        return;
      case "retry":
        assert("cause" in event, "a failed attempt has a cause");
        this.#retry(event.cause, now);
        return;
      case "switch":
        this.#switch(now);
        return;
      case "stay":
        assert("cause" in event, "a failed attempt has a cause");
        this.#stay(event.cause, now);
        return;
      case "read":
        assert(event.type === "message", "only messages are read");
        this.#read(event.message, now);
        return;
      case "lose":
        assert("cause" in event, "a lost session has a cause");
        this.#lose(event.cause, this.#session?.reconnectDelayMs ?? 0, now);
        return;
      case "elapse":
        this.#elapse(now);
        return;
      case "flush":
        if (this.#isOnSession) this.#registrations.flush(now);
        return;
      case "want":
        this.#want(event, now);
        return;
      case "refuse":
        assert("commandId" in event, "only commands are refused");
        this.#emit({
          type: "command-failed",
          commandId: event.commandId,
          code: ErrorCode.failedPrecondition,
          message: `${event.type} ${event.service}: the client is closed`,
        });
        return;
      case "close":
        this.#close();
        return;
      default:
        assertNever(action, "client action");
    }
  }

  #want(event: ClientEvent, now: Instant): void {
    switch (event.type) {
      case "watch":
        return this.#watches.watch(event.service, event.saved, this.#isOnSession);
      case "unwatch":
        return this.#watches.unwatch(event.service, this.#isOnSession);
      case "query":
        return this.#watches.query(event, now, this.#isOnSession);
      case "accuse":
        return this.#watches.accuse(event);
      case "register":
      case "update":
      case "set-state":
      case "drain":
      case "deregister":
        this.#registrations.command(event satisfies ClientCommand, now);
        return;
      default:
        assert(false, `event ${event.type} is not a wish`);
    }
  }

  /** Tries the best server, or another one, or waits for the first that may be tried. */
  #connect(now: Instant): void {
    const next = this.#servers.next(now, this.#race.addresses);
    if (next === undefined || "waitUntil" in next) {
      if (this.#race.isRunning) return this.#race.pause(next?.waitUntil ?? NEVER);
      // Nothing left to try at this moment: the names may mean other addresses by now.
      if (now >= this.#resolveAt) {
        this.#resolveAt = after(now, RESOLVE_INTERVAL_MS);
        this.#emit({ type: "resolve-seeds" });
      }
      this.#wait(next?.waitUntil ?? this.#resolveAt);
      return;
    }
    this.#attempt = this.#try(next, now);
    this.#race.add(this.#attempt, now);
    this.#state = "connecting";
  }

  #try({ server, tls }: Candidate, now: Instant, timeoutMs = CONNECT_TIMEOUT_MS): Attempt {
    this.#attemptCount += 1;
    const number = this.#attemptCount;
    this.#emit({ type: "connect", attempt: number, server, tls });
    return { number, server, deadline: after(now, timeoutMs), refusal: undefined };
  }

  #wait(until: Instant): void {
    this.#state = "waiting";
    this.#connectAt = until;
    this.#attempt = undefined;
  }

  #greet(now: Instant): void {
    assert(this.#attempt !== undefined, "a greeting belongs to an attempt");
    const { namespace, token, clientId, region, zone, agent } = this.#options;
    for (const { number } of this.#race.won(this.#attempt.number)) {
      this.#emit({ type: "disconnect", attempt: number });
    }
    this.#state = "greeting";
    this.#attempt.deadline = after(now, CONNECT_TIMEOUT_MS);
    this.#sessionNumber += 1;
    this.#emit({ type: "attach", attempt: this.#attempt.number });
    this.#emit({
      type: "send",
      message: {
        type: "hello",
        protocolVersion: PROTOCOL_VERSION,
        sessionNumber: this.#sessionNumber,
        ...{ namespace, token, clientId, region, zone, agent },
      },
    });
    const { count, byteCount } = this.#registrations;
    const itemCount = count + this.#watches.count;
    this.#isHolding = itemCount > PIPELINE_COUNT_MAX || byteCount > PIPELINE_MAX_BYTES;
    if (!this.#isHolding) this.#sayEverything(now);
  }

  #sayEverything(now: Instant): void {
    this.#registrations.reconnect();
    this.#registrations.flush(now);
    this.#watches.reconnect();
  }

  /** The attempt came to nothing: the next server at once. */
  #retry(cause: string, now: Instant): void {
    assert(this.#attempt !== undefined, "only an attempt fails");
    const { number, server, refusal } = this.#attempt;
    const code = refusal?.code ?? ErrorCode.unavailable;
    const message = refusal?.message ?? cause;
    this.#emit({ type: "disconnect", attempt: number });
    const { address } = server;
    this.#emit({ type: "server-failed", address, code, message });
    // Said once per server and outage; what follows is more of the same.
    const level = this.#servers.hasFailed(address) ? "debug" : "info";
    this.#note(level, "client.connect-failed", { address, code, message });
    this.#servers.failed(address, now);
    this.#watches.disconnect(now);
    this.#race.remove(number);
    [this.#attempt] = this.#race.all;
    this.#connect(now);
  }

  /** The session is over: another server after `delayMs`. */
  #lose(cause: string, delayMs: number, now: Instant): void {
    assert(this.#attempt !== undefined, "a session belongs to an attempt");
    const { number, server } = this.#attempt;
    const session = this.#session;
    const moveAt = session?.moveAt ?? NEVER;
    const hasToMove = moveAt !== NEVER;
    this.#session = undefined;
    this.#moving.offline();
    this.#emit({ type: "disconnect", attempt: number });
    // Silence may be the whole machine's; a closed connection is the process's alone.
    const hasLasted = session?.hasLasted(now) ?? false;
    if (hasLasted) this.#servers.succeeded(server.address);
    if (session?.isSilent(now) ?? true) this.#servers.failed(server.address, now);
    else if (!hasLasted && !hasToMove) this.#servers.failed(server.address, now);
    else if (session !== undefined && !hasToMove)
      this.#servers.lost(server.address, session.welcome.nodeId, now);
    const wasHeard = session !== undefined && !session.isSilent(now) && !hasToMove;
    this.#servers.lastHeard(wasHeard ? server.address : undefined);
    this.#moving.dropSuccessor();
    this.#watches.disconnect(now);
    this.#emit({ type: "offline", cause });
    this.#note("warn", "client.offline", { address: server.address, cause });
    const connectAt = hasToMove ? moveAt : after(now, delayMs);
    if (connectAt <= now) this.#connect(now);
    else this.#wait(connectAt);
  }

  #seekSuccessor(session: LiveSession, now: Instant): void {
    if (this.#moving.seek(session, this.#attempt?.server.address, now)) return;
    this.#lose("the node asked to move, and there is no other", 0, now);
  }

  #stay(cause: string, now: Instant): void {
    assert(this.#session !== undefined, "only an attempt to move fails");
    this.#moving.failed(cause, now);
    if (this.#session.isAskedToMove) this.#seekSuccessor(this.#session, now);
  }

  #switch(now: Instant): void {
    const [left, session] = [this.#attempt, this.#session];
    assert(left !== undefined && session !== undefined, "only a session is moved from");
    this.#part();
    this.#attempt = this.#moving.leave(left.number, session.welcome.region, now);
    this.#session = undefined;
    this.#watches.disconnect(now);
    this.#emit({ type: "offline", cause: "moving to another node" });
    this.#greet(now);
  }

  #elapse(now: Instant): void {
    if (this.#moving.isPartingDue(() => this.#hasMovedIn, now)) this.#part();
    if (this.#moving.isOverdue(now)) this.#stay("the connection took too long", now);
    this.#registrations.expire(now);
    this.#watches.elapse(now, this.#isOnSession);
    if (this.#isOnSession) this.#registrations.flush(now);
    if (this.#state === "waiting" && this.#connectAt <= now) {
      this.#connect(now);
    } else if (this.#session !== undefined) {
      this.#keepAlive(this.#session, now);
    } else if (this.#race.isRunning) {
      this.#raceOn(now);
    } else if (this.#attempt !== undefined && this.#attempt.deadline <= now) {
      this.#retry(`the welcome took longer than ${CONNECT_TIMEOUT_MS} ms`, now);
    }
  }

  #raceOn(now: Instant): void {
    for (const attempt of this.#race.overdue(now)) {
      this.#attempt = attempt;
      this.#retry(`the connection took longer than ${CONNECT_TIMEOUT_MS} ms`, now);
    }
    if (this.#race.isRunning && this.#race.isNextDue(now)) this.#connect(now);
  }

  #keepAlive(session: LiveSession, now: Instant): void {
    if (session.moveAt <= now && this.#moving.successor === undefined) {
      this.#seekSuccessor(session, now);
      if (this.#session === undefined) return;
    }
    this.#moving.goHomeIfDue(session, now);
    const lateMs = session.noticeStall(now);
    if (lateMs !== undefined) {
      this.#note("info", "client.stalled", { lateMs: Math.round(lateMs) });
    }
    if (session.isSilent(now)) {
      this.#lose(`nothing heard for ${session.welcome.ttlMs} ms`, 0, now);
      return;
    }
    const sequence = session.beat(now);
    if (sequence === undefined) return;
    const wantsDigests = sequence % DIGEST_PERIOD_COUNT === 1 || this.#watches.wantsDigests;
    this.#emit({ type: "send", message: { type: "heartbeat", sequence, wantsDigests } });
  }

  #read(message: SessionMessage, now: Instant): void {
    this.#session?.heard(now);
    switch (message.type) {
      case "welcome":
        this.#welcome(message, now);
        return;
      case "members":
        this.#servers.setMembers(message.members);
        this.#watches.setMembers(message.members);
        if (this.#session !== undefined) this.#moving.membersTold(this.#session, now);
        return;
      case "registered":
        this.#registrations.registered(message, now);
        return;
      case "done":
        this.#registrations.done(message.requestId);
        return;
      case "drained":
        this.#registrations.drained(message);
        return;
      case "refused":
        this.#refused(message, now);
        return;
      case "snapshot":
        this.#watches.snapshot(message, now);
        return;
      case "change":
        this.#watches.change(message, now);
        return;
      case "pong":
        if (this.#session !== undefined && message.reconnectDelayMs !== undefined) {
          this.#session.reconnectDelayMs = message.reconnectDelayMs;
        }
        this.#watches.pong(message, now);
        return;
      case "superseded":
        this.#registrations.superseded(message, now);
        if (this.#isOnSession) this.#registrations.flush(now);
        return;
      case "move":
        if (this.#session === undefined) return;
        this.#moving.asked(message, this.#session, this.#attempt?.server.address, now);
        return;
      default:
        assertNever(message, "session message");
    }
  }

  #welcome(welcome: WelcomeMessage, now: Instant): void {
    if (this.#state !== "greeting" || this.#attempt === undefined) return;
    const { address } = this.#attempt.server;
    this.#state = "online";
    this.#attempt.deadline = NEVER;
    this.#session = new LiveSession(welcome, now);
    this.#moving.welcomed(now);
    this.#watches.welcomed(welcome);
    const { nodeId, isReady } = welcome;
    this.#emit({ type: "online", nodeId, address });
    this.#note("info", "client.online", { nodeId, address, isReady });
    this.#registrations.welcomed(welcome);
    if (!this.#isHolding) return this.#registrations.flush(now);
    this.#isHolding = false;
    this.#sayEverything(now);
  }

  #refused(message: RefusedMessage, now: Instant): void {
    const { requestId, code } = message;
    if (requestId === 0) {
      if (this.#attempt !== undefined) this.#attempt.refusal = { code, message: message.message };
      if (this.#state === "greeting") this.#retry(message.message, now);
      return;
    }
    const isKnown =
      this.#registrations.refused(requestId, code, message.message, now) ||
      this.#watches.refused(requestId, code, message.message, now);
    if (!isKnown) this.#note("debug", "client.refusal-unknown", { requestId, code });
  }

  /** Ends the session that was moved from. */
  #part(): void {
    const parting = this.#moving.endParting();
    if (parting === undefined) return;
    if (this.#attempt !== undefined && this.#session !== undefined && this.#hasMovedIn) {
      this.#emit({ type: "attach", attempt: parting.attempt });
      // What is shown is the next node's business now: drains need not wait for this end.
      this.#watches.sayUnwatched();
      // A region's own instances are in the next region now, where their tombstones do not reach.
      if (this.#session.welcome.region !== parting.region) this.#registrations.sayLeft();
      this.#emit({ type: "attach", attempt: this.#attempt.number });
    }
    this.#emit({ type: "disconnect", attempt: parting.attempt });
  }

  #close(): void {
    if (this.#isOnSession) {
      this.#emit({ type: "send", message: { type: "goodbye" } });
    }
    this.#registrations.close();
    this.#watches.close();
    this.#part();
    this.#moving.dropSuccessor();
    const others = this.#race.won(this.#attempt?.number ?? 0);
    for (const { number } of this.#attempt === undefined ? others : [this.#attempt, ...others]) {
      this.#emit({ type: "disconnect", attempt: number });
    }
    this.#state = "closed";
    this.#attempt = undefined;
    this.#session = undefined;
    this.#emit({ type: "closed" });
  }

  #emit(effect: ClientEffect): void {
    this.#effects.push(effect);
  }

  #note(
    level: "debug" | "info" | "warn",
    event: string,
    fields: Readonly<Record<string, string | number | boolean>>,
  ): void {
    this.#emit({ type: "note", level, event, fields });
  }
}
