/**
 * Three regions as real processes: servers with delayed wires between the regions, a proxy and
 * callers in each, and the instances of one service. Everything can be replaced while it is called.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PolicyName } from "@fpzk/client";
import { startWire, type Wire } from "@fpzk/wire";
import { RealCluster, until } from "../e2e/real-cluster.js";
import { freePort } from "../free-port.js";
import { CallerGroup } from "./caller-group.js";
import { GRPC_PREFIX } from "./grpc-service.js";
import { ManagedProcess } from "./managed-process.js";
import { GRPC_METADATA, type InstancePlan, SERVICE } from "./plan.js";

export const REGIONS = ["us", "eu", "ap"] as const;
export type Region = (typeof REGIONS)[number];

/** One way between regions. */
export const DELAY_MS = 40;
const START_TIMEOUT_MS = 120_000;
/** Callers close their end when they see the instance's; longer is a caller that stands still. */
const WIRE_END_TIMEOUT_MS = 30_000;
const PLAIN = fileURLToPath(new URL("./plain-program.js", import.meta.url));

export interface DeployStagePlan {
  /** At least two. */
  readonly regions: readonly Region[];
  readonly instancesPerRegion: number;
  readonly serversPerRegion: number;
  readonly ratePerSecond: number;
  /** In which the rate rises to that. */
  readonly rampMs: number;
  readonly seed: number;
  readonly retryCount: number;
  readonly callTimeoutMs: number;
  readonly badMs: number;
  readonly policy: PolicyName;
  /** Of all calls, by gRPC. */
  readonly grpcShare: number;
  /** Whether one instance in each region is run by `fpzk register`. */
  readonly hasPlain: boolean;
  /** More settings of each proxy's route. */
  readonly route: object;
  /** A process ended that nobody stopped. */
  readonly onUnexpectedEnd: (name: string, how: string, log: string) => void;
}

/** A place for an instance; its process changes with each deploy. */
export interface Seat {
  readonly region: Region;
  /** From 1. */
  readonly number: number;
  /** Run by `fpzk register`: its program knows nothing of FPZK. */
  readonly isPlain: boolean;
  id: string;
  port: number;
  process: ManagedProcess;
}

export interface ProxyPlace {
  readonly region: Region;
  readonly url: string;
  readonly process: ManagedProcess;
}

export class DeployStage {
  readonly plan: DeployStagePlan;
  readonly seats: Seat[] = [];
  readonly proxies: ProxyPlace[] = [];
  readonly callers: CallerGroup;
  #cluster: RealCluster | undefined;
  #folder = "";
  readonly #processes = new Set<ManagedProcess>();
  /** Between each instance and the other regions. */
  readonly #wires = new Set<Wire>();

  constructor(plan: DeployStagePlan) {
    this.plan = plan;
    this.callers = new CallerGroup();
  }

  get cluster(): RealCluster {
    if (this.#cluster === undefined) throw new Error("the stage has not started");
    return this.#cluster;
  }

  /** Resolves when every process is ready and the callers know every instance. */
  async start(version: string): Promise<void> {
    const { regions, serversPerRegion, instancesPerRegion } = this.plan;
    this.#folder = await mkdtemp(join(tmpdir(), "fpzk-deploys-"));
    this.#cluster = await RealCluster.start({
      regions,
      nodesPerRegion: serversPerRegion,
      wireDelayMs: DELAY_MS,
    });
    await Promise.all(regions.map((region) => this.#startProxy(region)));
    for (let number = 1; number <= instancesPerRegion; number += 1) {
      const made = regions.map(async (region) => {
        const isPlain = this.plan.hasPlain && number === 1;
        const id = instanceId(region, number, version);
        const started = await this.startInstance({ region, id, version, port: 0, isPlain });
        this.seats.push({ region, number, isPlain, id, ...started });
      });
      await Promise.all(made);
    }
    for (const { region, url } of this.proxies) await this.#startCallers(region, url);
  }

  /** Starts an instance; resolves when it is registered. Port 0 takes a free one. */
  async startInstance(wanted: {
    readonly region: Region;
    readonly id: string;
    readonly version: string;
    readonly port: number;
    readonly isPlain: boolean;
  }): Promise<{ port: number; process: ManagedProcess }> {
    const { region, id, version, isPlain } = wanted;
    if (isPlain) {
      const port = wanted.port === 0 ? await freePort() : wanted.port;
      const args = [
        ...["register", "--service", SERVICE, "--id", id, "--port", `${port}`],
        ...["--host", "127.0.0.1", "--region", region, "--version-tag", version],
        ...["--server", this.serversOf(region).join(",")],
        ...["--", process.execPath, PLAIN, id, version],
      ];
      const started = this.#fpzk(id, args);
      await started.says(/registered /, START_TIMEOUT_MS);
      return { port, process: started };
    }
    const port = wanted.port === 0 ? await freePort() : wanted.port;
    const grpcPort = await freePort();
    const startTo = (targetPort: number) => startWire({ targetPort, delayMs: DELAY_MS });
    const [wire, grpcWire] = await Promise.all([startTo(port), startTo(grpcPort)]);
    const plan: InstancePlan = {
      ...{ id, region, version, port, grpcPort },
      servers: this.serversOf(region),
      publicPort: wire.port,
      publicGrpcPort: grpcWire.port,
    };
    for (const one of [wire, grpcWire]) this.#wires.add(one);
    const started = this.#fork(id, "./instance.js", plan);
    started.child.once("exit", () => {
      // What it sent last is still in the wires.
      for (const one of [wire, grpcWire]) {
        void one.end(WIRE_END_TIMEOUT_MS).then(() => this.#wires.delete(one));
      }
    });
    await ready(started);
    return { port, process: started };
  }

  /** Ends a process as a deploy does; its exit code is 0 when it left well. */
  async stop(process: ManagedProcess): Promise<number | null> {
    const exitCode = await process.stop();
    this.#processes.delete(process);
    return exitCode;
  }

  serversOf(region: Region): readonly string[] {
    return this.cluster.servers
      .filter((server) => server.region === region)
      .map(({ address }) => address);
  }

  async close(): Promise<void> {
    for (const process of this.#processes) process.killGroup();
    await Promise.all([...this.#wires].map((wire) => wire.close()));
    await this.#cluster?.close();
    if (this.#folder !== "") await rm(this.#folder, { recursive: true, force: true });
  }

  async #startProxy(region: Region): Promise<void> {
    const port = await freePort();
    const configFile = join(this.#folder, `proxy-${region}.yaml`);
    const shared = { retryCount: this.plan.retryCount, policy: this.plan.policy };
    // JSON is YAML, too.
    const config = {
      ...{ port, region, workers: 1, log: "json", drainTimeout: "30s" },
      registry: { servers: this.serversOf(region) },
      routes: [
        {
          service: SERVICE,
          pathPrefix: GRPC_PREFIX,
          filter: { metadata: GRPC_METADATA },
          ...shared,
        },
        {
          ...{ service: SERVICE, pathPrefix: `/${SERVICE}`, stripPrefix: true },
          ...shared,
          ...this.plan.route,
        },
      ],
    };
    await writeFile(configFile, JSON.stringify(config));
    const started = this.#fpzk(`proxy-${region}`, ["proxy", "--config", configFile]);
    await started.says(/"event":"proxy.ready"/, START_TIMEOUT_MS);
    this.proxies.push({ region, url: `http://127.0.0.1:${port}`, process: started });
  }

  async #startCallers(region: Region, proxyUrl: string): Promise<void> {
    const { regions, ratePerSecond, seed, callTimeoutMs } = this.plan;
    const { retryCount, badMs, policy, grpcShare, rampMs } = this.plan;
    const process = this.#fork(`callers-${region}`, "./caller.js", {
      ...{ region, proxyUrl, retryCount, badMs, policy, grpcShare, rampMs },
      timeoutMs: callTimeoutMs,
      servers: this.serversOf(region),
      ratePerSecond: ratePerSecond / regions.length,
      seed: seed + regions.indexOf(region),
    });
    await ready(process);
    this.callers.add(region, process);
  }

  #fpzk(name: string, args: readonly string[]): ManagedProcess {
    return this.#keep(ManagedProcess.fpzk(name, args, (one, how) => this.#ended(one, how)));
  }

  #fork(name: string, file: string, plan: unknown): ManagedProcess {
    return this.#keep(ManagedProcess.fork(name, file, plan, (one, how) => this.#ended(one, how)));
  }

  #keep(process: ManagedProcess): ManagedProcess {
    this.#processes.add(process);
    return process;
  }

  #ended(process: ManagedProcess, how: string): void {
    this.plan.onUnexpectedEnd(process.name, how, process.log);
  }
}

export function instanceId(region: Region, number: number, version: string): string {
  return `${SERVICE}-${region}-${number}-${version}`;
}

async function ready(process: ManagedProcess): Promise<void> {
  let isReady = false;
  process.child.once("message", () => {
    isReady = true;
  });
  await until(`${process.name} ready`, START_TIMEOUT_MS, () => {
    if (process.hasEnded) throw new Error(`${process.name} has ended:\n${process.log}`);
    return isReady;
  });
}
