/**
 * One random history: programs come, go, drain and roam while nodes, hosts and cables fail.
 *
 * Everything is drawn from the seed: which faults this history knows, when they strike and for how
 * long. After {@link FAULTS_MS} all faults are mended and the world must become whole.
 */
import {
  hashText,
  InstanceState,
  type NodeConfig,
  type Random,
  RemovalReason,
  randomBelow,
  Scope,
  SeededRandom,
} from "@fpzk/core";
import { encodeOverrideDescription } from "@fpzk/protocol";
import { Oracles } from "../oracles/oracles.js";
import type { SimClient } from "../world/sim-client.js";
import { World } from "../world/world.js";
import { pairsOf } from "./host-pairs.js";
import { bodyOf } from "./instance-body.js";
import type { HistoryOptions, Strike } from "./strike.js";

export const REGIONS = ["us", "eu", "ap"] as const;
const NODES_PER_REGION = 2;
const PROGRAM_COUNT = 8;
const SERVICES = ["orders", "users"] as const;
/** All programs and nodes are up and calm before the first fault. */
const CALM_MS = 6_000;
/** How long faults strike. */
const FAULTS_MS = 55_000;
/** After the faults: until all must be whole again. */
const HEAL_MS = 40_000;
/** Between two looks at whether it is. */
const LOOK_INTERVAL_MS = 250;

/** A part that a process plays; the process behind it changes with each restart. */
interface Program {
  readonly number: number;
  readonly region: string;
  readonly service: string;
  readonly id: string;
  readonly scope: Scope;
  life: number;
  client: SimClient | undefined;
  /** What its processes want: registered, and in which state. */
  isWanted: boolean;
}

interface Cut {
  readonly pairs: readonly (readonly [string, string])[];
}

type Fault = (history: History) => void;

/** Which faults there are, with their weight in the draw. */
const FAULTS: readonly { readonly weight: number; readonly name: string; readonly fault: Fault }[] =
  [
    { weight: 3, name: "cut-region", fault: (history) => history.cutRegion() },
    { weight: 3, name: "cut-regions-apart", fault: (history) => history.cutRegionsApart() },
    { weight: 3, name: "cut-one-way", fault: (history) => history.cutOneWay() },
    { weight: 3, name: "isolate-node", fault: (history) => history.isolateNode() },
    { weight: 3, name: "cut-client", fault: (history) => history.cutClient() },
    { weight: 3, name: "crash-node", fault: (history) => history.crashNode() },
    { weight: 2, name: "restart-node", fault: (history) => history.shutDownNode() },
    { weight: 2, name: "freeze-node", fault: (history) => history.freezeNode() },
    { weight: 3, name: "freeze-client", fault: (history) => history.freezeClient() },
    { weight: 5, name: "crash-client", fault: (history) => history.crashClient() },
    { weight: 2, name: "usurp", fault: (history) => history.usurp() },
    { weight: 5, name: "deregister", fault: (history) => history.deregister() },
    { weight: 5, name: "drain", fault: (history) => history.drain() },
    { weight: 5, name: "set-state", fault: (history) => history.setState() },
    { weight: 4, name: "override", fault: (history) => history.override() },
    { weight: 4, name: "lease", fault: (history) => history.lease() },
    { weight: 2, name: "noise", fault: (history) => history.noise() },
    { weight: 3, name: "watch", fault: (history) => history.watchAgain() },
  ];

export class History {
  readonly world: World;
  readonly oracles: Oracles;
  /** What struck, after {@link play}. */
  readonly strikes: Strike[] = [];
  readonly #seed: number;
  readonly #kept: ReadonlySet<number> | undefined;
  /** Of what happens now: the strike's own inside a strike, the history's own outside. */
  #random: Random;
  readonly #programs: Program[] = [];
  readonly #cuts = new Set<Cut>();
  readonly #leases = new Set<string>();
  readonly #faults: typeof FAULTS;
  #isOver = false;

  constructor(seed: number, options: HistoryOptions = {}) {
    this.#seed = seed;
    this.#kept = options.strikes;
    this.#random = new SeededRandom(seed ^ 0x5eed);
    this.world = new World({ seed, config: this.#drawConfig() });
    this.oracles = new Oracles(this.world);
    // Each history knows only some of the faults, so that rare pairs meet often in some.
    this.#faults = FAULTS.filter(() => this.#random.next() < 0.5);
    if (this.#faults.length === 0) this.#faults = FAULTS;
  }

  /** Plays the history; what failed is in `oracles.failures`. */
  play(): void {
    for (const durationMs of this.acts()) this.world.run(durationMs);
  }

  /** The history act by act: each value is how long the world must run before the next one. */
  *acts(): Generator<number, void> {
    for (let number = 1; number <= NODES_PER_REGION; number += 1) {
      for (const region of REGIONS) this.#startNode(`${region}-${number}`);
    }
    yield CALM_MS / 2;
    this.oracles.calm();
    for (let number = 0; number < PROGRAM_COUNT; number += 1) this.#addProgram(number);
    yield CALM_MS / 2;
    this.oracles.storm();
    this.#drawStrikes(this.world.now() + FAULTS_MS);
    yield FAULTS_MS;
    this.#mend();
    // Looking costs more than an event: every so often is enough.
    let defect = this.oracles.defect();
    for (let left = HEAL_MS; left > 0 && defect !== undefined; left -= LOOK_INTERVAL_MS) {
      yield LOOK_INTERVAL_MS;
      defect = this.oracles.defect();
    }
    if (defect === undefined) return;
    this.oracles.fail(defect.oracle, `not whole ${HEAL_MS} ms after: ${defect.text}`);
  }

  // -- faults of the network ------------------------------------------------------------------

  cutRegion(): void {
    const region = this.#pick(REGIONS);
    const inside = this.world.hostsOf(region);
    const outside = this.world.hosts.filter((host) => !inside.includes(host));
    this.#cut(pairsOf(inside, outside), this.#durationMs(1_000, 25_000));
  }

  /** Two regions reach each other only through the third. */
  cutRegionsApart(): void {
    const [a, b] = [this.#pick(REGIONS), this.#pick(REGIONS)];
    if (a === b) return;
    const pairs = pairsOf(this.world.hostsOf(a), this.world.hostsOf(b));
    this.#cut(pairs, this.#durationMs(2_000, 30_000));
  }

  cutOneWay(): void {
    const from = this.#pick(this.world.hosts);
    const others = this.world.hosts.filter((host) => host !== from && this.#chance(0.5));
    this.#cut(
      others.map((to) => [from, to] as const),
      this.#durationMs(500, 15_000),
    );
  }

  isolateNode(): void {
    const nodeId = this.#nodeIds[randomBelow(this.#random, this.#nodeIds.length)];
    if (nodeId === undefined) return;
    const withClients = this.#chance(0.5);
    const others = (withClients ? this.world.hosts : this.#nodeIds).filter((id) => id !== nodeId);
    this.#cut(pairsOf([nodeId], others), this.#durationMs(500, 25_000));
  }

  cutClient(): void {
    const client = this.#pickClient();
    if (client === undefined) return;
    const isAll = this.#chance(0.3);
    const nodes = this.#nodeIds.filter((id) => isAll || id === client.machine.connectedNodeId);
    this.#cut(pairsOf([client.id], nodes), this.#durationMs(500, 20_000));
  }

  noise(): void {
    const { faults } = this.world.network;
    faults.lossRatio = 0.02 * this.#random.next();
    faults.duplicateRatio = 0.1 * this.#random.next();
    faults.reorderRatio = 0.1 * this.#random.next();
    faults.jitterMs = 100 * this.#random.next();
    this.#later(this.#durationMs(1_000, 10_000), () => this.world.network.healFaults());
  }

  // -- faults of processes --------------------------------------------------------------------

  crashNode(): void {
    const node = this.#pickNode();
    if (node === undefined) return;
    this.world.crash(node, this.#chance(0.3));
    this.#later(this.#durationMs(200, 15_000), () => this.#startNode(node));
  }

  shutDownNode(): void {
    const nodeId = this.#pickNode();
    if (nodeId === undefined) return;
    const node = this.world.node(nodeId);
    node.feed({ type: "shutdown" });
    this.#later(this.#durationMs(3_500, 8_000), () => {
      if (this.world.nodes.get(nodeId) === node) this.world.crash(nodeId);
      this.#startNode(nodeId);
    });
  }

  freezeNode(): void {
    const nodeId = this.#pickNode();
    if (nodeId === undefined) return;
    const durationMs = this.#durationMs(600, 30_000);
    this.world.freeze(this.world.node(nodeId), durationMs);
  }

  freezeClient(): void {
    const program = this.#pick(this.#programs);
    if (program.client === undefined) return;
    const durationMs = this.#durationMs(600, 20_000);
    this.world.freeze(program.client, durationMs);
  }

  crashClient(): void {
    const program = this.#pick(this.#programs);
    if (program.client === undefined) return;
    this.world.crashClient(program.client.id, this.#chance(0.3));
    program.client = undefined;
    this.#later(this.#durationMs(100, 12_000), () => this.#startProgram(program));
  }

  /** A second process with the same id: the later must win, the earlier must stop. */
  usurp(): void {
    const program = this.#pick(this.#programs);
    const { client } = program;
    if (client === undefined || !program.isWanted) return;
    program.client = undefined;
    this.#startProgram(program);
    // The earlier process is ended in the end, so that they do not pile up.
    this.#later(25_000, () => {
      if (this.world.clients.has(client.id)) this.world.crashClient(client.id);
    });
  }

  // -- wishes ---------------------------------------------------------------------------------

  deregister(): void {
    const program = this.#pick(this.#programs);
    const { client, service, id } = program;
    if (client === undefined || !program.isWanted) return;
    program.isWanted = false;
    client.command({ type: "deregister", service, id, timeoutMs: 20_000 });
    this.#later(this.#durationMs(50, 5_000), () => this.#wish(program));
  }

  drain(): void {
    const program = this.#pick(this.#programs);
    const { client, service, id } = program;
    if (client === undefined || !program.isWanted) return;
    const timeoutMs = this.#durationMs(500, 8_000);
    client.command({ type: "drain", service, id, timeoutMs });
    this.#later(this.#durationMs(20, 10_000), () => {
      if (program.client !== client || !program.isWanted) return;
      if (this.#chance(0.5)) {
        client.command({
          type: "set-state",
          service,
          id,
          state: InstanceState.up,
          timeoutMs: 20_000,
        });
        return;
      }
      program.isWanted = false;
      client.command({ type: "deregister", service, id, timeoutMs: 20_000 });
      this.#later(this.#durationMs(50, 3_000), () => this.#wish(program));
    });
  }

  setState(): void {
    const program = this.#pick(this.#programs);
    const { client, service, id } = program;
    if (client === undefined || !program.isWanted) return;
    const state = this.#chance(0.5) ? InstanceState.offline : InstanceState.up;
    client.command({ type: "set-state", service, id, state, timeoutMs: 20_000 });
  }

  override(): void {
    const nodeId = this.#pickNode();
    const { service, id } = this.#pick(this.#programs);
    if (nodeId === undefined) return;
    const draw = this.#random.next();
    const state =
      draw < 0.4 ? undefined : draw < 0.7 ? InstanceState.offline : InstanceState.draining;
    this.world.request(nodeId, {
      kind: "override",
      namespace: "default",
      service,
      id,
      state,
      description: { weight: 50 },
      body: encodeOverrideDescription({ weight: 50 }),
      timeoutMs: 3_000,
    });
  }

  /** A registration by REST, renewed by any node until it is forgotten or removed. */
  lease(): void {
    const id = `lease-${this.#leases.size}`;
    const name = { namespace: "default", service: this.#pick(SERVICES), id };
    const nodeId = this.#pickNode();
    if (nodeId === undefined) return;
    this.#leases.add(id);
    this.oracles.leaseAsked();
    const body = bodyOf("us");
    const isUp = { scope: Scope.global, state: InstanceState.up };
    this.world.request(nodeId, { kind: "register", ...name, ...isUp, ttlMs: 3_000, body });
    let renewalCount = randomBelow(this.#random, 20);
    const renew = () => {
      const at = this.#pickNode();
      renewalCount -= 1;
      if (at === undefined || this.#isOver) return;
      if (renewalCount > 0) {
        this.world.request(at, { kind: "renew", ...name });
        this.#later(1_000, renew);
      } else if (this.#chance(0.5)) {
        this.world.request(at, { kind: "deregister", ...name, reason: RemovalReason.deregistered });
      }
    };
    this.#later(1_000, renew);
  }

  watchAgain(): void {
    const client = this.#pickClient();
    if (client === undefined) return;
    const service = this.#pick(SERVICES);
    client.feed({ type: "unwatch", service });
    client.viewStates.delete(service);
    this.#later(this.#durationMs(1, 2_000), () => client.watch(service));
  }

  // -- the schedule ---------------------------------------------------------------------------

  /** Draws when which faults strike, before the first does: leaving one out moves no other. */
  #drawStrikes(until: number): void {
    const total = this.#faults.reduce((sum, each) => sum + each.weight, 0);
    let at = this.world.now();
    for (let index = 0; ; index += 1) {
      at += this.#durationMs(50, 3_000);
      if (at >= until) return;
      let draw = this.#random.next() * total;
      const drawn = this.#faults.find(({ weight }) => {
        draw -= weight;
        return draw <= 0;
      });
      if (drawn === undefined || this.#kept?.has(index) === false) continue;
      this.world.schedule(at, () => this.#strike(index, drawn));
    }
  }

  /** A strike draws from a generator of its own, now and in all that it sets off. */
  #strike(index: number, { name, fault }: (typeof FAULTS)[number]): void {
    const random = new SeededRandom(hashText(`strike ${index}`, this.#seed));
    this.world.tell(`FAULT ${index} ${name}`);
    this.strikes.push({ index, at: this.world.now(), name, detail: "" });
    this.#withRandom(random, () => fault(this));
  }

  #withRandom(random: Random, run: () => void): void {
    const outer = this.#random;
    this.#random = random;
    run();
    this.#random = outer;
  }

  /** Ends all faults: cables, frozen processes, dead nodes and programs. */
  #mend(): void {
    const { world } = this;
    this.#isOver = true;
    world.tell("MENDED");
    this.oracles.mended();
    this.#cuts.clear();
    world.network.heal();
    world.network.healFaults();
    for (const process of [...world.nodes.values(), ...world.clients.values()]) {
      process.frozenUntil = Math.min(process.frozenUntil, world.now());
      process.wake();
    }
    for (const nodeId of this.#nodeIds) this.#startNode(nodeId);
    for (const program of this.#programs) {
      if (program.client === undefined) this.#startProgram(program);
      else this.#wish(program);
    }
  }

  #startNode(nodeId: string): void {
    if (this.world.nodes.has(nodeId)) return;
    const region = nodeId.slice(0, 2);
    this.world.tell(`START ${nodeId}`);
    this.world.addNode({ nodeId, region, seeds: ["us-1", "eu-1", `${region}-1`, `${region}-2`] });
  }

  #addProgram(number: number): void {
    const program: Program = {
      number,
      region: this.#pick(REGIONS),
      service: this.#pick(SERVICES),
      id: `i-${number}`,
      scope: this.#chance(0.2) ? Scope.region : Scope.global,
      life: 0,
      client: undefined,
      isWanted: true,
    };
    this.#programs.push(program);
    this.#startProgram(program);
  }

  #startProgram(program: Program): void {
    if (program.client !== undefined) return;
    program.life += 1;
    program.isWanted = true;
    const clientId = `p${program.number}.${program.life}`;
    const roams = this.#chance(0.3);
    const region = roams ? this.#pick(REGIONS) : program.region;
    const client = this.world.addClient({
      clientId,
      region: program.region,
      seeds: [`${region}-1`, `${program.region}-2`],
    });
    program.client = client;
    this.#recut();
    this.world.tell(`START ${clientId}`);
    for (const service of SERVICES) client.watch(service);
    this.#wish(program);
  }

  /** Registers the program's instance, if it is not. */
  #wish(program: Program): void {
    const { client, service, id, scope, region } = program;
    if (client === undefined) return;
    if (program.isWanted && client.statuses.get(`${service}/${id}`) === "registered") return;
    program.isWanted = true;
    const state = InstanceState.up;
    const body = bodyOf(region);
    client.command({ type: "register", service, id, scope, state, timeoutMs: 120_000, body });
  }

  // -- drawing --------------------------------------------------------------------------------

  #drawConfig(): Partial<NodeConfig> {
    const config: { -readonly [Name in keyof NodeConfig]?: NodeConfig[Name] } = {};
    if (this.#chance(0.3)) config.tombstoneTtlMs = 60_000;
    if (this.#chance(0.4)) config.orphanSuspectMs = 10_000;
    return config;
  }

  #cut(pairs: Cut["pairs"], durationMs: number): void {
    const cut = { pairs };
    this.#cuts.add(cut);
    this.#recut();
    this.#later(durationMs, () => {
      this.#cuts.delete(cut);
      this.#recut();
    });
  }

  #recut(): void {
    const { network } = this.world;
    network.heal();
    for (const { pairs } of this.#cuts) for (const [from, to] of pairs) network.cut(from, to);
  }

  get #nodeIds(): string[] {
    return REGIONS.flatMap((region) => [`${region}-1`, `${region}-2`]);
  }

  #pickNode(): string | undefined {
    const up = [...this.world.nodes.keys()];
    return up.length === 0 ? undefined : this.#pick(up);
  }

  #pickClient(): SimClient | undefined {
    return this.#pick(this.#programs).client;
  }

  /** Runs later, unless the faults are over by then. */
  #later(delayMs: number, run: () => void): void {
    const random = this.#random;
    this.world.schedule(this.world.now() + delayMs, () => {
      if (!this.#isOver) this.#withRandom(random, run);
    });
  }

  #chance(share: number): boolean {
    return this.#random.next() < share;
  }

  #durationMs(least: number, most: number): number {
    // Short ones are as likely as long ones: uniform in the logarithm.
    return Math.round(least * (most / least) ** this.#random.next());
  }

  #pick<Value>(values: readonly Value[]): Value {
    const value = values[randomBelow(this.#random, values.length)];
    if (value === undefined) throw new Error("nothing to pick from");
    return value;
  }
}
