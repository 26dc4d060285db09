/**
 * Regions of FPZKServers as real processes on loopback, with delayed wires between the regions that
 * can be cut. Only processes started here are stopped, by pid.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type ConnectOptions, connect, type FpzkClient } from "@fpzk/client";
import { startWire, type Wire } from "@fpzk/wire";
import { freePort } from "../free-port.js";
import { type Answer, type Exchange, exchange } from "./http-exchange.js";
import type { InstancePlan } from "./instance-process.js";
import { type Ended, runFpzk, spawnFpzk } from "./run-fpzk.js";

const INSTANCE = fileURLToPath(new URL("./instance-process.js", import.meta.url));
/** Six processes start at once, maybe on a machine that is busy with other tests. */
const START_TIMEOUT_MS = 60_000;
const LOG_MAX_LENGTH = 2_000_000;
export const CLUSTER_SECRET = "a secret that only the servers of this test know";

/** What a test may want otherwise. */
export interface ClusterPlan {
  /** Default: us, eu, ap. */
  readonly regions?: readonly string[];
  /** Default 2. */
  readonly nodesPerRegion?: number;
  /** One way between regions; `none` connects them without wires. Default 40. */
  readonly wireDelayMs?: number | "none";
  /** More flags of a server's command line. */
  readonly flags?: (nodeId: string) => readonly string[];
  /** The servers speak TLS and this CA is to be trusted. */
  readonly caFile?: string;
  /** What clients and requests of the test present unless they say otherwise. */
  readonly token?: string;
}

export interface RealServer {
  readonly nodeId: string;
  readonly region: string;
  readonly address: string;
  readonly port: number;
  process: ChildProcess | undefined;
  /** What it wrote on standard error, for a failed test. */
  log: string;
}

interface RegionWire {
  readonly from: RealServer;
  readonly to: RealServer;
  readonly wire: Wire;
}

export class RealCluster {
  readonly servers: readonly RealServer[];
  readonly #plan: ClusterPlan;
  readonly #wires: RegionWire[];
  readonly #clients: FpzkClient[] = [];
  readonly #instances: ChildProcess[] = [];
  readonly #ca: string | undefined;

  private constructor(servers: readonly RealServer[], wires: RegionWire[], plan: ClusterPlan) {
    this.servers = servers;
    this.#wires = wires;
    this.#plan = plan;
    this.#ca = plan.caFile === undefined ? undefined : readFileSync(plan.caFile, "utf8");
  }

  /** Starts everything and waits until each server is ready and sees all others. */
  static async start(plan: ClusterPlan = {}): Promise<RealCluster> {
    const { regions = ["us", "eu", "ap"], nodesPerRegion = 2, wireDelayMs = 40 } = plan;
    const servers: RealServer[] = [];
    for (const region of regions) {
      for (let number = 1; number <= nodesPerRegion; number += 1) {
        const port = await freePort();
        const address = `127.0.0.1:${port}`;
        const nodeId = `${region}-${number}`;
        servers.push({ nodeId, region, address, port, process: undefined, log: "" });
      }
    }
    const wires: RegionWire[] = [];
    for (const from of wireDelayMs === "none" ? [] : servers) {
      for (const to of servers.filter((server) => server.region !== from.region)) {
        const wire = await startWire({ targetPort: to.port, delayMs: Number(wireDelayMs) });
        wires.push({ from, to, wire });
      }
    }
    const cluster = new RealCluster(servers, wires, plan);
    for (const server of servers) cluster.startServer(server.nodeId);
    try {
      await Promise.all(servers.map((server) => cluster.ready(server.nodeId)));
      await cluster.seesAll();
    } catch (error) {
      const { logs } = cluster;
      await cluster.close();
      throw new Error(`the cluster did not start:\n${logs}`, { cause: error });
    }
    return cluster;
  }

  server(nodeId: string): RealServer {
    const server = this.servers.find((each) => each.nodeId === nodeId);
    if (server === undefined) throw new Error(`no server ${nodeId}`);
    return server;
  }

  startServer(nodeId: string): void {
    const server = this.server(nodeId);
    const via = this.#wires
      .filter(({ from }) => from === server)
      .map(({ to, wire }) => `${to.address}=${wire.address}`);
    const seeds = this.servers.filter((each) => each.nodeId.endsWith("-1") && each !== server);
    const args = [
      ...["server", "--node-id", nodeId, "--region", server.region, "--port", `${server.port}`],
      ...(seeds.length === 0 ? [] : ["--seeds", seeds.map((seed) => seed.address).join(",")]),
      ...["--cluster-secret", CLUSTER_SECRET],
      ...(via.length === 0 ? [] : ["--dial-via", via.join(",")]),
      ...["--log", "json", ...(this.#plan.flags?.(nodeId) ?? [])],
    ];
    const child = spawnFpzk(args);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        server.log = `${server.log}${text}`.slice(-LOG_MAX_LENGTH);
      });
    }
    server.process = child;
  }

  urlOf(nodeId: string, path = ""): string {
    const scheme = this.#ca === undefined ? "http" : "https";
    return `${scheme}://${this.server(nodeId).address}${path}`;
  }

  /** One exchange with one server. */
  request(nodeId: string, path: string, wanted: Exchange = {}): Promise<Answer> {
    return exchange(this.urlOf(nodeId, path), {
      ca: this.#ca,
      token: this.#plan.token,
      ...wanted,
    });
  }

  /** `fpzk COMMAND`, told of one server. */
  fpzk(nodeId: string, ...args: readonly string[]): Promise<Ended> {
    const { caFile, token } = this.#plan;
    const trust = caFile === undefined ? [] : ["--ca-file", caFile];
    return runFpzk(
      [...args, "--server", this.urlOf(nodeId), ...trust],
      token === undefined ? {} : { FPZK_TOKEN: token },
    );
  }

  /** Waits until a server answers that it is ready. */
  async ready(nodeId: string): Promise<void> {
    await until(`${nodeId} ready`, START_TIMEOUT_MS, async () => {
      const { process } = this.server(nodeId);
      if (process?.exitCode !== null) throw new Error(`${nodeId} has ended`);
      return (await this.request(nodeId, "/readyz")).status === 200;
    });
  }

  /** Waits until every running server sees all others alive. */
  async seesAll(): Promise<void> {
    const running = this.servers.filter((server) => server.process !== undefined);
    await until("all servers see each other", START_TIMEOUT_MS, async () => {
      for (const server of running) {
        const alive = await this.aliveNodes(server.nodeId);
        if (alive.length < running.length) return false;
      }
      return true;
    });
  }

  /** Ids of the nodes that one server sees alive. */
  async aliveNodes(nodeId: string): Promise<string[]> {
    const { body } = await this.request(nodeId, "/v1/nodes");
    const { nodes } = body as { nodes: { nodeId: string; status: string }[] };
    return nodes.flatMap((node) => (node.status === "alive" ? [node.nodeId] : [])).sort();
  }

  async stopServer(nodeId: string, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const server = this.server(nodeId);
    const child = server.process;
    if (child === undefined) return;
    server.process = undefined;
    // It may have ended by itself, or by a Ctrl-C that reached the whole group.
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }

  /** Cuts a region off from the others: nothing passes, nobody is told. */
  cutRegion(region: string, isCut: boolean): void {
    for (const { from, to, wire } of this.#wires) {
      if ((from.region === region) !== (to.region === region)) wire.blackhole(isCut);
    }
  }

  /** A client in this process, of one region. */
  async client(region: string, options: ConnectOptions = {}): Promise<FpzkClient> {
    const { caFile, token } = this.#plan;
    const servers = this.servers.filter((server) => server.region === region);
    const client = await connect({
      servers: servers.map((server) => server.address),
      region,
      ...(caFile === undefined ? {} : { tls: { caFile } }),
      ...(token === undefined ? {} : { token }),
      ...options,
    });
    this.#clients.push(client);
    return client;
  }

  /** An instance in a process of its own; resolves when it is registered. */
  async instance(plan: InstancePlan): Promise<ChildProcess> {
    const servers = this.servers
      .filter((server) => server.region === plan.region)
      .map((server) => server.address);
    const child = fork(INSTANCE, [JSON.stringify({ ...plan, servers })], { stdio: "inherit" });
    this.#instances.push(child);
    await once(child, "message");
    return child;
  }

  /** What one server's REST answers of a service. */
  async query(nodeId: string, service: string): Promise<{ id: string; liveness: string }[]> {
    const { body } = await this.request(nodeId, `/v1/services/${service}`);
    return (body as { instances: { id: string; liveness: string }[] }).instances;
  }

  async close(): Promise<void> {
    for (const client of this.#clients) await client.close();
    for (const child of this.#instances) if (child.exitCode === null) child.kill("SIGKILL");
    await Promise.all(this.servers.map((server) => this.stopServer(server.nodeId, "SIGKILL")));
    await Promise.all(this.#wires.map(({ wire }) => wire.close()));
  }

  /** The servers' last words, for a failed test. */
  get logs(): string {
    return this.servers.map((server) => `--- ${server.nodeId}\n${server.log}`).join("\n");
  }
}

/** Waits until a condition holds; asks again every 50 ms and fails with what was awaited. */
export async function until(
  what: string,
  timeoutMs: number,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      if (await condition()) return;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() >= deadline) {
      throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`, { cause: lastError });
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
