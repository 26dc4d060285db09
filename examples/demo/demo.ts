/**
 * Three regions on one machine: six servers, the wires between them, instances of two services,
 * and an edge with a proxy and callers for each region. Every one a real process.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startWire, type Wire } from "@fpzk/wire";
import { ChildProcesses, type DemoChild } from "./child-processes.js";
import { choosePort } from "./free-port.js";
import {
  type EdgeFigures,
  readServerFigures,
  type ServerFigures,
  type Summary,
} from "./summary.js";
import {
  type CallCounts,
  delayMsBetween,
  type EdgePlan,
  FIRST_PROXY_PORT,
  INSTANCE_COUNT_PER_SERVICE,
  type InstancePlan,
  type PlannedServer,
  planServers,
  REGIONS,
  type Region,
  type Report,
  SERVICES,
} from "./topology.js";

export interface DemoServer extends PlannedServer {
  readonly address: string;
}

export interface DemoEvents {
  /** A step of the start, for people. */
  readonly onStep: (text: string) => void;
  /** A process ended that nobody stopped. */
  readonly onEnded: (child: DemoChild, how: string) => void;
}

const CLI_FILE = fileURLToPath(new URL("../../../packages/cli/dist/main.js", import.meta.url));
const START_TIMEOUT_MS = 60_000;
const POLL_INTERVAL_MS = 100;
/** Propagation is shown of this long. */
const WINDOW_MS = 20_000;
const REQUEST_TIMEOUT_MS = 1_000;
const NO_CALLS: CallCounts = { callCount: 0, failureCount: 0, lastAnswer: "", lastFailure: "" };

export class Demo {
  readonly #events: DemoEvents;
  readonly #wires: Wire[] = [];
  readonly #edges = new Map<Region, EdgeFigures>();
  readonly #proxyPorts = new Map<Region, number>();
  readonly #startedMs = performance.now();
  /** Readings of the last while, oldest first. */
  readonly #history: { readonly atMs: number; readonly servers: readonly ServerFigures[] }[] = [];
  readonly #stopping = new AbortController();
  #starting: Promise<void> | undefined;
  #folder = "";
  #children: ChildProcesses | undefined;
  #servers: readonly DemoServer[] = [];

  constructor(events: DemoEvents) {
    this.#events = events;
  }

  get servers(): readonly DemoServer[] {
    return this.#servers;
  }

  get children(): readonly DemoChild[] {
    return this.#children?.all ?? [];
  }

  /** Where the configuration files and logs are. */
  get folder(): string {
    return this.#folder;
  }

  get wireCount(): number {
    return this.#wires.length;
  }

  proxyUrl(region: Region): string {
    return `http://127.0.0.1:${this.#proxyPorts.get(region) ?? 0}`;
  }

  /** Resolves when every process is ready. */
  start(): Promise<void> {
    this.#starting = this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), "fpzk-demo-"));
    this.#children = new ChildProcesses(this.#folder, this.#events.onEnded);
    this.#servers = await this.#chooseAddresses();
    this.#stopping.signal.throwIfAborted();
    this.#events.onStep(`starting ${this.#servers.length} servers`);
    await this.#startServers(this.#children);
    this.#events.onStep("starting instances of two services, proxies and callers");
    // Clients come while the servers are still warming up, as they would after an outage.
    await Promise.all([
      this.#startInstances(this.#children),
      this.#startEdges(this.#children),
      ...this.#servers.map(({ address }) => this.#waitUntil(`http://${address}/readyz`)),
    ]);
  }

  async summary(): Promise<Summary> {
    const servers = await Promise.all(
      this.#servers.map(async ({ nodeId, address }) =>
        readServerFigures(
          nodeId,
          await get(`http://${address}/metrics`),
          await get(`http://${address}/v1/namespaces/default/services`),
        ),
      ),
    );
    const nowMs = performance.now();
    this.#history.push({ atMs: nowMs, servers });
    while ((this.#history[0]?.atMs ?? nowMs) < nowMs - WINDOW_MS) this.#history.shift();
    return {
      elapsedSeconds: (nowMs - this.#startedMs) / 1_000,
      servers,
      earlierServers: this.#history[0]?.servers ?? [],
      edges: REGIONS.map(
        (region) => this.#edges.get(region) ?? { region, direct: NO_CALLS, proxied: NO_CALLS },
      ),
    };
  }

  /** Ends every process and removes the folder. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    // A start under way ends at its next step; what it started until then is stopped, too.
    this.#children?.refuseMore();
    await this.#children?.stopAll();
    await this.#starting?.catch(() => {});
    await this.#children?.stopAll();
    await Promise.all(this.#wires.map((wire) => wire.close()));
    if (this.#folder !== "") await rm(this.#folder, { recursive: true, force: true });
  }

  async #chooseAddresses(): Promise<readonly DemoServer[]> {
    const servers: DemoServer[] = [];
    for (const planned of planServers()) {
      const port = await choosePort(planned.preferredPort);
      servers.push({ ...planned, address: `127.0.0.1:${port}` });
    }
    return servers;
  }

  async #startServers(children: ChildProcesses): Promise<void> {
    const clusterSecret = randomBytes(24).toString("hex");
    for (const server of this.#servers) {
      const configFile = join(this.#folder, `${server.nodeId}.yaml`);
      // JSON is YAML, too.
      const config = {
        nodeId: server.nodeId,
        region: server.region,
        zone: server.zone,
        host: "127.0.0.1",
        port: Number(server.address.split(":")[1]),
        seeds: this.#servers.map(({ address }) => address),
        clusterSecret,
        dialVia: await this.#layWires(server),
      };
      await writeFile(configFile, JSON.stringify(config, undefined, 2), { mode: 0o600 });
      children.forkServer(server.nodeId, CLI_FILE, ["server", "--config", configFile]);
    }
    await Promise.all(
      this.#servers.map(({ address }) => this.#waitUntil(`http://${address}/healthz`)),
    );
  }

  /** A wire to each server of another region; this server dials those instead. */
  async #layWires(from: DemoServer): Promise<Readonly<Record<string, string>>> {
    const dialVia: Record<string, string> = {};
    for (const to of this.#servers) {
      const delayMs = delayMsBetween(from.region, to.region);
      if (delayMs === 0) continue;
      const targetPort = Number(to.address.split(":")[1]);
      const wire = await startWire({ targetPort, delayMs });
      this.#wires.push(wire);
      dialVia[to.address] = wire.address;
    }
    return dialVia;
  }

  async #startInstances(children: ChildProcesses): Promise<void> {
    const file = fileURLToPath(new URL("./instance.js", import.meta.url));
    const plans = SERVICES.flatMap((service) =>
      REGIONS.flatMap((region) =>
        Array.from(
          { length: INSTANCE_COUNT_PER_SERVICE },
          (_, index): InstancePlan => ({
            service,
            id: `${service}-${region}-${index + 1}`,
            region,
            zone: `${region}-${"abcdef"[index] ?? "x"}`,
            servers: this.#serversOf(region),
          }),
        ),
      ),
    );
    await Promise.all(plans.map((plan) => startReporting(children, plan.id, file, plan)));
  }

  async #startEdges(children: ChildProcesses): Promise<void> {
    const file = fileURLToPath(new URL("./edge.js", import.meta.url));
    const plans: EdgePlan[] = [];
    for (const [index, region] of REGIONS.entries()) {
      const proxyPort = await choosePort(FIRST_PROXY_PORT + index);
      plans.push({ region, servers: this.#serversOf(region), proxyPort });
    }
    await Promise.all(
      plans.map(async (plan) => {
        const { region } = plan;
        const port = await startReporting(children, `edge-${region}`, file, plan, (report) => {
          if (report.type === "calls") this.#edges.set(region, { region, ...withoutType(report) });
        });
        this.#proxyPorts.set(region, port);
      }),
    );
  }

  async #waitUntil(url: string): Promise<void> {
    const deadlineMs = performance.now() + START_TIMEOUT_MS;
    while ((await get(url)) === undefined) {
      if (performance.now() > deadlineMs) {
        throw new Error(`${url} did not answer 200 within ${START_TIMEOUT_MS} ms`);
      }
      await sleep(POLL_INTERVAL_MS, undefined, { signal: this.#stopping.signal });
    }
  }

  #serversOf(region: Region): readonly string[] {
    return this.#servers.filter((one) => one.region === region).map(({ address }) => address);
  }
}

/** Starts a process and resolves with the port that it reports. */
function startReporting(
  children: ChildProcesses,
  name: string,
  file: string,
  plan: unknown,
  onReport: (report: Report) => void = () => {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = children.fork(name, file, plan, (report) => {
      if (report.type === "ready") {
        clearTimeout(timer);
        resolve(report.port);
      } else if (report.type === "failed") {
        clearTimeout(timer);
        reject(new Error(`${name}: ${report.message}; its log: ${child.logFile}`));
      } else onReport(report);
    });
    const timer = setTimeout(() => {
      reject(new Error(`${name} was not ready within ${START_TIMEOUT_MS} ms; see its log`));
    }, START_TIMEOUT_MS);
    child.process.once("exit", () => {
      clearTimeout(timer);
      reject(new Error(`${name} ended while starting; its log: ${child.logFile}`));
    });
  });
}

/** The text of a 2xx answer; undefined for anything else. */
async function get(url: string): Promise<string | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
    const text = await answer.text();
    return answer.ok ? text : undefined;
  } catch {
    return undefined;
  }
}

function withoutType(report: Extract<Report, { type: "calls" }>) {
  const { direct, proxied } = report;
  return { direct, proxied };
}
