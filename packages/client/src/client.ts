/**
 * FPZKClient's driver: feeds the client's state machine with sockets, time and wishes, and does
 * what it asks, in order. Decides nothing.
 */
import { channel } from "node:diagnostics_channel";
import { networkInterfaces } from "node:os";
import { performance } from "node:perf_hooks";
import {
  assert,
  assertNever,
  type BodyDecoder,
  type CallResult,
  type ClientEffect,
  type ClientEvent,
  ClientMachine,
  type CommandOutcome,
  ErrorCode,
  type Instant,
  instant,
  NEVER,
  RegistryError,
  ROUTE_SET_SERVICE,
  type SavedView,
  SeededRandom,
  type ServerAddress,
  UnreachedInstances,
  type ViewInstance,
  type ViewState,
} from "@fpzk/core";
import {
  checkName,
  decodeInstanceDescription,
  decodeOverrideDescription,
  decodeSessionMessage,
} from "@fpzk/protocol";
import type {
  ClientNote,
  DrainResult,
  FetchInit,
  Filter,
  FpzkClient,
  Registration,
  RegistrationHandle,
  RequestOptions,
  RouteSetWatch,
  ServiceCaller,
  ServiceSubscription,
  SubscribeOptions,
} from "./api.js";
import { CallerTable } from "./calls/service-caller.js";
import { fetchFrom } from "./fetch/fetch-call.js";
import { matchesFilter } from "./filter.js";
import type { ClientOptions } from "./options.js";
import { type CommandBody, RegistrationEntry, type RegistrationHost } from "./registration.js";
import { resolveServers } from "./resolve-servers.js";
import { LiveRouteSets } from "./route-set-watch.js";
import { SessionSocket } from "./session-socket.js";
import { Subscription } from "./subscription.js";
import { ViewFiles } from "./view-files.js";

/** How long changes of a view gather before it is written. */
const SAVE_DELAY_MS = 1_000;
/** Longer timers overflow. */
const TIMER_MAX_MS = 2_147_483_647;
const AGENT = "fpzk-client-node/0.1.0";

const noteChannel = channel("fpzk:client");

interface PendingCommand {
  readonly resolve: (outcome: CommandOutcome) => void;
  readonly reject: (error: RegistryError) => void;
}

/** Who looks at a view. */
type Viewer = Subscription | LiveRouteSets;

/** A watched service and those who look at it. */
interface SharedView {
  readonly subscriptions: Set<Viewer>;
  state: ViewState;
}

/** What `connect` wants to know while it waits. */
export interface ConnectObserver {
  online(): void;
  serverFailed(address: string, code: ErrorCode, message: string): void;
  seeds(servers: readonly ServerAddress[]): void;
}

export class Client implements FpzkClient, RegistrationHost {
  readonly namespace: string;
  readonly clientId: string;
  readonly region: string;
  readonly zone: string;
  readonly requestTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly startWallTime = Math.round(performance.timeOrigin);
  readonly #options: ClientOptions;
  readonly #machine: ClientMachine;
  readonly #random: SeededRandom;
  readonly #files: ViewFiles | undefined;
  #saved = new Map<string, SavedView>();
  readonly #views = new Map<string, SharedView>();
  readonly #callers: CallerTable;
  readonly #registrations = new Map<string, RegistrationEntry>();
  readonly #commands = new Map<number, PendingCommand>();
  readonly #unreached = new UnreachedInstances();
  #commandCount = 0;
  /** By attempt: at most the session's, one being opened and one being left. */
  readonly #sockets = new Map<number, SessionSocket>();
  #socket: SessionSocket | undefined;
  /** Not yet taken, because effects of another are being done. */
  readonly #events: ClientEvent[] = [];
  #isStepping = false;
  #timer: NodeJS.Timeout | undefined;
  #timerInstant: Instant = NEVER;
  #isTurnEndDue = false;
  #observer: ConnectObserver | undefined;
  readonly #closing: Promise<void>[] = [];
  readonly #closeCallbacks: (() => void)[] = [];
  #closed: Promise<void> | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
    const { namespace, clientId, region, zone, requestTimeoutMs, drainTimeoutMs } = options;
    this.namespace = namespace;
    this.clientId = clientId;
    this.region = region;
    this.zone = zone;
    this.requestTimeoutMs = requestTimeoutMs;
    this.drainTimeoutMs = drainTimeoutMs;
    this.#random = new SeededRandom(Math.floor(Math.random() * 4_294_967_296));
    const { snapshotDirectory, token, tls } = options;
    if (snapshotDirectory !== undefined) {
      this.#files = new ViewFiles(snapshotDirectory, namespace, (note) => this.#note(note));
    }
    this.#callers = new CallerTable({
      subscribe: (service, asked) => this.subscribe(service, asked),
      optionsOf: (service) => options.services.get(service) ?? {},
    });
    this.#machine = new ClientMachine({
      ...{ namespace, token, clientId, region, zone },
      agent: AGENT,
      tls: tls !== undefined,
      seeds: [],
      random: this.#random.fork(),
      decoder: DECODER,
      saveDelayMs: this.#files === undefined ? undefined : SAVE_DELAY_MS,
    });
  }

  get connectedNodeId(): string | undefined {
    return this.#machine.connectedNodeId;
  }

  /** How many views were found on disk. */
  get savedCount(): number {
    return this.#saved.size;
  }

  async start(observer: ConnectObserver): Promise<void> {
    this.#observer = observer;
    if (this.#files !== undefined) this.#saved = await this.#files.load();
    this.#step({ type: "start" });
  }

  async register(
    registration: Registration,
    options: RequestOptions = {},
  ): Promise<RegistrationHandle> {
    const entry = new RegistrationEntry(registration, this);
    const key = registrationKey(entry);
    const held = this.#registrations.get(key);
    // The machine decides whether it may; what stands for a refused one is put back.
    this.#registrations.set(key, entry);
    try {
      await entry.register(options);
    } catch (error) {
      if (this.#registrations.get(key) === entry) {
        if (held === undefined) this.#registrations.delete(key);
        else this.#registrations.set(key, held);
      }
      throw error;
    }
    return entry;
  }

  subscribe(service: string, options: SubscribeOptions = {}): ServiceSubscription {
    const refusal = checkName("service", service);
    if (refusal !== undefined)
      throw new RegistryError(refusal.code, `subscribe: ${refusal.message}`);
    if (this.#closed !== undefined) {
      const message = `subscribe ${service}: the client is closed`;
      throw new RegistryError(ErrorCode.failedPrecondition, message);
    }
    const subscription = new Subscription(service, options, {
      subscribe: (other) => this.subscribe(other),
      random: this.#random.fork(),
      region: this.region,
      zone: this.zone,
      now,
      instances: () => this.#machine.view(service)?.instances ?? [],
      state: () => this.#views.get(service)?.state ?? UNKNOWN_STATE,
      learned: (instance, result) => this.#learn(instance, result),
      freed: () => this.#freed(service),
      closed: (closed) => this.#unsubscribe(closed),
    });
    this.#addViewer(subscription);
    return subscription;
  }

  fetch(url: string | URL, init: FetchInit = {}): Promise<Response> {
    return fetchFrom(this.#callers, url, init);
  }

  caller(service: string, protocol = "http"): ServiceCaller {
    return this.#callers.get(service, protocol);
  }

  watchRouteSets(onChange: () => void): RouteSetWatch {
    if (this.#closed !== undefined) {
      const message = "watch route sets: the client is closed";
      throw new RegistryError(ErrorCode.failedPrecondition, message);
    }
    const watch = new LiveRouteSets({
      view: () => this.#machine.view(ROUTE_SET_SERVICE),
      state: () => this.#views.get(ROUTE_SET_SERVICE)?.state ?? UNKNOWN_STATE,
      now,
      onChange,
      closed: (closed) => this.#unsubscribe(closed),
    });
    this.#addViewer(watch);
    return watch;
  }

  async query(
    service: string,
    filter: Filter = {},
    options: RequestOptions = {},
  ): Promise<readonly ViewInstance[]> {
    const refusal = checkName("service", service);
    if (refusal !== undefined) throw new RegistryError(refusal.code, `query: ${refusal.message}`);
    const timeoutMs = options.timeoutMs ?? this.requestTimeoutMs;
    const outcome = await this.run({ type: "query", timeoutMs, service });
    assert(outcome.kind === "instances", "a query is answered by instances");
    return outcome.instances.filter((instance) => matchesFilter(instance, filter));
  }

  async drain(options: { timeoutMs?: number } = {}): Promise<DrainResult> {
    const entries = [...this.#registrations.values()];
    const results = await Promise.all(entries.map((entry) => drainEntry(entry, options)));
    return {
      confirmedCount: results.reduce((sum, result) => sum + result.confirmedCount, 0),
      unconfirmed: [...new Set(results.flatMap((result) => result.unconfirmed))],
    };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  run(command: CommandBody): Promise<CommandOutcome> {
    this.#commandCount += 1;
    const commandId = this.#commandCount;
    return new Promise((resolve, reject) => {
      this.#commands.set(commandId, { resolve, reject });
      this.#step({ ...command, commandId });
      this.#endTurn();
    });
  }

  localAddress(): string {
    return this.#socket?.localAddress?.replace(/^::ffff:/, "") ?? firstAddress();
  }

  /** Calls back once when the client begins to close. */
  onClose(callback: () => void): void {
    this.#closeCallbacks.push(callback);
  }

  async #close(): Promise<void> {
    for (const callback of this.#closeCallbacks) callback();
    this.#step({ type: "close" });
    clearTimeout(this.#timer);
    for (const { subscriptions } of [...this.#views.values()]) {
      for (const subscription of [...subscriptions]) subscription.close();
    }
    await Promise.all(this.#closing);
    await this.#files?.flush();
  }

  /** The first one to look at a view asks for it. */
  #addViewer(viewer: Viewer): void {
    const { service } = viewer;
    const shared = this.#views.get(service);
    if (shared !== undefined) {
      shared.subscriptions.add(viewer);
      return;
    }
    this.#views.set(service, { subscriptions: new Set([viewer]), state: UNKNOWN_STATE });
    const saved = this.#saved.get(service);
    this.#saved.delete(service);
    this.#step({ type: "watch", service, ...(saved === undefined ? {} : { saved }) });
  }

  #unsubscribe(subscription: Viewer): void {
    const shared = this.#views.get(subscription.service);
    if (shared?.subscriptions.delete(subscription) !== true) return;
    if (shared.subscriptions.size > 0) return;
    this.#views.delete(subscription.service);
    this.#step({ type: "unwatch", service: subscription.service });
  }

  /** Subscriptions to one service share its instances, so a call's end may serve any of them. */
  #freed(service: string): void {
    for (const viewer of this.#views.get(service)?.subscriptions ?? []) {
      if (viewer instanceof Subscription) viewer.freed();
    }
  }

  /** What calls taught of connections is told to the registry. */
  #learn(instance: ViewInstance, result: CallResult): void {
    const word = this.#unreached.onResult(instance, result, now());
    if (word === undefined) return;
    const { service, id, stamp } = instance;
    const isRetraction = word === "retract";
    const { incarnation } = stamp;
    this.#step({ type: "accuse", service, id, incarnation, isRetraction });
  }

  /** Commands of one turn of the event loop go out together. */
  #endTurn(): void {
    if (this.#isTurnEndDue) return;
    this.#isTurnEndDue = true;
    setImmediate(() => {
      this.#isTurnEndDue = false;
      this.#step({ type: "turn-end" });
    });
  }

  #step(event: ClientEvent): void {
    this.#events.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        for (const effect of this.#machine.step(next, now())) this.#perform(effect);
      }
    } finally {
      this.#isStepping = false;
    }
    this.#armTimer();
  }

  #armTimer(): void {
    const deadline = this.#machine.nextDeadline();
    if (deadline === this.#timerInstant) return;
    this.#timerInstant = deadline;
    clearTimeout(this.#timer);
    if (deadline === NEVER) return;
    const delayMs = Math.min(TIMER_MAX_MS, Math.max(0, Math.ceil(deadline - now())));
    this.#timer = setTimeout(() => {
      this.#timerInstant = NEVER;
      this.#step({ type: "tick" });
    }, delayMs);
  }

  #perform(effect: ClientEffect): void {
    switch (effect.type) {
      case "connect":
        this.#open(effect.attempt, effect.server, effect.tls);
        return;
      case "disconnect":
        this.#endSocket(effect.attempt);
        return;
      case "attach":
        this.#socket = this.#sockets.get(effect.attempt);
        return;
      case "send":
        this.#socket?.send(effect.message);
        return;
      case "resolve-seeds":
        this.#resolveSeeds();
        return;
      case "online":
        this.#observer?.online();
        return;
      case "offline":
        return;
      case "server-failed":
        this.#observer?.serverFailed(effect.address, effect.code, effect.message);
        return;
      case "view-changed":
        for (const subscription of this.#views.get(effect.service)?.subscriptions ?? []) {
          subscription.viewChanged(effect.changes);
        }
        return;
      case "view-state":
        this.#setViewState(effect.service, effect.state);
        return;
      case "watch-refused":
        this.#refuseWatch(effect.service, effect.code, effect.message);
        return;
      case "command-done":
        this.#takeCommand(effect.commandId)?.resolve(effect.outcome);
        return;
      case "command-failed":
        this.#takeCommand(effect.commandId)?.reject(new RegistryError(effect.code, effect.message));
        return;
      case "registration":
        this.#setRegistration(effect);
        return;
      case "save-views":
        this.#save(effect.services);
        return;
      case "note":
        this.#note({ level: effect.level, event: effect.event, fields: effect.fields });
        return;
      case "closed":
        return;
      default:
        assertNever(effect, "client effect");
    }
  }

  #open(attempt: number, server: ServerAddress, tls: boolean): void {
    const tlsOptions = this.#options.tls ?? { ca: undefined, serverName: undefined };
    const socket = new SessionSocket(server, tls ? tlsOptions : undefined, {
      onOpen: () => this.#step({ type: "connected", attempt }),
      onFrame: (bytes) => this.#read(attempt, socket, bytes),
      onEnd: (cause) => {
        this.#sockets.delete(attempt);
        this.#step({ type: "disconnected", attempt, cause });
      },
    });
    this.#sockets.set(attempt, socket);
  }

  #read(attempt: number, socket: SessionSocket, bytes: Uint8Array): void {
    const decoded = decodeSessionMessage(bytes);
    if (decoded.ok) {
      this.#step({ type: "message", attempt, message: decoded.message });
      return;
    }
    const { code, message } = decoded.refusal;
    this.#note({ level: "error", event: "client.frame-refused", fields: { code, message } });
    socket.abort(`frame refused: ${message}`);
  }

  #endSocket(attempt: number): void {
    const socket = this.#sockets.get(attempt);
    if (socket === undefined) return;
    this.#sockets.delete(attempt);
    if (this.#socket === socket) this.#socket = undefined;
    const closing = socket.close();
    this.#closing.push(closing);
    void closing.then(() => {
      const index = this.#closing.indexOf(closing);
      if (index >= 0) this.#closing.splice(index, 1);
    });
  }

  #resolveSeeds(): void {
    void resolveServers(this.#options.servers).then((servers) => {
      this.#observer?.seeds(servers);
      this.#step({ type: "seeds", servers });
    });
  }

  #setViewState(service: string, state: ViewState): void {
    const shared = this.#views.get(service);
    if (shared === undefined) return;
    shared.state = state;
    for (const subscription of shared.subscriptions) subscription.stateChanged();
  }

  #refuseWatch(service: string, code: ErrorCode, message: string): void {
    for (const subscription of this.#views.get(service)?.subscriptions ?? []) {
      subscription.refused(new RegistryError(code, `subscribe ${service}: ${message}`));
    }
  }

  #setRegistration(effect: Extract<ClientEffect, { type: "registration" }>): void {
    const key = registrationKey(effect);
    const entry = this.#registrations.get(key);
    entry?.setStatus(effect.status);
    const isOver = effect.status === "removed" || effect.status === "superseded";
    if (isOver) this.#registrations.delete(key);
  }

  #save(services: readonly string[]): void {
    for (const service of services) {
      const view = this.#machine.view(service);
      if (view !== undefined) this.#files?.save(view.save());
    }
  }

  #takeCommand(commandId: number): PendingCommand | undefined {
    const command = this.#commands.get(commandId);
    this.#commands.delete(commandId);
    return command;
  }

  /** Told in a turn of its own: a listener may call the client. */
  #note(note: ClientNote): void {
    const { onNote } = this.#options;
    if (onNote === undefined && !noteChannel.hasSubscribers) return;
    queueMicrotask(() => {
      if (noteChannel.hasSubscribers) noteChannel.publish({ clientId: this.clientId, ...note });
      onNote?.(note);
    });
  }
}

const DECODER: BodyDecoder = {
  instance: (body) => {
    const decoded = decodeInstanceDescription(body);
    return decoded.ok ? decoded.description : undefined;
  },
  override: (body) => {
    const decoded = decodeOverrideDescription(body);
    return decoded.ok ? decoded.description : undefined;
  },
};

const UNKNOWN_STATE: ViewState = {
  isComplete: false,
  isCurrent: false,
  isRestored: false,
  lastCurrentAt: undefined,
};

function now(): Instant {
  return instant(performance.now());
}

function registrationKey(address: { readonly service: string; readonly id: string }): string {
  return `${address.service}\u0001${address.id}`;
}

async function drainEntry(
  entry: RegistrationEntry,
  options: { timeoutMs?: number },
): Promise<DrainResult> {
  try {
    return await entry.drain(options);
  } catch (error) {
    const { message } = RegistryError.from(error);
    return { confirmedCount: 0, unconfirmed: [`${entry.service}/${entry.id}: ${message}`] };
  }
}

/** An address of this machine that others may reach, for endpoints that name no host. */
function firstAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const outside = all.filter((address) => !address.internal);
  const chosen = outside.find((address) => address.family === "IPv4") ?? outside[0];
  return chosen?.address ?? "127.0.0.1";
}
