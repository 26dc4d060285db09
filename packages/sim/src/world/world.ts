/**
 * A simulated world: nodes and clients of regions on one clock, one seed and one network.
 *
 * Runs the production core and codecs; contains no rule of its own. Equal seeds give equal runs.
 */
import {
  type ClientEffect,
  type ClientEvent,
  type Command,
  type CommandOutcome,
  type CommandResult,
  type Effect,
  hashText,
  InstanceState,
  NO_SLOT,
  NODE_CONFIG_DEFAULT,
  type NodeConfig,
  type PeerMessage,
  RecordKind,
  type RegistrationStatus,
  type RegistryRecord,
  type Scope,
  SeededRandom,
  type SessionMessage,
  type SessionRequest,
  type ViewInstance,
  type ViewState,
} from "@fpzk/core";
import { EventQueue } from "./event-queue.js";
import { Network } from "./network.js";
import type { DialEvents } from "./node-links.js";
import type { WorldObserver } from "./observer.js";
import type { SimProcess } from "./process.js";
import { type ClientWorld, SimClient, type SimClientOptions } from "./sim-client.js";
import { type BufferSizes, type NodeWorld, SimNode, type SimNodeOptions } from "./sim-node.js";
import { createConnection, type Socket } from "./socket.js";
import { WorldLog } from "./world-log.js";

/** Delay inside a region and between regions, one way. */
const LOCAL_DELAY_MS = 1;
const REMOTE_DELAY_MS = 60;
/** A connection that nobody answers is asked for again after this. */
const CONNECT_RETRY_MS = 1_000;

/** As production has them; never met by the little that a simulated world says. */
const BUFFERS_DEFAULT: BufferSizes = {
  windowBytes: 256 * 1024,
  linkQueueMaxBytes: 4 * 1024 * 1024,
  sessionQueueMaxBytes: 1024 * 1024,
};

export interface WorldOptions {
  readonly seed: number;
  readonly config?: Partial<NodeConfig>;
  readonly buffers?: BufferSizes;
  /** How long a message travels between two regions, one way; see {@link REMOTE_DELAY_MS}. */
  readonly delayMs?: (fromRegion: string, toRegion: string) => number;
}

export class World implements NodeWorld, ClientWorld {
  /** The timings of all nodes. */
  readonly config: NodeConfig;
  readonly buffers: BufferSizes;
  readonly network: Network;
  readonly nodes = new Map<string, SimNode>();
  readonly clients = new Map<string, SimClient>();
  readonly #seed: number;
  readonly #observers: WorldObserver[] = [];
  readonly #log = new WorldLog();
  readonly #queue = new EventQueue();
  /** Hosts that answer nothing, not even that no process listens. */
  readonly #lostHosts = new Set<string>();
  readonly #results = new Map<string, (result: CommandResult) => void>();
  #now = 1_000;
  #commandCount = 0;
  readonly #forkCounts = new Map<string, number>();

  constructor(options: WorldOptions) {
    this.#seed = options.seed;
    this.config = { ...NODE_CONFIG_DEFAULT, ...options.config };
    this.buffers = options.buffers ?? BUFFERS_DEFAULT;
    this.network = new Network({
      queue: this.#queue,
      now: () => this.#now,
      delayMs: options.delayMs ?? delayMsByDefault,
      windowBytes: this.buffers.windowBytes,
    });
  }

  /** Tells one more who looks what happens from now on. */
  observe(observer: WorldObserver): void {
    this.#observers.push(observer);
    if (observer.carried === undefined) return;
    this.network.onFlight = (flight) => {
      for (const each of this.#observers) each.carried?.(flight);
    };
  }

  // -- building and breaking ----------------------------------------------------------------

  addNode(options: SimNodeOptions): SimNode {
    this.network.place(options.nodeId, options.region);
    this.#lostHosts.delete(options.nodeId);
    const node = new SimNode(this, options, this.#fork(options.nodeId));
    this.nodes.set(options.nodeId, node);
    for (const observer of this.#observers) observer.nodeStarted?.(node);
    return node;
  }

  addClient(options: SimClientOptions): SimClient {
    this.network.place(options.clientId, options.region);
    const client = new SimClient(this, options, this.#fork(options.clientId));
    this.clients.set(options.clientId, client);
    for (const observer of this.#observers) observer.clientStarted?.(client);
    return client;
  }

  /**
   * Kills a node: its connections close where the network lets the others know. With the whole
   * host lost nobody is told anything, until it starts again.
   */
  crash(nodeId: string, isHostLost = false): void {
    const node = this.node(nodeId);
    this.#end(node, isHostLost);
    this.nodes.delete(nodeId);
    for (const observer of this.#observers) observer.nodeEnded?.(node);
  }

  /** Kills a program: its connection closes where the network lets the node know. */
  crashClient(clientId: string, isHostLost = false): void {
    const client = this.client(clientId);
    this.#end(client, isHostLost);
    this.clients.delete(clientId);
    for (const observer of this.#observers) observer.clientEnded?.(client);
  }

  /** Stops a process for a while: what is sent to it waits. */
  freeze(process: SimProcess, durationMs: number): void {
    process.freeze(durationMs);
  }

  node(nodeId: string): SimNode {
    const node = this.nodes.get(nodeId);
    if (node === undefined) throw new Error(`no node ${nodeId} in this world`);
    return node;
  }

  client(clientId: string): SimClient {
    const client = this.clients.get(clientId);
    if (client === undefined) throw new Error(`no client ${clientId} in this world`);
    return client;
  }

  get processes(): SimProcess[] {
    return [...this.nodes.values(), ...this.clients.values()];
  }

  #end(process: SimProcess, isHostLost: boolean): void {
    process.isUp = false;
    if (isHostLost) this.#lostHosts.add(process.id);
    for (const socket of [...process.sockets]) {
      if (isHostLost) socket.vanish();
      else socket.close();
    }
  }

  // -- time ---------------------------------------------------------------------------------

  now(): number {
    return this.#now;
  }

  schedule(at: number, run: () => void): void {
    this.#queue.add(Math.max(at, this.#now), run);
  }

  /** Lets time pass; `each` runs after every event. */
  run(durationMs: number, each?: () => void): void {
    const end = this.#now + durationMs;
    for (;;) {
      const next = this.#queue.peek();
      if (next === undefined || next.at > end) break;
      this.#queue.take();
      this.#now = Math.max(this.#now, next.at);
      next.run(next.argument);
      each?.();
    }
    this.#now = end;
  }

  /** Lets time pass until a condition holds; false when it did not within the time. */
  runUntil(condition: () => boolean, timeoutMs: number): boolean {
    const end = this.#now + timeoutMs;
    while (!condition()) {
      const next = this.#queue.peek();
      if (next === undefined || next.at > end) return false;
      this.#queue.take();
      this.#now = Math.max(this.#now, next.at);
      next.run(next.argument);
    }
    return true;
  }

  // -- connections --------------------------------------------------------------------------

  connectPeer(from: SimNode, address: string, events: DialEvents): { cancel(): void } {
    return this.#connect(from, address, {
      ...events,
      carries: ["peer", "peer"],
      accept: (node, socket) => node.links.accept(socket),
    });
  }

  connectSession(from: SimClient, address: string, events: DialEvents): { cancel(): void } {
    return this.#connect(from, address, {
      ...events,
      carries: ["request", "answer"],
      accept: (node, socket) => node.sessions.accept(socket),
    });
  }

  /** Asks for a connection until somebody answers or the wish is cancelled. */
  #connect(
    from: SimProcess,
    address: string,
    dial: DialEvents & {
      readonly carries: Parameters<typeof createConnection>[0]["carries"];
      readonly accept: (node: SimNode, socket: Socket) => void;
    },
  ): { cancel(): void } {
    let isWanted = true;
    const random = this.#fork(`${from.id}>${address}`);
    const ask = () => {
      if (!isWanted || !from.isUp) return;
      this.schedule(this.#now + CONNECT_RETRY_MS, ask);
      if (this.network.isCut(from.id, address)) return;
      const delayMs = this.network.delayMs(from.id, address);
      this.schedule(this.#now + delayMs, () => arrive(delayMs));
    };
    const arrive = (delayMs: number) => {
      if (!isWanted || this.#lostHosts.has(address)) return;
      if (this.network.isCut(address, from.id)) return;
      const node = this.nodes.get(address);
      if (node === undefined) {
        this.schedule(this.#now + delayMs, () => {
          if (!isWanted) return;
          isWanted = false;
          from.whenAwake(() => dial.refused());
        });
        return;
      }
      // The asked system has answered; from here on it is one connection.
      isWanted = false;
      const { dialer, acceptor } = createConnection({
        network: this.network,
        random,
        dialer: from,
        acceptor: node,
        carries: dial.carries,
        isHostThere: (host) => !this.#lostHosts.has(host),
      });
      // The upgrade to a WebSocket: one more way there, and the answer of the process itself.
      this.schedule(this.#now + 2 * delayMs, () =>
        node.whenAwake(() => {
          if (!acceptor.isOpen) return;
          dial.accept(node, acceptor);
          acceptor.greet(() => from.whenAwake(() => dial.opened(dialer)));
        }),
      );
    };
    ask();
    return {
      cancel: () => {
        isWanted = false;
      },
    };
  }

  /** Whether a client has an open session at a node. */
  hasSession(client: SimClient, node: SimNode): boolean {
    return node.sessions.has(client);
  }

  holds(
    { node: { table } }: SimNode,
    scope: Scope,
    { service, id }: { service: string; id: string },
  ): boolean {
    const key = { kind: RecordKind.instance, scope, namespace: "default", service, id };
    const slot = table.find(key);
    return slot !== NO_SLOT && table.state(slot) !== InstanceState.removed;
  }

  // -- commands -----------------------------------------------------------------------------

  /** Sends a command to a node, as REST does; the callback gets its result. */
  request(
    nodeId: string,
    command: Command,
    then: (result: CommandResult) => void = () => {},
  ): void {
    this.#commandCount += 1;
    const commandId = this.#commandCount;
    this.#results.set(`${nodeId}/${commandId}`, then);
    this.node(nodeId).feed({ type: "command", commandId, command });
  }

  commandResult(node: SimNode, effect: Extract<Effect, { type: "command-result" }>): void {
    const name = `${node.id}/${effect.commandId}`;
    this.#results.get(name)?.(effect.result);
    this.#results.delete(name);
  }

  left(node: SimNode): void {
    this.schedule(this.#now, () => {
      if (this.nodes.get(node.id) === node) this.crash(node.id);
    });
  }

  // -- what is told -------------------------------------------------------------------------

  note(node: SimNode, effect: Extract<Effect, { type: "note" }>): void {
    this.#log.note(this.#now, node.id, effect);
    for (const observer of this.#observers) observer.noted?.(node, effect);
  }

  clientNote(client: SimClient, effect: Extract<ClientEffect, { type: "note" }>): void {
    this.#log.note(this.#now, client.id, effect);
    for (const observer of this.#observers) observer.noted?.(client, effect);
  }

  propagation(node: SimNode, region: string, elapsedMs: number): void {
    for (const observer of this.#observers) observer.propagation?.(node, region, elapsedMs);
  }

  refused(node: SimNode, message: string): void {
    this.tell(`${node.id} refused: ${message}`);
    for (const observer of this.#observers) observer.refused?.(node, message);
  }

  stored(node: SimNode, record: RegistryRecord): void {
    for (const observer of this.#observers) observer.stored?.(node, record);
  }

  dropped(node: SimNode, record: RegistryRecord): void {
    for (const observer of this.#observers) observer.dropped?.(node, record);
  }

  viewChanged(client: SimClient, effect: Extract<ClientEffect, { type: "view-changed" }>): void {
    for (const observer of this.#observers) observer.viewChanged?.(client, effect);
  }

  viewState(client: SimClient, service: string, state: ViewState): void {
    for (const observer of this.#observers) observer.viewState?.(client, service, state);
  }

  picked(client: SimClient, service: string, instance: ViewInstance | undefined): void {
    for (const observer of this.#observers) observer.picked?.(client, service, instance);
  }

  asked(client: SimClient, event: ClientEvent): void {
    for (const observer of this.#observers) observer.asked?.(client, event);
  }

  commandDone(client: SimClient, commandId: number, outcome: CommandOutcome): void {
    for (const observer of this.#observers) observer.commandDone?.(client, commandId, outcome);
  }

  commandFailed(client: SimClient, commandId: number, message: string): void {
    for (const observer of this.#observers) observer.commandFailed?.(client, commandId, message);
  }

  registration(
    client: SimClient,
    instance: { readonly service: string; readonly id: string },
    status: RegistrationStatus,
  ): void {
    for (const observer of this.#observers) observer.registration?.(client, instance, status);
  }

  peerSent(from: SimNode, to: SimNode, message: PeerMessage, byteCount: number): void {
    for (const observer of this.#observers) observer.peerSent?.(from, to, message, byteCount);
  }

  sessionSent(node: SimNode, to: SimClient, message: SessionMessage, byteCount: number): void {
    for (const observer of this.#observers) observer.sessionSent?.(node, to, message, byteCount);
  }

  requestSent(client: SimClient, to: SimNode, message: SessionRequest, byteCount: number): void {
    for (const observer of this.#observers) observer.requestSent?.(client, to, message, byteCount);
  }

  /** One line of what happened. */
  tell(line: string): void {
    this.#log.tell(this.#now, line);
  }

  /** What happened, for people: `time who event fields`. */
  get log(): readonly string[] {
    return this.#log.lines;
  }

  /**
   * Of every byte that was sent and when it arrives: equal in two runs exactly when they went the
   * same way (up to a collision), on any machine.
   */
  get traceHash(): number {
    return this.network.traceHash;
  }

  /** A generator of its own for each process and connection: one more of them shifts no other. */
  #fork(concern: string): SeededRandom {
    const count = (this.#forkCounts.get(concern) ?? 0) + 1;
    this.#forkCounts.set(concern, count);
    return new SeededRandom(hashText(`${concern} ${count}`, this.#seed));
  }
}

function delayMsByDefault(fromRegion: string, toRegion: string): number {
  return fromRegion === toRegion ? LOCAL_DELAY_MS : REMOTE_DELAY_MS;
}
