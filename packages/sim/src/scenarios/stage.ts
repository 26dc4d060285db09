/** A world with what scenarios need at hand: nodes, programs, waiting and expecting. */
import {
  type ClientCommand,
  type CommandOutcome,
  type CommandResult,
  InstanceState,
  type NodeConfig,
  type NodeEvent,
  RecordKind,
  type RegistryRecord,
  RemovalReason,
  Scope,
} from "@fpzk/core";
import { encodeInstanceDescription } from "@fpzk/protocol";
import { Oracles } from "../oracles/oracles.js";
import type { Failure } from "../oracles/verdict.js";
import type { SimClient } from "../world/sim-client.js";
import type { SimNode } from "../world/sim-node.js";
import type { Weather } from "../world/weather.js";
import { World } from "../world/world.js";

export interface StageOptions {
  readonly seed?: number;
  readonly config?: Partial<NodeConfig>;
}

const COMMAND_TIMEOUT_MS = 20_000;

const REMOVED_WITHOUT_WISH: ReadonlySet<RemovalReason> = new Set([
  RemovalReason.connectionLost,
  RemovalReason.silent,
  RemovalReason.leaseExpired,
  RemovalReason.orphaned,
]);

export class Stage {
  readonly world: World;
  readonly #oracles: Oracles;
  /** Clients that nothing befalls: their instances must never be removed. */
  readonly #undisturbed = new Set<SimClient>();

  constructor({ seed = 1, config = {} }: StageOptions = {}) {
    this.world = new World({ seed, config });
    this.#oracles = new Oracles(this.world);
    this.world.observe({ stored: (node, record) => this.#checkLeftAlone(node, record) });
  }

  get failures(): readonly Failure[] {
    return this.#oracles.failures;
  }

  /** Notes that a promise is broken. */
  fail(oracle: string, text: string): void {
    this.#oracles.fail(oracle, text);
  }

  /** Notes a broken promise unless something holds. */
  expect(holds: boolean, oracle: string, text: string): void {
    if (!holds) this.fail(oracle, text);
  }

  /** Starts nodes `us-1`, `us-2`, … in each region. Seeds are the first nodes, unless given. */
  addNodes(countByRegion: Readonly<Record<string, number>>, seeds?: readonly string[]): void {
    const firsts = seeds ?? Object.keys(countByRegion).map((region) => `${region}-1`);
    const most = Math.max(...Object.values(countByRegion));
    for (let number = 1; number <= most; number += 1) {
      for (const [region, count] of Object.entries(countByRegion)) {
        if (number <= count) this.addNode(`${region}-${number}`, firsts);
      }
    }
  }

  addNode(nodeId: string, seeds: readonly string[]): SimNode {
    const own = seeds.filter((seed) => seed !== nodeId);
    return this.world.addNode({ nodeId, region: regionOf(nodeId), seeds: own });
  }

  /** Starts a program; its servers are those given, or the first two of its region. */
  addClient(clientId: string, region: string, seeds?: readonly string[]): SimClient {
    const servers = seeds ?? [`${region}-1`, `${region}-2`];
    return this.world.addClient({ clientId, region, seeds: servers });
  }

  register(
    client: SimClient,
    name: string,
    options: { readonly scope?: Scope; readonly body?: Uint8Array; readonly note?: string } = {},
  ): number {
    const body = options.body ?? bodyWith(client.region, options.note ?? "");
    return client.command({
      type: "register",
      ...parse(name),
      scope: options.scope ?? Scope.global,
      state: InstanceState.up,
      timeoutMs: COMMAND_TIMEOUT_MS,
      body,
    });
  }

  deregister(client: SimClient, name: string): number {
    return client.command({ type: "deregister", ...parse(name), timeoutMs: COMMAND_TIMEOUT_MS });
  }

  setState(client: SimClient, name: string, state: InstanceState): number {
    const timeoutMs = COMMAND_TIMEOUT_MS;
    return client.command({ type: "set-state", ...parse(name), state, timeoutMs });
  }

  update(client: SimClient, name: string, note: string): number {
    const body = bodyWith(client.region, note);
    const command: Omit<Extract<ClientCommand, { type: "update" }>, "commandId"> = {
      type: "update",
      ...parse(name),
      timeoutMs: COMMAND_TIMEOUT_MS,
      body,
    };
    return client.command(command);
  }

  /** Drains an instance and waits for the end of it; undefined when it did not end. */
  drain(client: SimClient, name: string, timeoutMs: number): CommandOutcome | undefined {
    const commandId = client.command({ type: "drain", ...parse(name), timeoutMs });
    const isOver = () => client.outcomes.has(commandId);
    this.world.runUntil(isOver, timeoutMs + 10_000);
    const outcome = client.outcomes.get(commandId);
    if (outcome === undefined) this.fail("L3", `the drain of ${name} by ${client.id} did not end`);
    return outcome?.kind === "failed" ? undefined : outcome;
  }

  /** Sends a command to a node as an operator or REST caller does, and waits for its result. */
  request(
    nodeId: string,
    command: Parameters<World["request"]>[1],
    timeoutMs = 10_000,
  ): CommandResult | undefined {
    let result: CommandResult | undefined;
    if (command.kind === "register") this.#oracles.leaseAsked();
    this.world.request(nodeId, command, (given) => {
      result = given;
    });
    this.world.runUntil(() => result !== undefined, timeoutMs);
    return result;
  }

  run(durationMs: number): void {
    this.world.run(durationMs);
  }

  /** Lets time pass until something holds; a broken promise when it does not in time. */
  await(condition: () => boolean, timeoutMs: number, oracle: string, text: string): void {
    const isMet = this.world.runUntil(condition, timeoutMs);
    if (!isMet) this.fail(oracle, `${text}: not within ${timeoutMs} ms`);
  }

  /** From now on this view must not lose an instance, not for a moment. */
  neverLoses(client: SimClient, name: string): void {
    const { service, id } = parse(name);
    this.world.observe({
      viewChanged: (other, { changes }) => {
        if (other !== client) return;
        const lost = changes.find(
          ({ type, instance }) =>
            type === "removed" && instance.service === service && instance.id === id,
        );
        if (lost !== undefined) this.fail("S2", `${client.id} lost ${name} for a moment`);
      },
    });
  }

  /** Counts what nodes store from now on, canaries aside. */
  countStored(isCounted: (node: SimNode, record: RegistryRecord) => boolean): () => number {
    let count = 0;
    this.world.observe({
      stored: (node, record) => {
        if (record.kind !== RecordKind.canary && isCounted(node, record)) count += 1;
      },
    });
    return () => count;
  }

  /** The state of a node's membership as another sees it. */
  statusOf(nodeId: string, seenBy: string): string {
    const members = this.world.node(seenBy).node.members();
    return members.find((member) => member.nodeId === nodeId)?.status ?? "unknown";
  }

  /** Whether a node holds a live record of an instance. */
  holds(nodeId: string, name: string): boolean {
    const { table } = this.world.node(nodeId).node;
    for (const slot of table.slots()) {
      const record = table.read(slot);
      if (record.kind !== RecordKind.instance || record.state === InstanceState.removed) continue;
      if (`${record.service}/${record.id}` === name) return true;
    }
    return false;
  }

  /** R11: two copies of equal versions never had unequal content. */
  checkDivergences(): void {
    for (const { id, node } of this.world.nodes.values()) {
      const { divergences } = node.counters;
      this.expect(divergences === 0, "R11", `${id} met equal versions with unequal content`);
    }
  }

  /** From now on nothing befalls this program: its instances must stay. */
  leaveAlone(...clients: readonly SimClient[]): void {
    for (const client of clients) this.#undisturbed.add(client);
  }

  /** No way between two groups of hosts, either way. */
  cut(group: readonly string[], others: readonly string[]): void {
    this.world.network.isolate(group, others);
  }

  heal(): void {
    this.world.network.heal();
  }

  /** Bad weather on every way. Returns how to end it. */
  worsen(weather: Partial<Weather>): () => void {
    return this.world.network.worsen(() => true, weather);
  }

  /** Steps the wall clocks of all processes. */
  stepWallClocks(stepMs: number): void {
    for (const process of this.world.processes) process.wallAheadMs += stepMs;
  }

  /** Sees every event that is given to a node from now on, before the node does. */
  tapNode(node: SimNode, see: (event: NodeEvent) => void): void {
    const feed = node.feed.bind(node);
    node.feed = (event) => {
      see(event);
      feed(event);
    };
  }

  /** Every node is ready and linked as it wants to be. */
  settle(): void {
    const isReady = () => [...this.world.nodes.values()].every(({ node }) => node.isReady);
    this.await(isReady, 10_000, "P1", "nodes are ready");
    this.world.run(2_000);
  }

  #checkLeftAlone(node: SimNode, { kind, state, reason, service, id }: RegistryRecord): void {
    if (kind !== RecordKind.instance || state !== InstanceState.removed) return;
    if (!REMOVED_WITHOUT_WISH.has(reason)) return;
    for (const client of this.#undisturbed) {
      if (client.statuses.get(`${service}/${id}`) !== "registered") continue;
      const text = `${node.id} removed ${service}/${id} (reason ${reason}) while ${client.id} lives`;
      this.fail("S4", text);
    }
  }
}

/** The ids that a program sees of a service, sorted. */
export function idsOf(client: SimClient, service: string): readonly string[] {
  return client.instances(service).map(({ id }) => id);
}

export function isShown(client: SimClient, name: string): boolean {
  const { service, id } = parse(name);
  return client.instances(service).some((each) => each.id === id);
}

export function livenessIn(client: SimClient, name: string): string {
  const { service, id } = parse(name);
  return client.instances(service).find((each) => each.id === id)?.liveness ?? "gone";
}

/** The body of an instance whose metadata holds a text, of any length. */
export function bodyWith(region: string, note: string): Uint8Array {
  return encodeInstanceDescription({
    group: "",
    version: "1",
    region,
    zone: "",
    endpoints: [{ protocol: "http", host: "127.0.0.1", port: 80, tls: false, reach: "internal" }],
    weight: 100,
    metadata: note === "" ? {} : { note },
    startWallTime: 0,
  });
}

export function regionOf(nodeId: string): string {
  return nodeId.slice(0, nodeId.indexOf("-"));
}

function parse(name: string): { readonly service: string; readonly id: string } {
  const [service = "", id = ""] = name.split("/");
  return { service, id };
}
