/**
 * A small cluster to try things on: three regions with three nodes each, six programs of one
 * service, and a caller and a proxy in each region.
 *
 * Everything in it is the production core on the simulator's clock and network; this file only
 * starts, ends and disconnects. Equal seeds and deeds give equal runs.
 */
import { InstanceState, Scope } from "@fpzk/core";
import { encodeInstanceDescription } from "@fpzk/protocol";
import { type SimClient, World } from "@fpzk/sim";
import { type Actor, Cast, isNode, roleOf } from "./cast.js";
import { type Deed, deedText } from "./deed.js";

export const REGIONS = ["us", "eu", "ap"] as const;
/** The one service of the town. */
export const SERVICE = "orders";
const NODES_PER_REGION = 3;
/** Programs by name, each with an instance of {@link SERVICE}, and where they run at first. */
export const PROGRAMS: Readonly<Record<string, string>> = {
  A: "us",
  B: "us",
  C: "eu",
  D: "eu",
  E: "ap",
  F: "ap",
};
/** One way, in milliseconds. */
const DELAYS_MS: Readonly<Record<string, number>> = { "eu-us": 40, "ap-us": 80, "ap-eu": 110 };
const LOCAL_DELAY_MS = 3;
/** When programs start, and when the town has come to rest. */
const PROGRAMS_AT_MS = 3_000;
export const CALM_AT_MS = 8_000;
const COMMAND_TIMEOUT_MS = 120_000;
const DRAIN_TIMEOUT_MS = 5_000;
const PICK_INTERVAL_MS = 300;

export interface TownOptions {
  readonly seed: number;
  /** Programs that start without registering. */
  readonly unregistered: readonly string[];
}

/** Deeds that change which ways are cut. */
type WayDeed = Extract<
  Deed,
  { type: "cut" | "mend" | "isolate" | "reconnect" | `${string}-${string}` }
>;

export class Town {
  readonly world: World;
  readonly cast = new Cast();
  readonly #unregistered: ReadonlySet<string>;
  /** `from>to` by actor. */
  readonly #cuts = new Set<string>();
  readonly #cutRegions = new Set<string>();
  readonly #isolated = new Set<string>();
  readonly #lives = new Map<string, number>();
  /** Drains asked for: `client id#command id` → program. */
  readonly #drains = new Map<string, string>();
  #slowness = 1;
  #lossRatio = 0;
  #clear: readonly (() => void)[] = [];
  /** Told of what a deed came to. */
  onOutcome: (text: string) => void = () => {};

  constructor(options: TownOptions) {
    this.#unregistered = new Set(options.unregistered);
    this.world = new World({
      seed: options.seed,
      delayMs: (from, to) => (from === to ? LOCAL_DELAY_MS : remoteDelayMs(from, to)),
    });
    this.cast.follow(this.world);
    this.world.observe({
      commandDone: (client, commandId, outcome) => {
        const program = this.#drains.get(`${client.id}#${commandId}`);
        if (program === undefined || outcome.kind !== "drained") return;
        const { confirmedCount, unconfirmed } = outcome;
        const missing = unconfirmed.length === 0 ? "" : `; not by ${unconfirmed.join(", ")}`;
        this.onOutcome(`${program} is drained: confirmed by ${confirmedCount}${missing}`);
      },
    });
    for (let number = 1; number <= NODES_PER_REGION; number += 1) {
      for (const region of REGIONS) this.#startNode(`${region}-${number}`, region);
    }
    this.world.schedule(PROGRAMS_AT_MS, () => {
      for (const [key, region] of Object.entries(PROGRAMS)) this.#startClient(key, region);
      for (const region of REGIONS) {
        this.#startClient(`caller-${region}`, region);
        this.#startClient(`proxy-${region}`, region);
      }
    });
  }

  get cutRegions(): ReadonlySet<string> {
    return this.#cutRegions;
  }

  /** Cuts of single ways: from whom to whom. */
  get cutWays(): readonly (readonly [string, string])[] {
    return [...this.#cuts].map((pair) => {
      const [from = "", to = ""] = pair.split(">");
      return [from, to] as const;
    });
  }

  /** Whether an actor is cut off from everybody. */
  isIsolated(key: string): boolean {
    return this.#isolated.has(key);
  }

  /** Share of messages between nodes that are lost. */
  get lossRatio(): number {
    return this.#lossRatio;
  }

  /** How many times as long wires between regions take. */
  get slowness(): number {
    return this.#slowness;
  }

  /** Does something to the world; what cannot be done now is left undone. */
  perform(deed: Deed): void {
    this.world.tell(deedText(deed));
    switch (deed.type) {
      case "kill":
        this.#kill(this.cast.get(deed.key), deed.isHostLost ?? false);
        break;
      case "stop": {
        const { process } = this.cast.get(deed.key);
        if (process !== undefined && isNode(process)) process.feed({ type: "shutdown" });
        break;
      }
      case "start": {
        const actor = this.cast.get(deed.key);
        if (actor.process !== undefined) break;
        if (actor.role === "node") this.#startNode(actor.key, actor.region);
        else this.#startClient(actor.key, actor.region);
        break;
      }
      case "freeze": {
        const { process } = this.cast.get(deed.key);
        if (process !== undefined) this.world.freeze(process, deed.durationMs);
        break;
      }
      case "register":
      case "drain":
      case "deregister":
        this.#command(deed.key, deed.type);
        break;
      case "move":
        this.#kill(this.cast.get(deed.key), false);
        this.#startClient(deed.key, deed.region);
        break;
      case "slow":
        this.#slowness = deed.factor;
        this.#darken();
        break;
      case "lose":
        this.#lossRatio = deed.ratio;
        this.#darken();
        break;
      default:
        this.#change(deed);
    }
  }

  /** Whether anything that one actor sends to another waits. */
  isCut(from: Actor, to: Actor): boolean {
    const isCutOff = (actor: Actor) => this.#isolated.has(actor.key);
    if (from !== to && (isCutOff(from) || isCutOff(to))) return true;
    const isBorder = from.region !== to.region;
    if (isBorder && (this.#cutRegions.has(from.region) || this.#cutRegions.has(to.region))) {
      return true;
    }
    return this.#cuts.has(`${from.key}>${to.key}`);
  }

  #change(deed: WayDeed): void {
    switch (deed.type) {
      case "cut":
        this.#cuts.add(`${deed.from}>${deed.to}`);
        break;
      case "mend":
        this.#cuts.delete(`${deed.from}>${deed.to}`);
        this.#cuts.delete(`${deed.to}>${deed.from}`);
        break;
      case "reconnect":
        this.#isolated.delete(deed.key);
        break;
      case "isolate":
        this.#isolated.add(deed.key);
        break;
      case "cut-region":
        this.#cutRegions.add(deed.region);
        break;
      case "mend-region":
        this.#cutRegions.delete(deed.region);
        break;
      case "mend-all":
        for (const cuts of [this.#cuts, this.#cutRegions, this.#isolated]) cuts.clear();
        this.#slowness = 1;
        this.#lossRatio = 0;
        this.#darken();
        break;
    }
    this.#recut();
  }

  /** Lays the cuts between the processes that there are; leaves those alone that stay. */
  #recut(): void {
    const { network } = this.world;
    const actors = this.cast.all.filter(({ process }) => process !== undefined);
    for (const from of actors) {
      for (const to of actors) {
        const pair = [from.process?.id ?? "", to.process?.id ?? ""] as const;
        const isCut = this.isCut(from, to);
        if (isCut === network.isCut(...pair)) continue;
        if (isCut) network.cut(...pair);
        else network.mend(...pair);
      }
    }
  }

  /** Makes the weather of the network what it was last asked to be. */
  #darken(): void {
    const { network } = this.world;
    for (const end of this.#clear) end();
    const fronts = [network.worsen(() => true, { lossRatio: this.#lossRatio })];
    for (const a of REGIONS) {
      for (const b of REGIONS) {
        if (a === b) continue;
        const delayMs = (this.#slowness - 1) * remoteDelayMs(a, b);
        const ways = (from: string, to: string) =>
          network.regionOf(from) === a && network.regionOf(to) === b;
        fronts.push(network.worsen(ways, { delayMs }));
      }
    }
    this.#clear = fronts;
  }

  #kill({ process }: Actor, isHostLost: boolean): void {
    if (process === undefined) return;
    if (isNode(process)) this.world.crash(process.id, isHostLost);
    else this.world.crashClient(process.id, isHostLost);
  }

  #startNode(nodeId: string, region: string): void {
    this.world.addNode({ nodeId, region, seeds: ["us-1", "eu-1", "ap-1", `${region}-2`] });
    this.#recut();
  }

  #startClient(key: string, region: string): void {
    const life = (this.#lives.get(key) ?? 0) + 1;
    this.#lives.set(key, life);
    const seeds = [1, 2, 3].map((number) => `${region}-${number}`);
    const client = this.world.addClient({ clientId: `${key}.${life}`, region, seeds });
    this.#recut();
    if (roleOf(key) !== "program") {
      client.watch(SERVICE);
      client.keepPicking(SERVICE, "round-robin", PICK_INTERVAL_MS);
    } else if (life > 1 || !this.#unregistered.has(key)) this.#command(key, "register");
  }

  #command(key: string, type: "register" | "drain" | "deregister"): void {
    const { process, region } = this.cast.get(key);
    if (process === undefined || isNode(process)) return;
    const names = { service: SERVICE, id: key };
    const client: SimClient = process;
    if (type === "drain") {
      const id = client.command({ type, ...names, timeoutMs: DRAIN_TIMEOUT_MS });
      this.#drains.set(`${client.id}#${id}`, key);
    } else if (type === "deregister") {
      client.command({ type, ...names, timeoutMs: COMMAND_TIMEOUT_MS });
    } else {
      const state = InstanceState.up;
      const body = bodyOf(region);
      const timeoutMs = COMMAND_TIMEOUT_MS;
      client.command({ type, ...names, scope: Scope.global, state, timeoutMs, body });
    }
  }
}

function remoteDelayMs(from: string, to: string): number {
  return DELAYS_MS[[from, to].sort().join("-")] ?? 0;
}

function bodyOf(region: string): Uint8Array {
  return encodeInstanceDescription({
    group: "",
    version: "1",
    region,
    zone: "",
    endpoints: [{ protocol: "http", host: "10.0.0.1", port: 80, tls: false, reach: "internal" }],
    weight: 100,
    metadata: {},
    startWallTime: 0,
  });
}
