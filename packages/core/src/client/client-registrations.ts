/**
 * What this process wants to be registered, and how much of it the node has confirmed.
 *
 * Desired state: each command changes what is wanted, {@link ClientRegistrations.flush} sends what
 * differs, and an answer for the wanted revision resolves the command. After a reconnect
 * everything is wanted anew, so a command survives any number of connections until its deadline.
 *
 * A deregistration on a new session registers first: only what a session holds can be removed by
 * it, and the tombstone then carries this session's stamp, above every older one.
 */
import { ErrorCode } from "../errors.js";
import {
  LEFT_REGION_COUNT_MAX,
  REGISTER_BATCH_COUNT_MAX,
  SESSION_FRAME_MAX_BYTES,
  SESSION_INSTANCE_COUNT_MAX,
} from "../limits.js";
import type {
  DrainedMessage,
  RegisteredItem,
  RegisteredMessage,
  RegisterItem,
  SupersededMessage,
  WelcomeMessage,
} from "../messages.js";
import type { Random } from "../random.js";
import { compareStamps, InstanceState, RemovalReason, Scope, type Stamp } from "../record.js";
import { after, type Instant, NEVER } from "../time.js";
import type { ClientCommand, ClientOutbox, RegistrationStatus } from "./client-events.js";
import { CommandWaiters } from "./command-waiters.js";
import { Incarnations } from "./incarnations.js";
import {
  awaitsOther,
  endWaiting,
  type InFlight,
  keyOf,
  mayPass,
  newRegistration,
  type Registration,
  SAYING_KINDS,
  WAIT_TEXTS,
  type WaitKind,
} from "./registration-entry.js";

type RegistrationCommand = Exclude<ClientCommand, { type: "query" }>;

/** A register message stays below half of a frame, names included. */
const BATCH_MAX_BYTES = SESSION_FRAME_MAX_BYTES / 2;
const ITEM_OVERHEAD_BYTES = 1_024;
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 5_000;
/** After a drain's own time, how long its answer may take. */
const DRAIN_ANSWER_GRACE_MS = 2_000;

export class ClientRegistrations {
  readonly #outbox: ClientOutbox;
  readonly #registrations = new Map<string, Registration>();
  /** Those with something to send. */
  readonly #unsent = new Set<Registration>();
  /** Not after the first time that one which has to wait may be sent. */
  #retryAt: Instant = NEVER;
  readonly #inFlight = new Map<number, InFlight>();
  readonly #waiters = new CommandWaiters<Registration, WaitKind>();
  readonly #incarnations: Incarnations;
  /** Of the nodes that have welcomed this process, the last one last. */
  readonly #regions = new Set<string>();

  constructor(outbox: ClientOutbox, random: Random) {
    this.#outbox = outbox;
    this.#incarnations = new Incarnations(random);
  }

  get count(): number {
    return this.#registrations.size;
  }

  /** No registration waits for being sent, or for an answer. */
  get isAnswered(): boolean {
    if (this.#unsent.size > 0) return false;
    for (const request of this.#inFlight.values()) if (request.kind === "register") return false;
    return true;
  }

  /** Bytes of all bodies. */
  get byteCount(): number {
    let byteCount = 0;
    for (const { body } of this.#registrations.values()) byteCount += body.length;
    return byteCount;
  }

  /** Takes a command in; nothing is sent before {@link flush}. */
  command(command: RegistrationCommand, now: Instant): void {
    const key = keyOf(command);
    const registration = this.#registrations.get(key);
    if (command.type === "register") {
      this.#register(command, registration, now);
      return;
    }
    if (registration === undefined || registration.isRemoving) {
      if (command.type === "deregister" && registration === undefined) {
        this.#outbox.emit({ type: "command-done", commandId: command.commandId, outcome: DONE });
        return;
      }
      const message = `${command.type} ${command.service}/${command.id}: not registered here`;
      this.#fail(command.commandId, ErrorCode.notFound, message);
      return;
    }
    this.#change(command, registration, now);
  }

  /** Sends what is wanted and not yet sent. Call on a session, after its hello. */
  flush(now: Instant): void {
    if (this.#unsent.size === 0 || !this.#incarnations.isKnown) return;
    const due: Registration[] = [];
    this.#retryAt = NEVER;
    for (const registration of this.#unsent) {
      if (registration.retryAt <= now) {
        due.push(registration);
        this.#unsent.delete(registration);
      } else if (registration.retryAt < this.#retryAt) {
        this.#retryAt = registration.retryAt;
      }
    }
    this.#sendRegisters(due.filter((registration) => registration.needsRegister));
    for (const registration of due) {
      if (registration.needsState) this.#sendState(registration);
      if (registration.needsDrain) this.#sendDrain(registration, now);
      if (registration.needsRemove) this.#sendRemove(registration);
    }
  }

  /** A node said what to begin with, of which the first one is heard, and where it is. */
  welcomed({
    firstIncarnation,
    region,
  }: Pick<WelcomeMessage, "firstIncarnation" | "region">): void {
    this.#incarnations.welcomed(firstIncarnation);
    this.#regions.delete(region);
    if (region !== "") this.#regions.add(region);
    const [first] = this.#regions;
    const isFull = this.#regions.size > LEFT_REGION_COUNT_MAX;
    if (isFull && first !== undefined) this.#regions.delete(first);
  }

  /** A new session: all that is wanted is sent again. */
  reconnect(): void {
    this.#inFlight.clear();
    for (const registration of this.#registrations.values()) {
      registration.needsRegister = true;
      registration.needsState = false;
      registration.needsDrain = registration.drainDeadline !== undefined;
      registration.needsRemove = registration.isRemoving;
      registration.stamp = undefined;
      registration.undecidedAt = undefined;
      this.#unsent.add(registration);
    }
  }

  /** To a node of another region, that was moved from: what was its region's own is there no more. */
  sayLeft(): void {
    for (const { service, id, scope } of this.#registrations.values()) {
      if (scope !== Scope.region) continue;
      const requestId = this.#outbox.nextRequestId();
      const reason = RemovalReason.deregistered;
      const message = { type: "deregister", requestId, service, id, reason } as const;
      this.#outbox.emit({ type: "send", message });
    }
  }

  registered(message: RegisteredMessage, now: Instant): void {
    const request = this.#inFlight.get(message.requestId);
    if (request?.kind !== "register") return;
    this.#inFlight.delete(message.requestId);
    for (const item of message.items) {
      const sent = request.items.get(keyOf(item));
      if (sent === undefined || !this.#isHeld(sent.registration)) continue;
      const isNews = sent.registration.registerRequestId === message.requestId;
      if (item.stamp === undefined) {
        if (isNews) this.#refuse(sent.registration, sent.revision, item, now);
      } else this.#confirmStamp(sent.registration, sent.revision, item.stamp, item.since);
    }
  }

  done(requestId: number): void {
    const request = this.#inFlight.get(requestId);
    // A drain is answered by `drained`, whatever comes before; a register by `registered`.
    if (request?.kind !== "state" && request?.kind !== "remove") return;
    this.#inFlight.delete(requestId);
    const { registration } = request;
    if (request.kind === "state") this.#confirm(registration, request.revision);
    else if (registration.isRemoving) this.#end(registration, "removed");
  }

  drained(message: DrainedMessage): void {
    const request = this.#inFlight.get(message.requestId);
    if (request?.kind !== "drain") return;
    this.#inFlight.delete(message.requestId);
    // What everyone confirmed of an earlier drain says nothing of a later one (P7).
    if (request.registration.drainRequestId !== message.requestId) return;
    request.registration.drainDeadline = undefined;
    const { confirmedCount, unconfirmed } = message;
    for (const waiter of this.#waiters.take(request.registration, "drain")) {
      const outcome = { kind: "drained", confirmedCount, unconfirmed } as const;
      this.#outbox.emit({ type: "command-done", commandId: waiter.commandId, outcome });
    }
  }

  /** @returns whether the request was one of these. */
  refused(requestId: number, code: ErrorCode, message: string, now: Instant): boolean {
    const request = this.#inFlight.get(requestId);
    if (request === undefined) return false;
    this.#inFlight.delete(requestId);
    if (request.kind === "register") {
      for (const { registration, revision } of request.items.values()) {
        if (this.#isHeld(registration))
          this.#refuse(registration, revision, { code, message }, now);
      }
      return true;
    }
    const { registration } = request;
    if (!this.#isHeld(registration)) return true;
    if (request.kind === "remove" && !registration.isRemoving) return true;
    if (request.kind === "drain" && registration.drainRequestId !== requestId) return true;
    if (request.kind === "remove" && code === ErrorCode.notFound) {
      this.#end(registration, "removed");
    } else if (request.kind === "state") {
      this.#refuse(registration, request.revision, { code, message }, now);
    } else {
      this.#refuseDrainOrRemove(registration, request.kind, code, message, now);
    }
    return true;
  }

  superseded(message: SupersededMessage, now: Instant): void {
    const registration = this.#registrations.get(keyOf(message));
    if (registration === undefined) return;
    // An equal stamp is not this process's own: another chose the same where no node knew of both.
    const isStale =
      registration.stamp !== undefined && compareStamps(message.stamp, registration.stamp) < 0;
    if (isStale) return;
    const { service, id } = registration;
    // Of two processes the one that began later has the id, whichever claimed it last.
    const beganLater = message.since > 0 && registration.since > message.since;
    if (message.isAlive && !beganLater) {
      this.#note("warn", "client.superseded", { service, id });
      this.#end(registration, "superseded");
      return;
    }
    if (message.isUndecided && !beganLater && this.#awaits(registration, now)) return;
    this.#note("info", "client.claimed-again", { service, id });
    // At the end of the range the node refuses the registration, not the frame.
    // Above its own claims too: one of them may be there by now, and would supersede this one.
    const highest = Math.max(message.stamp.incarnation, registration.incarnation);
    registration.incarnation = this.#incarnations.above(highest);
    registration.registerRequestId = 0;
    endWaiting(registration);
    registration.needsRegister = true;
    registration.needsDrain = registration.drainDeadline !== undefined;
    this.#retryLater(registration, now, { isFirstImmediate: true });
  }

  /** Fails what took too long. */
  expire(now: Instant): void {
    for (const { commandId, kind, subject } of this.#waiters.takeExpired(now)) {
      const message = `${WAIT_TEXTS[kind]} of ${subject.service}/${subject.id} was not answered in time`;
      this.#fail(commandId, ErrorCode.deadlineExceeded, message);
      // A change that took too long is no reason to give up what may still come to be.
      if (kind === "register" && subject.confirmedRevision === 0) this.#abandon(subject);
      if (kind === "remove") this.#end(subject, "removed");
    }
  }

  /** What was just commanded is not counted: it is sent at the end of the turn. */
  nextDeadline(isOnSession: boolean): Instant {
    const { nextDeadline } = this.#waiters;
    return isOnSession && this.#retryAt < nextDeadline ? this.#retryAt : nextDeadline;
  }

  /** The client is closing: nothing waits any longer. */
  close(): void {
    for (const { commandId } of this.#waiters.takeAll()) {
      this.#fail(commandId, ErrorCode.cancelled, "the client was closed");
    }
    for (const registration of [...this.#registrations.values()]) {
      this.#end(registration, "removed");
    }
  }

  #register(
    command: Extract<ClientCommand, { type: "register" }>,
    held: Registration | undefined,
    now: Instant,
  ): void {
    const { service, id, scope, state, body } = command;
    if (held?.isRemoving === true) {
      // Asked for again before it was gone: wanted again, above what is being removed.
      this.#waiters.take(held, "remove").forEach(({ commandId }) => {
        this.#fail(commandId, ErrorCode.aborted, `${service}/${id} was registered again meanwhile`);
      });
      this.#cancelDrain(held, `${service}/${id} was registered again meanwhile`);
      Object.assign(held, { scope, state, body, isRemoving: false, needsRemove: false });
      Object.assign(held, { needsRegister: true, isTold: false, revision: held.revision + 1 });
      this.#unsent.add(held);
      this.#wait(command, held, "register", now);
      return;
    }
    if (held !== undefined) {
      const message = `register ${service}/${id}: this client has registered it already`;
      this.#fail(command.commandId, ErrorCode.alreadyExists, message);
      return;
    }
    if (this.#registrations.size >= SESSION_INSTANCE_COUNT_MAX) {
      const message = `register ${service}/${id}: instance count must be <= ${SESSION_INSTANCE_COUNT_MAX}`;
      this.#fail(command.commandId, ErrorCode.resourceExhausted, message);
      return;
    }
    const registration = newRegistration(command, now);
    this.#registrations.set(keyOf(command), registration);
    this.#unsent.add(registration);
    this.#wait(command, registration, "register", now);
  }

  #change(
    command: Exclude<RegistrationCommand, { type: "register" }>,
    registration: Registration,
    now: Instant,
  ): void {
    this.#unsent.add(registration);
    switch (command.type) {
      case "update":
        registration.body = command.body;
        registration.revision += 1;
        registration.needsRegister = true;
        this.#wait(command, registration, "change", now);
        return;
      case "set-state":
        this.#cancelDrain(registration, "another state was set while draining");
        registration.state = command.state;
        registration.revision += 1;
        registration.needsState = true;
        this.#wait(command, registration, "change", now);
        return;
      case "drain":
        registration.state = InstanceState.draining;
        registration.drainDeadline = after(now, command.timeoutMs);
        registration.needsDrain = true;
        this.#wait(command, registration, "drain", now);
        return;
      case "deregister":
        registration.isRemoving = true;
        registration.needsRemove = true;
        this.#wait(command, registration, "remove", now);
        return;
    }
  }

  #sendRegisters(registrations: readonly Registration[]): void {
    let items: RegisterItem[] = [];
    let sent = new Map<string, { registration: Registration; revision: number }>();
    let bytes = 0;
    const send = (): void => {
      if (items.length === 0) return;
      const requestId = this.#outbox.nextRequestId();
      for (const { registration } of sent.values()) registration.registerRequestId = requestId;
      this.#inFlight.set(requestId, { kind: "register", items: sent });
      this.#outbox.emit({ type: "send", message: { type: "register", requestId, items } });
      items = [];
      sent = new Map();
      bytes = 0;
    };
    for (const registration of registrations) {
      const itemBytes = registration.body.length + ITEM_OVERHEAD_BYTES;
      const isFull = items.length >= REGISTER_BATCH_COUNT_MAX;
      registration.incarnation ||= this.#incarnations.next;
      registration.since ||= this.#incarnations.first;
      if (isFull || bytes + itemBytes > BATCH_MAX_BYTES) send();
      const { service, id, incarnation, since, scope, body, revision } = registration;
      // What is only registered to be removed is not to be picked in between.
      const state = registration.isRemoving ? InstanceState.draining : registration.state;
      items.push({ service, id, incarnation, since, state, scope, body });
      sent.set(keyOf(registration), { registration, revision });
      bytes += itemBytes;
      registration.needsRegister = false;
      // What is wanted went out whole.
      registration.needsState = false;
    }
    send();
  }

  #sendState(registration: Registration): void {
    registration.needsState = false;
    const { service, id, state, revision } = registration;
    const requestId = this.#outbox.nextRequestId();
    this.#inFlight.set(requestId, { kind: "state", registration, revision });
    this.#outbox.emit({
      type: "send",
      message: {
        ...{ type: "set-state", requestId, service, id, state, timeoutMs: 0 },
        leftRegions: [],
      },
    });
  }

  #sendDrain(registration: Registration, now: Instant): void {
    registration.needsDrain = false;
    if (registration.drainDeadline === undefined) return;
    const { service, id, scope } = registration;
    const timeoutMs = Math.max(1, Math.ceil(registration.drainDeadline - now));
    const requestId = this.#outbox.nextRequestId();
    registration.drainRequestId = requestId;
    this.#inFlight.set(requestId, { kind: "drain", registration });
    const state = InstanceState.draining;
    const leftRegions = scope === Scope.region ? [...this.#regions] : [];
    this.#outbox.emit({
      type: "send",
      message: { type: "set-state", requestId, service, id, state, timeoutMs, leftRegions },
    });
  }

  #sendRemove(registration: Registration): void {
    registration.needsRemove = false;
    const { service, id } = registration;
    const isDrained = registration.state === InstanceState.draining;
    const reason = isDrained ? RemovalReason.drained : RemovalReason.deregistered;
    const requestId = this.#outbox.nextRequestId();
    this.#inFlight.set(requestId, { kind: "remove", registration });
    this.#outbox.emit({
      type: "send",
      message: { type: "deregister", requestId, service, id, reason },
    });
  }

  #confirmStamp(registration: Registration, revision: number, stamp: Stamp, since: number): void {
    registration.incarnation = Math.max(registration.incarnation, stamp.incarnation);
    registration.since ||= since;
    registration.stamp = stamp;
    registration.retryCount = 0;
    endWaiting(registration);
    this.#confirm(registration, revision);
  }

  #confirm(registration: Registration, revision: number): void {
    if (!this.#isHeld(registration)) return;
    registration.confirmedRevision = Math.max(registration.confirmedRevision, revision);
    if (revision === registration.revision) registration.confirmedBody = registration.body;
    if (!registration.isTold && revision === registration.revision) {
      registration.isTold = true;
      this.#status(registration, "registered");
    }
    for (const waiter of this.#waiters.take(registration, SAYING_KINDS, revision)) {
      this.#outbox.emit({ type: "command-done", commandId: waiter.commandId, outcome: DONE });
    }
  }

  /** The node refused a revision: again later, or back to what it had accepted. */
  #refuse(
    registration: Registration,
    revision: number,
    refusal: Pick<RegisteredItem, "code" | "message">,
    now: Instant,
  ): void {
    const code = refusal.code ?? ErrorCode.unknown;
    const { service, id } = registration;
    this.#note("warn", "client.register-refused", { service, id, code, message: refusal.message });
    const isOldNews = revision <= registration.confirmedRevision;
    if (mayPass(code) || isOldNews) {
      registration.needsRegister = true;
      this.#retryLater(registration, now, { isFirstImmediate: false });
      return;
    }
    for (const waiter of this.#waiters.take(registration, SAYING_KINDS, revision)) {
      this.#fail(waiter.commandId, code, refusal.message);
    }
    if (registration.confirmedRevision === 0) this.#end(registration, "removed");
    else if (revision === registration.revision) registration.body = registration.confirmedBody;
  }

  #refuseDrainOrRemove(
    registration: Registration,
    kind: "drain" | "remove",
    code: ErrorCode,
    message: string,
    now: Instant,
  ): void {
    if (mayPass(code)) {
      if (kind === "drain") registration.needsDrain = true;
      else registration.needsRemove = true;
      registration.needsRegister ||= code === ErrorCode.notFound;
      this.#retryLater(registration, now, { isFirstImmediate: false });
      return;
    }
    for (const waiter of this.#waiters.take(registration, kind)) {
      this.#fail(waiter.commandId, code, message);
    }
    if (kind === "drain") registration.drainDeadline = undefined;
    else this.#end(registration, "removed");
  }

  /** Whether the process that took the id may still come back; if so, it is asked for again. */
  #awaits(registration: Registration, now: Instant): boolean {
    if (!awaitsOther(registration, now)) return false;
    if (registration.retryAt < this.#retryAt) this.#retryAt = registration.retryAt;
    this.#unsent.add(registration);
    return true;
  }

  #retryLater(
    registration: Registration,
    now: Instant,
    options: { readonly isFirstImmediate: boolean },
  ): void {
    const exponent = registration.retryCount - (options.isFirstImmediate ? 1 : 0);
    const delayMs = exponent < 0 ? 0 : Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** exponent);
    registration.retryCount = Math.min(registration.retryCount + 1, 16);
    registration.retryAt = after(now, delayMs);
    if (registration.retryAt < this.#retryAt) this.#retryAt = registration.retryAt;
    this.#unsent.add(registration);
  }

  /** Nobody drains it any more; what is still said of that drain is old news. */
  #cancelDrain(registration: Registration, message: string): void {
    registration.drainDeadline = undefined;
    registration.drainRequestId = 0;
    registration.needsDrain = false;
    for (const waiter of this.#waiters.take(registration, "drain")) {
      this.#fail(waiter.commandId, ErrorCode.aborted, message);
    }
  }

  /** Nobody waits for the first registration any longer: undo it if a node may have made it. */
  #abandon(registration: Registration): void {
    if (!this.#isHeld(registration)) return;
    if (registration.needsRegister) {
      this.#end(registration, "removed");
      return;
    }
    registration.isRemoving = true;
    registration.needsRemove = true;
    this.#unsent.add(registration);
  }

  #end(registration: Registration, status: "superseded" | "removed"): void {
    if (!this.#isHeld(registration)) return;
    this.#registrations.delete(keyOf(registration));
    this.#unsent.delete(registration);
    this.#incarnations.letGo(registration.incarnation);
    for (const waiter of this.#waiters.take(registration, undefined)) {
      if (waiter.kind === "remove" && status === "removed") {
        this.#outbox.emit({ type: "command-done", commandId: waiter.commandId, outcome: DONE });
      } else {
        const { service, id } = registration;
        const code = ErrorCode.aborted;
        this.#fail(waiter.commandId, code, `${service}/${id} was ${status} meanwhile`);
      }
    }
    this.#status(registration, status);
  }

  #isHeld(registration: Registration): boolean {
    return this.#registrations.get(keyOf(registration)) === registration;
  }

  #wait(
    command: RegistrationCommand,
    registration: Registration,
    kind: WaitKind,
    now: Instant,
  ): void {
    const graceMs = kind === "drain" ? DRAIN_ANSWER_GRACE_MS : 0;
    this.#waiters.add({
      commandId: command.commandId,
      kind,
      subject: registration,
      revision: registration.revision,
      deadline: after(now, command.timeoutMs + graceMs),
    });
  }

  #status({ service, id }: Registration, status: RegistrationStatus): void {
    this.#outbox.emit({ type: "registration", service, id, status });
  }

  #fail(commandId: number, code: ErrorCode, message: string): void {
    this.#outbox.emit({ type: "command-failed", commandId, code, message });
  }

  #note(
    level: "info" | "warn",
    event: string,
    fields: Readonly<Record<string, string | number | boolean>>,
  ): void {
    this.#outbox.emit({ type: "note", level, event, fields });
  }
}

const DONE = { kind: "done" } as const;
