/**
 * Three regions of two FPZKServers each, as real processes on loopback, with delayed wires between
 * the regions that can be cut. Only processes started here are stopped, by pid.
 */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { connect, type FpzkClient } from "@fpzk/client";
import { startWire, type Wire } from "@fpzk/wire";

const FPZK = fileURLToPath(new URL("../../../packages/cli/dist/main.js", import.meta.url));
const INSTANCE = fileURLToPath(new URL("./instance-process.js", import.meta.url));
const REGIONS = ["us", "eu", "ap"] as const;
const NODES_PER_REGION = 2;
/** One way between regions. */
const WIRE_DELAY_MS = 40;
const PORT_MIN = 15_000;
const PORT_MAX = 32_000;

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
  readonly #wires: RegionWire[];
  readonly #clients: FpzkClient[] = [];
  readonly #instances: ChildProcess[] = [];

  private constructor(servers: readonly RealServer[], wires: RegionWire[]) {
    this.servers = servers;
    this.#wires = wires;
  }

  /** Starts everything and waits until each server is ready and sees all others. */
  static async start(): Promise<RealCluster> {
    const servers: RealServer[] = [];
    for (const region of REGIONS) {
      for (let number = 1; number <= NODES_PER_REGION; number += 1) {
        const port = await freePort();
        const address = `127.0.0.1:${port}`;
        const nodeId = `${region}-${number}`;
        servers.push({ nodeId, region, address, port, process: undefined, log: "" });
      }
    }
    const wires: RegionWire[] = [];
    for (const from of servers) {
      for (const to of servers.filter((server) => server.region !== from.region)) {
        const wire = await startWire({ targetPort: to.port, delayMs: WIRE_DELAY_MS });
        wires.push({ from, to, wire });
      }
    }
    const cluster = new RealCluster(servers, wires);
    try {
      for (const server of servers) cluster.startServer(server.nodeId);
      await Promise.all(servers.map((server) => cluster.ready(server.nodeId)));
      await cluster.seesAll();
      return cluster;
    } catch (error) {
      // The caller has nothing yet that it could close.
      await cluster.close();
      throw new Error(`the servers did not start:\n${cluster.logs}`, { cause: error });
    }
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
    const seeds = this.servers.filter((each) => each.nodeId.endsWith("-1"));
    const args = [
      ...["server", "--node-id", nodeId, "--region", server.region, "--port", `${server.port}`],
      ...["--seeds", seeds.map((seed) => seed.address).join(",")],
      ...["--cluster-secret", "a secret that only the servers of this test know"],
      ...["--dial-via", via.join(","), "--log", "json"],
    ];
    const child = spawn(process.execPath, [FPZK, ...args], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    child.stderr?.setEncoding("utf8");
    child.stderr?.on("data", (text: string) => {
      server.log = `${server.log}${text}`.slice(-20_000);
    });
    server.process = child;
  }

  /** Waits until a server answers that it is ready. */
  async ready(nodeId: string): Promise<void> {
    const server = this.server(nodeId);
    await until(`${nodeId} ready`, 20_000, async () => {
      const answer = await fetch(`http://${server.address}/readyz`);
      return answer.status === 200;
    });
  }

  /** Waits until every running server sees all others alive. */
  async seesAll(): Promise<void> {
    const running = this.servers.filter((server) => server.process !== undefined);
    await until("all servers see each other", 20_000, async () => {
      for (const server of running) {
        const answer = await fetch(`http://${server.address}/v1/nodes`);
        const { nodes } = (await answer.json()) as { nodes: { status: string }[] };
        const alive = nodes.filter((node) => node.status === "alive");
        if (alive.length < running.length) return false;
      }
      return true;
    });
  }

  async stopServer(nodeId: string, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const server = this.server(nodeId);
    const child = server.process;
    if (child === undefined) return;
    server.process = undefined;
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
  async client(region: string): Promise<FpzkClient> {
    const servers = this.servers.filter((server) => server.region === region);
    const client = await connect({
      servers: servers.map((server) => server.address),
      region,
    });
    this.#clients.push(client);
    return client;
  }

  /** An instance in a process of its own; resolves when it is registered. */
  async instance(plan: { region: string; service: string; id: string }): Promise<ChildProcess> {
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
    const { address } = this.server(nodeId);
    const answer = await fetch(`http://${address}/v1/services/${service}`);
    const body = (await answer.json()) as { instances: { id: string; liveness: string }[] };
    return body.instances;
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

/**
 * A port that nobody listens on, below those that systems give to connections: one of these could
 * be taken by a wire or a client before the server that it was chosen for listens on it.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORT_MIN, PORT_MAX);
    const server = createServer();
    server.listen(port, "127.0.0.1");
    try {
      await once(server, "listening");
    } catch {
      continue;
    }
    server.close();
    await once(server, "close");
    return port;
  }
}
