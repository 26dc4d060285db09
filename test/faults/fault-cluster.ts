/**
 * Regions of FPZKServers as real processes on loopback addresses of their own, with wires between
 * them, that can be killed, stopped, cut off and restarted one by one.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startWire, type Wire } from "@fpzk/wire";
import { exchange } from "../e2e/http-exchange.js";
import { until } from "../e2e/real-cluster.js";
import { freePort } from "../free-port.js";
import type { NodeContent } from "./convergence.js";
import { clockMs, type LogLine } from "./log-line.js";
import { LogTail } from "./log-tail.js";
import { logFile } from "./recorder.js";

const FPZK = fileURLToPath(new URL("../../../packages/cli/dist/main.js", import.meta.url));
const PRELOAD = new URL("./server-preload.js", import.meta.url).href;
/** Nine processes start at once, maybe on a machine that is busy with other work. */
const START_TIMEOUT_MS = 120_000;
const CLUSTER_SECRET = "a secret that only the servers of this run know";

export interface FaultClusterPlan {
  readonly regions?: readonly string[];
  readonly nodesPerRegion?: number;
  /** One way between regions. Default 20. */
  readonly wireDelayMs?: number;
  /** Where there are wires: between regions (default) or between any two servers. */
  readonly wires?: "regions" | "all";
  /** More flags of a server's command line. */
  readonly flags?: (nodeId: string) => readonly string[];
  /** Flags of Node.js itself. */
  readonly nodeFlags?: (nodeId: string) => readonly string[];
  /** A command to run the server under, such as `prlimit --nofile=100`. */
  readonly under?: (nodeId: string) => readonly string[];
  /** More seeds for every server. */
  readonly moreSeeds?: readonly string[];
}

export interface FaultServer {
  readonly nodeId: string;
  readonly region: string;
  readonly host: string;
  readonly port: number;
  readonly address: string;
  process: ChildProcess | undefined;
  isStopped: boolean;
}

export interface ServerWire {
  readonly from: FaultServer;
  readonly to: FaultServer;
  readonly wire: Wire;
}

export class FaultCluster {
  readonly servers: readonly FaultServer[];
  readonly wires: readonly ServerWire[];
  readonly #plan: FaultClusterPlan;
  readonly #folder: string;
  readonly #tell: (line: LogLine) => void;
  readonly #tails: readonly LogTail[];

  private constructor(
    parts: { servers: readonly FaultServer[]; wires: readonly ServerWire[] },
    plan: FaultClusterPlan,
    folder: string,
    tell: (line: LogLine) => void,
  ) {
    this.servers = parts.servers;
    this.wires = parts.wires;
    this.#plan = plan;
    this.#folder = folder;
    this.#tell = tell;
    this.#tails = parts.servers.map(({ nodeId }) => new LogTail(folder, nodeId));
  }

  /** Plans servers and wires; nothing runs but the wires until {@link startAll}. */
  static async prepare(
    plan: FaultClusterPlan,
    folder: string,
    tell: (line: LogLine) => void,
  ): Promise<FaultCluster> {
    const { nodesPerRegion = 3, regions = ["us", "eu", "ap"], wireDelayMs = 20 } = plan;
    const servers: FaultServer[] = [];
    for (const [index, region] of regions.entries()) {
      for (let number = 1; number <= nodesPerRegion; number += 1) {
        const host = `127.0.${10 + index}.${number}`;
        const port = await freePort(host);
        servers.push({
          ...{ nodeId: `${region}-${number}`, region, host, port, address: `${host}:${port}` },
          ...{ process: undefined, isStopped: false },
        });
      }
    }
    const wires: ServerWire[] = [];
    for (const from of servers) {
      for (const to of servers) {
        const isNear = to.region === from.region;
        if (to === from || (isNear && plan.wires !== "all")) continue;
        const delayMs = isNear ? 0 : wireDelayMs;
        const wire = await startWire({ targetHost: to.host, targetPort: to.port, delayMs });
        wires.push({ from, to, wire });
      }
    }
    return new FaultCluster({ servers, wires }, plan, folder, tell);
  }

  get regions(): readonly string[] {
    return [...new Set(this.servers.map((server) => server.region))];
  }

  get running(): readonly FaultServer[] {
    return this.servers.filter((server) => server.process !== undefined && !server.isStopped);
  }

  get pids(): readonly number[] {
    return this.servers.flatMap((server) => server.process?.pid ?? []);
  }

  of(region: string): readonly FaultServer[] {
    return this.servers.filter((server) => server.region === region);
  }

  server(nodeId: string): FaultServer {
    const server = this.servers.find((each) => each.nodeId === nodeId);
    if (server === undefined) throw new Error(`no server ${nodeId}`);
    return server;
  }

  async startAll(): Promise<void> {
    for (const server of this.servers) this.start(server.nodeId);
    await Promise.all(this.servers.map((server) => this.ready(server.nodeId)));
    await this.seesAll();
  }

  start(nodeId: string): void {
    const server = this.server(nodeId);
    const { flags, moreSeeds = [], nodeFlags, under } = this.#plan;
    const via = this.wires
      .filter(({ from }) => from === server)
      .map(({ to, wire }) => `${to.address}=${wire.address}`);
    const seeds = this.servers.filter((each) => each.nodeId.endsWith("-1") && each !== server);
    const seedAddresses = [...seeds.map((seed) => seed.address), ...moreSeeds];
    const command = [
      ...(under?.(nodeId) ?? []),
      ...[process.execPath, ...(nodeFlags?.(nodeId) ?? []), `--import=${PRELOAD}`, FPZK],
      ...["server", "--node-id", nodeId, "--region", server.region],
      ...["--host", server.host, "--port", `${server.port}`],
      ...["--seeds", seedAddresses.join(",")],
      ...["--cluster-secret", CLUSTER_SECRET, "--log", "json"],
      ...(via.length === 0 ? [] : ["--dial-via", via.join(",")]),
      ...(flags?.(nodeId) ?? []),
    ];
    const log = openSync(this.logOf(nodeId), "a");
    const child = spawn(command[0] ?? "", command.slice(1), {
      stdio: ["ignore", log, log],
      env: {
        PATH: process.env["PATH"] ?? "",
        FAULTS_CLOCK_FILE: this.#clockFileOf(nodeId),
        FAULTS_NODE_ID: nodeId,
        FAULTS_STALL_FILE: logFile(this.#folder, nodeId, 1),
      },
    });
    closeSync(log);
    server.process = child;
    server.isStopped = false;
    child.once("exit", () => {
      if (server.process !== child) return;
      server.process = undefined;
      this.#tellOf("killed", server);
    });
    this.#tellOf("started", server);
  }

  /** Sends a signal; SIGKILL and SIGTERM resolve when the process is gone. */
  async signal(nodeId: string, signal: NodeJS.Signals): Promise<void> {
    const server = this.server(nodeId);
    const child = server.process;
    if (child === undefined) return;
    if (signal === "SIGSTOP" || signal === "SIGCONT") {
      server.isStopped = signal === "SIGSTOP";
      this.#tellOf(server.isStopped ? "stopped" : "continued", server);
      child.kill(signal);
      return;
    }
    const exited = once(child, "exit");
    if (signal === "SIGKILL") {
      server.process = undefined;
      this.#tellOf("killed", server);
    }
    child.kill(signal);
    await exited;
  }

  /** Steps one server's wall clock away from the machine's. */
  shiftClock(nodeId: string, shiftMs: number): void {
    writeFileSync(this.#clockFileOf(nodeId), `${shiftMs}`);
    this.server(nodeId).process?.kill("SIGUSR2");
  }

  /** Lets one server's heap fill up until V8 ends the process; resolves when it has ended. */
  async exhaustHeap(nodeId: string): Promise<void> {
    const child = this.server(nodeId).process;
    if (child === undefined) return;
    const exited = once(child, "exit");
    writeFileSync(this.#clockFileOf(nodeId), "leak");
    child.kill("SIGUSR2");
    await exited;
    writeFileSync(this.#clockFileOf(nodeId), "0");
  }

  /** Waits until a server answers that it is ready. */
  async ready(nodeId: string): Promise<void> {
    await until(`${nodeId} ready`, START_TIMEOUT_MS, async () => {
      const { process: child } = this.server(nodeId);
      if (child === undefined || child.exitCode !== null) {
        throw new Error(`${nodeId} has ended:\n${this.logTail(nodeId)}`);
      }
      return (await this.get(nodeId, "/readyz")).status === 200;
    });
  }

  /** Waits until a server answers at all: it may not be ready while no peer can fill it. */
  async answers(nodeId: string): Promise<void> {
    await until(`${nodeId} answers`, START_TIMEOUT_MS, async () => {
      const { process: child } = this.server(nodeId);
      if (child === undefined || child.exitCode !== null) {
        throw new Error(`${nodeId} has ended:\n${this.logTail(nodeId)}`);
      }
      return (await this.get(nodeId, "/healthz")).status === 200;
    });
  }

  /** Waits until every running server sees all running ones alive. */
  async seesAll(): Promise<void> {
    const wanted = this.running.map((server) => server.nodeId);
    await until("all servers see each other", START_TIMEOUT_MS, async () => {
      for (const nodeId of wanted) {
        const alive = await this.aliveNodes(nodeId);
        if (!wanted.every((each) => alive.includes(each))) return false;
      }
      return true;
    });
  }

  async aliveNodes(nodeId: string): Promise<readonly string[]> {
    const { body } = await this.get(nodeId, "/v1/nodes");
    const { nodes } = body as { nodes: { nodeId: string; status: string }[] };
    return nodes.filter((node) => node.status === "alive").map((node) => node.nodeId);
  }

  get(nodeId: string, path: string): Promise<{ status: number; body: unknown }> {
    return exchange(`http://${this.server(nodeId).address}${path}`);
  }

  /** Every instance that a server holds, by `service/id`. */
  async contentOf(nodeId: string): Promise<NodeContent> {
    const list = await this.get(nodeId, "/v1/services?limit=10000");
    const { services } = list.body as { services: { service: string }[] };
    const content: NodeContent = new Map();
    for (const { service } of services) {
      const { body } = await this.get(nodeId, `/v1/services/${encodeURIComponent(service)}`);
      const { instances } = body as { instances: RestInstance[] };
      for (const { id, liveness, metadata, ownerNodeId, stamp, state } of instances) {
        const { claim, incarnation, session } = stamp;
        content.set(`${service}/${id}`, {
          stamp: [incarnation, session, claim],
          ...{ state, liveness, ownerNodeId },
          owner: metadata["owner"] ?? "",
          serial: Number(metadata["serial"] ?? 0),
        });
      }
    }
    return content;
  }

  /** One value of a server's metrics. */
  async metric(nodeId: string, name: string): Promise<number> {
    const { body } = await this.get(nodeId, "/metrics");
    const line = String(body)
      .split("\n")
      .find((each) => each.startsWith(`${name} `));
    return Number(line?.slice(name.length + 1));
  }

  /** Resident memory of a server by the kernel. */
  residentBytes(nodeId: string): number {
    const { process: child } = this.server(nodeId);
    if (child?.pid === undefined) return 0;
    const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  }

  /** Wires between one region and all others. */
  wiresOf(region: string): readonly ServerWire[] {
    return this.wires.filter(({ from, to }) => (from.region === region) !== (to.region === region));
  }

  /** Nothing passes between a region and the others; nobody is told. */
  cutRegion(region: string, isCut: boolean): void {
    for (const { wire } of this.wiresOf(region)) wire.blackhole(isCut);
  }

  logOf(nodeId: string): string {
    return join(this.#folder, `server-${nodeId}.log`);
  }

  logTail(nodeId: string): string {
    return readFileSync(this.logOf(nodeId), "utf8").slice(-2_000);
  }

  /** Every line of a server's log that holds a text. */
  logLines(nodeId: string, text: string): readonly string[] {
    return readFileSync(this.logOf(nodeId), "utf8")
      .split("\n")
      .filter((line) => line.includes(text));
  }

  /** Hands on what servers said of themselves since the last call. */
  readLogs(): void {
    for (const tail of this.#tails) tail.read(this.#tell);
  }

  async close(): Promise<void> {
    for (const tail of this.#tails) tail.close();
    await Promise.all(this.servers.map((server) => this.signal(server.nodeId, "SIGKILL")));
    await Promise.all(this.wires.map(({ wire }) => wire.close()));
  }

  #clockFileOf(nodeId: string): string {
    return join(this.#folder, `clock-${nodeId}`);
  }

  #tellOf(type: "killed" | "stopped" | "continued" | "started", server: FaultServer): void {
    this.#tell({ type, at: clockMs(), process: server.nodeId, isServer: true });
  }
}

interface RestInstance {
  readonly id: string;
  readonly stamp: { incarnation: number; session: number; claim: number };
  readonly state: string;
  readonly liveness: string;
  readonly ownerNodeId: string;
  readonly metadata: Readonly<Record<string, string>>;
}
