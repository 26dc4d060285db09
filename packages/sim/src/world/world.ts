/**
 * A simulated world: nodes and clients of regions on one clock, one seed and one network.
 *
 * Runs the production core and codecs; contains no rule of its own. Equal seeds give equal runs.
 */
import {
  type ClientEffect,
  type ClientEvent,
  type CommandOutcome,
  type CommandResult,
  type Effect,
  hashText,
  NODE_CONFIG_DEFAULT,
  type NodeConfig,
  originText,
  type PeerMessage,
  type RegistrationStatus,
  type RegistryRecord,
  SeededRandom,
  type SessionMessage,
  type SessionRequest,
  type ViewState,
  type WallTime,
} from "@fpzk/core";
import { decodeSessionRequest, encodeSessionMessage } from "@fpzk/protocol";
import { EventQueue } from "./event-queue.js";
import { type Flight, Network, type Stream } from "./network.js";
import { type ClientWorld, SimClient, type SimClientOptions } from "./sim-client.js";
import { type NodeWorld, SimNode, type SimNodeOptions, type Wire } from "./sim-node.js";

const DIAL_TIMEOUT_MS = 3_000;
/** Delay inside a region and between regions, one way. */
const LOCAL_DELAY_MS = 1;
const REMOTE_DELAY_MS = 60;

/** A session's connection between a client and a node. */
interface SessionWire {
  readonly key: number;
  readonly client: SimClient;
  readonly attempt: number;
  readonly node: SimNode;
  readonly toNode: Stream;
  readonly toClient: Stream;
  isHelloDone: boolean;
  /** The node hears no more: what a client says before it disconnects still arrives. */
  isDeaf: boolean;
}

/** What can be seen of a world from outside: the oracles' input. Each hook may be left out. */
export interface WorldObserver {
  nodeStarted?(node: SimNode): void;
  nodeEnded?(node: SimNode): void;
  clientStarted?(client: SimClient): void;
  clientEnded?(client: SimClient): void;
  viewChanged?(client: SimClient, effect: Extract<ClientEffect, { type: "view-changed" }>): void;
  /** A program is told whether one of its views is complete and current. */
  viewState?(client: SimClient, service: string, state: ViewState): void;
  /** A program asks its client for something: a command, watch, unwatch or close. */
  asked?(client: SimClient, event: ClientEvent): void;
  commandDone?(client: SimClient, commandId: number, outcome: CommandOutcome): void;
  commandFailed?(client: SimClient, commandId: number, message: string): void;
  /** A program is told how one of its registrations stands. */
  registration?(
    client: SimClient,
    instance: { readonly service: string; readonly id: string },
    status: RegistrationStatus,
  ): void;
  /** A record was put into a node's table. */
  stored?(node: SimNode, record: RegistryRecord): void;
  /** A record leaves a node's table and nothing takes its place. */
  dropped?(node: SimNode, record: RegistryRecord): void;
  noted?(
    process: SimNode | SimClient,
    effect: Extract<Effect | ClientEffect, { type: "note" }>,
  ): void;
  peerSent?(from: SimNode, to: SimNode, message: PeerMessage, byteCount: number): void;
  sessionSent?(node: SimNode, client: SimClient, message: SessionMessage, byteCount: number): void;
  requestSent?(client: SimClient, node: SimNode, message: SessionRequest, byteCount: number): void;
  /** A message goes on its way: when sent, or when a cut that held it up has ended. */
  carried?(flight: Flight): void;
}

export interface WorldOptions {
  readonly seed: number;
  readonly config?: Partial<NodeConfig>;
  /** How long a message travels between two regions, one way; see {@link REMOTE_DELAY_MS}. */
  readonly delayMs?: (fromRegion: string, toRegion: string) => number;
}

export class World implements NodeWorld, ClientWorld {
  readonly random: SeededRandom;
  readonly network: Network;
  /** The timings of all nodes. */
  readonly config: NodeConfig;
  readonly nodes = new Map<string, SimNode>();
  readonly clients = new Map<string, SimClient>();
  /** What happened, for people: `time who event fields`. */
  readonly log: string[] = [];
  /** Who looks at what happens. */
  readonly #observers: WorldObserver[] = [];
  #traceHash = 0;
  readonly #queue = new EventQueue();
  readonly #regions = new Map<string, string>();
  readonly #sessions = new Map<number, SessionWire>();
  /** Hosts that answer nothing, not even that no process listens. */
  readonly #lostHosts = new Set<string>();
  readonly #results = new Map<string, (result: CommandResult) => void>();
  #now = 1_000;
  #nextKey = 1;

  constructor(options: WorldOptions) {
    const random = new SeededRandom(options.seed);
    this.random = random.fork();
    this.config = { ...NODE_CONFIG_DEFAULT, ...options.config };
    const delayMs = options.delayMs ?? delayMsByDefault;
    this.network = new Network({
      queue: this.#queue,
      random: random.fork(),
      now: () => this.#now,
      delayMs: (from, to) => delayMs(this.#regions.get(from) ?? "", this.#regions.get(to) ?? ""),
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

  addNode(options: Omit<SimNodeOptions, "generation" | "config">): SimNode {
    this.#regions.set(options.nodeId, options.region);
    this.#lostHosts.delete(options.nodeId);
    const node = new SimNode(this, {
      ...options,
      generation: Math.floor(this.#now) + 1_000_000,
      config: this.config,
    });
    this.nodes.set(options.nodeId, node);
    for (const observer of this.#observers) observer.nodeStarted?.(node);
    return node;
  }

  addClient(options: SimClientOptions): SimClient {
    this.#regions.set(options.clientId, options.region);
    const client = new SimClient(this, options);
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
    node.isUp = false;
    if (isHostLost) this.#lostHosts.add(nodeId);
    if (!isHostLost) for (const wire of [...node.wires.values()]) this.closeWire(node, wire);
    node.wires.clear();
    for (const wire of [...this.#sessions.values()]) {
      if (wire.node === node && !isHostLost) this.#endSession(wire, "node");
    }
    this.nodes.delete(nodeId);
    for (const observer of this.#observers) observer.nodeEnded?.(node);
  }

  /** Kills a program: its connection closes where the network lets the node know. */
  crashClient(clientId: string, isHostLost = false): void {
    const client = this.client(clientId);
    client.isUp = false;
    for (const wire of [...this.#sessions.values()]) {
      if (wire.client !== client) continue;
      wire.isDeaf = isHostLost;
      if (isHostLost) this.#sessions.delete(wire.key);
      else this.#endSession(wire, "client");
    }
    this.clients.delete(clientId);
    for (const observer of this.#observers) observer.clientEnded?.(client);
  }

  /** Stops a process for a while: what is sent to it waits. */
  freeze(process: SimNode | SimClient, durationMs: number): void {
    process.frozenUntil = Math.max(process.frozenUntil, this.#now + durationMs);
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

  hostsOf(region: string): string[] {
    return [...this.#regions].filter(([, at]) => at === region).map(([host]) => host);
  }

  get hosts(): string[] {
    return [...this.#regions.keys()];
  }

  // -- time ---------------------------------------------------------------------------------

  now(): number {
    return this.#now;
  }

  wallNow(): WallTime {
    return (1_700_000_000_000 + this.#now) as WallTime;
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
      next.run();
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
      next.run();
    }
    return true;
  }

  // -- peers --------------------------------------------------------------------------------

  dial(from: SimNode, address: string): void {
    const started = this.#now;
    const fail = (cause: "refused" | "timeout" | "self", afterMs: number) => {
      this.schedule(started + afterMs, () =>
        from.feed({ type: "dial-failed", address, cause, detail: "" }),
      );
    };
    if (address === from.id) return fail("self", 1);
    const roundTripMs = 2 * this.network.delayMs(from.id, address);
    if (!this.network.isReachable(from.id, address)) return fail("timeout", DIAL_TIMEOUT_MS);
    this.schedule(started + roundTripMs, () => {
      const target = this.nodes.get(address);
      if (this.#lostHosts.has(address)) return fail("timeout", DIAL_TIMEOUT_MS);
      if (target === undefined || !target.isUp) return fail("refused", roundTripMs + 1);
      // A process that stands still accepts nothing.
      if (target.frozenUntil > this.#now) return fail("timeout", DIAL_TIMEOUT_MS);
      if (!this.network.isReachable(from.id, address)) return fail("timeout", DIAL_TIMEOUT_MS);
      if (from.isUp) this.#link(from, target, address);
    });
  }

  #link(from: SimNode, to: SimNode, address: string): void {
    const keys = { from: this.#nextKey++, to: this.#nextKey++ };
    const lossy = { isLossy: true, carries: "peer" } as const;
    const there = this.network.stream({ from: from.id, to: to.id, ...lossy });
    const back = this.network.stream({ from: to.id, to: from.id, ...lossy });
    from.wires.set(keys.from, { key: keys.from, peer: to, peerKey: keys.to, stream: there });
    to.wires.set(keys.to, { key: keys.to, peer: from, peerKey: keys.from, stream: back });
    to.feed({
      type: "link-open",
      link: keys.to,
      peer: identityOf(from),
      isOutbound: false,
      address: undefined,
    });
    from.feed({
      type: "link-open",
      link: keys.from,
      peer: identityOf(to),
      isOutbound: true,
      address,
    });
  }

  sendPeer(from: SimNode, wire: Wire, message: PeerMessage, bytes: Uint8Array): void {
    for (const observer of this.#observers) {
      observer.peerSent?.(from, wire.peer, message, bytes.length);
    }
    wire.stream.send(() => wire.peer.receive(wire.peerKey, bytes), bytes);
  }

  closeWire(from: SimNode, wire: Wire): void {
    from.wires.delete(wire.key);
    this.schedule(this.#now, () => from.feed({ type: "link-close", link: wire.key }));
    wire.stream.send(() => {
      if (!wire.peer.wires.delete(wire.peerKey)) return;
      wire.peer.feed({ type: "link-close", link: wire.peerKey });
    });
  }

  // -- sessions -----------------------------------------------------------------------------

  connect(client: SimClient, attempt: number, address: string): void {
    const roundTripMs = 2 * this.network.delayMs(client.id, address);
    this.schedule(this.#now + roundTripMs, () => {
      const node = this.nodes.get(address);
      if (!client.isUp || !this.network.isReachable(client.id, address)) return;
      if (this.#lostHosts.has(address)) return;
      if (node === undefined || !node.isUp) {
        client.feed({ type: "connect-failed", attempt, cause: "refused" });
        return;
      }
      const key = this.#nextKey++;
      const safe = { isLossy: false };
      this.#sessions.set(key, {
        key,
        client,
        attempt,
        node,
        toNode: this.network.stream({ ...safe, from: client.id, to: node.id, carries: "request" }),
        toClient: this.network.stream({ ...safe, from: node.id, to: client.id, carries: "answer" }),
        isHelloDone: false,
        isDeaf: false,
      });
      client.feed({ type: "connected", attempt });
    });
  }

  disconnect(client: SimClient, attempt: number): void {
    for (const wire of [...this.#sessions.values()]) {
      if (wire.client === client && wire.attempt === attempt) this.#endSession(wire, "client");
    }
  }

  send(client: SimClient, message: SessionRequest, bytes: Uint8Array): void {
    const wire = [...this.#sessions.values()].find(
      (each) => each.client === client && each.attempt === client.attached,
    );
    if (wire === undefined) return;
    for (const observer of this.#observers) {
      observer.requestSent?.(client, wire.node, message, bytes.length);
    }
    wire.toNode.send(() => this.#atNode(wire, bytes), bytes);
  }

  toSession(node: SimNode, session: number, message: SessionMessage): void {
    const wire = this.#sessions.get(session);
    if (wire === undefined || wire.node !== node) return;
    const bytes = encodeSessionMessage(message).slice();
    for (const observer of this.#observers) {
      observer.sessionSent?.(node, wire.client, message, bytes.length);
    }
    wire.toClient.send(() => {
      if (this.#sessions.has(session)) wire.client.receive(wire.attempt, bytes);
    }, bytes);
  }

  /** Whether a client has an open session at a node, as both sides know it. */
  hasSession(client: SimClient, node: SimNode): boolean {
    return [...this.#sessions.values()].some(
      (wire) => wire.client === client && wire.node === node && wire.isHelloDone,
    );
  }

  closeSession(node: SimNode, session: number, _reason: string): void {
    const wire = this.#sessions.get(session);
    if (wire !== undefined && wire.node === node) this.#endSession(wire, "node");
  }

  #atNode(wire: SessionWire, bytes: Uint8Array): void {
    if (wire.isDeaf) return;
    const decoded = decodeSessionRequest(bytes);
    if (!decoded.ok) throw new Error(`session request refused: ${decoded.refusal.message}`);
    const { message } = decoded;
    if (message.type !== "hello") {
      if (wire.isHelloDone) {
        wire.node.feed({ type: "session-message", session: wire.key, message });
      }
      return;
    }
    wire.isHelloDone = true;
    wire.node.feed({
      type: "session-open",
      session: wire.key,
      kind: "native",
      namespace: message.namespace,
      grants: { mayRead: true, mayRegister: true, mayOperate: true },
      clientId: message.clientId,
      sessionNumber: message.sessionNumber,
    });
  }

  #endSession(wire: SessionWire, by: "client" | "node"): void {
    this.#sessions.delete(wire.key);
    const tellNode = () => {
      wire.isDeaf = true;
      wire.node.feed({ type: "session-close", session: wire.key });
    };
    const tellClient = () =>
      wire.client.feed({ type: "disconnected", attempt: wire.attempt, cause: "closed" });
    if (by === "client") {
      wire.toNode.send(tellNode);
      return;
    }
    wire.isDeaf = true;
    this.schedule(this.#now, tellNode);
    wire.toClient.send(tellClient);
  }

  // -- what is told -------------------------------------------------------------------------

  /** Sends a command to a node; the callback gets its result. */
  request(
    nodeId: string,
    command: Extract<Parameters<SimNode["feed"]>[0], { type: "command" }>["command"],
    then: (result: CommandResult) => void = () => {},
  ): void {
    const commandId = this.#nextKey++;
    this.#results.set(`${nodeId}/${commandId}`, then);
    this.node(nodeId).feed({ type: "command", commandId, command });
  }

  commandResult(node: SimNode, effect: Extract<Effect, { type: "command-result" }>): void {
    const name = `${node.id}/${effect.commandId}`;
    this.#results.get(name)?.(effect.result);
    this.#results.delete(name);
  }

  note(node: SimNode, effect: Extract<Effect, { type: "note" }>): void {
    this.tell(`${node.id} ${effect.event} ${JSON.stringify(effect.fields)}`);
    for (const observer of this.#observers) observer.noted?.(node, effect);
  }

  clientNote(client: SimClient, effect: Extract<ClientEffect, { type: "note" }>): void {
    this.tell(`${client.id} ${effect.event} ${JSON.stringify(effect.fields)}`);
    for (const observer of this.#observers) observer.noted?.(client, effect);
  }

  left(node: SimNode): void {
    this.schedule(this.#now, () => {
      if (this.nodes.get(node.id) === node) this.crash(node.id);
    });
  }

  stored(node: SimNode, record: RegistryRecord): void {
    this.#trace(`${node.id} ${originText(record.origin)} ${record.version}`);
    for (const observer of this.#observers) observer.stored?.(node, record);
  }

  dropped(node: SimNode, record: RegistryRecord): void {
    for (const observer of this.#observers) observer.dropped?.(node, record);
  }

  viewChanged(client: SimClient, effect: Extract<ClientEffect, { type: "view-changed" }>): void {
    this.#trace(`${client.id} ${effect.changes.map((c) => `${c.type} ${c.instance.id}`).join()}`);
    for (const observer of this.#observers) observer.viewChanged?.(client, effect);
  }

  viewState(client: SimClient, service: string, state: ViewState): void {
    for (const observer of this.#observers) observer.viewState?.(client, service, state);
  }

  commandDone(client: SimClient, commandId: number, outcome: CommandOutcome): void {
    for (const observer of this.#observers) observer.commandDone?.(client, commandId, outcome);
  }

  asked(client: SimClient, event: ClientEvent): void {
    for (const observer of this.#observers) observer.asked?.(client, event);
  }

  commandFailed(client: SimClient, commandId: number, message: string): void {
    for (const observer of this.#observers) observer.commandFailed?.(client, commandId, message);
  }

  registration(
    client: SimClient,
    instance: { service: string; id: string },
    status: RegistrationStatus,
  ): void {
    for (const observer of this.#observers) observer.registration?.(client, instance, status);
  }

  /** One line of what happened. */
  tell(line: string): void {
    const text = `${this.#now.toFixed(0)} ${line}`;
    this.log.push(text);
    this.#trace(text);
  }

  /** Equal in two runs exactly when they went the same way (up to a collision). */
  get traceHash(): number {
    return this.#traceHash;
  }

  #trace(text: string): void {
    this.#traceHash = hashText(text, hashText(String(this.#now), this.#traceHash));
  }
}

function delayMsByDefault(fromRegion: string, toRegion: string): number {
  return fromRegion === toRegion ? LOCAL_DELAY_MS : REMOTE_DELAY_MS;
}

function identityOf(node: SimNode) {
  return {
    nodeId: node.id,
    generation: node.node.generation,
    region: node.region,
    zone: "",
  };
}
