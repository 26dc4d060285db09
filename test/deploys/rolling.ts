/**
 * Deploys: every instance, every FPZKServer or every FPZKProxy is replaced, some at a time.
 *
 * Instances are replaced in two ways in turn: beside each other (the new one is registered before
 * the old one leaves), and in place (the old one leaves, the new one takes its id and its port).
 */
import { type DeployStage, instanceId, type Region, type Seat } from "./deploy-stage.js";

export const TIERS = ["instances", "servers", "proxies"] as const;
export type Tier = (typeof TIERS)[number];

/** Until a proxy's new generation answers and its old one has ended. */
const PROXY_TIMEOUT_MS = 120_000;

export class Rolling {
  readonly counts: Record<Tier, number> = { instances: 0, servers: 0, proxies: 0 };
  /** Processes that were replaced. */
  replacedCount = 0;
  readonly #stage: DeployStage;
  /** What each tier is doing now. */
  readonly #steps = new Map<Tier, string>();

  constructor(stage: DeployStage) {
    this.#stage = stage;
  }

  /** What is being replaced now. */
  get step(): string {
    return [...this.#steps.values()].join(" · ");
  }

  /** Every instance, then every server and every proxy. */
  async round(): Promise<void> {
    await this.deploy("instances");
    await Promise.all([this.deploy("servers"), this.deploy("proxies")]);
  }

  /** One deploy; resolves when everything of the tier is new. */
  async deploy(tier: Tier): Promise<void> {
    const number = this.counts[tier] + 1;
    this.#steps.set(tier, tier);
    if (tier === "instances") await this.#deployInstances(number);
    else if (tier === "servers") await this.#deployServers();
    else await this.#deployProxies();
    this.#steps.delete(tier);
    this.counts[tier] = number;
  }

  /** One of each region at once. */
  async #deployInstances(deploy: number): Promise<void> {
    const { seats, plan } = this.#stage;
    const version = `v${deploy + 1}`;
    for (let number = 1; number <= plan.instancesPerRegion; number += 1) {
      const isInPlace = (deploy + number) % 2 === 0;
      const how = isInPlace ? "in place" : "beside the old";
      this.#steps.set("instances", `instance ${number} ${version} ${how}`);
      const wave = seats.filter((seat) => seat.number === number);
      await Promise.all(wave.map((seat) => this.#replace(seat, version, isInPlace)));
      this.replacedCount += wave.length;
    }
  }

  async #replace(seat: Seat, version: string, isInPlace: boolean): Promise<void> {
    const { region, number, isPlain, process: old } = seat;
    const stage = this.#stage;
    if (isInPlace) {
      await this.#leave(seat.id, old);
      const { id, port } = seat;
      Object.assign(seat, await stage.startInstance({ region, id, version, port, isPlain }));
      return;
    }
    const id = instanceId(region, number, version);
    const started = await stage.startInstance({ region, id, version, port: 0, isPlain });
    const oldId = seat.id;
    Object.assign(seat, { id, ...started });
    await this.#leave(oldId, old);
  }

  async #leave(id: string, process: Seat["process"]): Promise<void> {
    const exitCode = await this.#stage.stop(process);
    if (exitCode === 0) return;
    throw new Error(
      `instance ${id} left with exit code ${exitCode}:\n${process.log.slice(-4_000)}`,
    );
  }

  /** One of each region at once. */
  async #deployServers(): Promise<void> {
    const { cluster, plan } = this.#stage;
    for (let number = 1; number <= plan.serversPerRegion; number += 1) {
      this.#steps.set("servers", `server ${number}`);
      await Promise.all(plan.regions.map((region) => this.#restartServer(`${region}-${number}`)));
      await cluster.seesAll();
      this.replacedCount += plan.regions.length;
    }
  }

  async #restartServer(nodeId: string): Promise<void> {
    const { cluster } = this.#stage;
    await cluster.stopServer(nodeId, "SIGTERM");
    cluster.startServer(nodeId);
    await cluster.ready(nodeId);
  }

  /** All regions at once: each has one. */
  async #deployProxies(): Promise<void> {
    const { regions } = this.#stage.plan;
    await Promise.all(regions.map((region) => this.#upgradeProxy(region)));
    this.replacedCount += regions.length;
  }

  async #upgradeProxy(region: Region): Promise<void> {
    const proxy = this.#stage.proxies.find((each) => each.region === region)?.process;
    if (proxy === undefined) throw new Error(`no proxy in ${region}`);
    const from = proxy.log.length;
    proxy.kill("SIGHUP");
    await proxy.says(/"event":"workers.upgraded"/, PROXY_TIMEOUT_MS, from);
  }
}
