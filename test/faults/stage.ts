/**
 * Where a scenario plays: a cluster, client processes, the checker that reads their logs meanwhile,
 * and the table of what was measured. Everything is gone when it closes.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Checker } from "./checker.js";
import { ClientGroup } from "./client-group.js";
import type { LoadPlan } from "./client-process.js";
import { differencesOf, type NodeContent, untruthsOf } from "./convergence.js";
import { FaultCluster, type FaultClusterPlan } from "./fault-cluster.js";
import { clockMs, type LogLine } from "./log-line.js";
import type { ProgramPlan } from "./program.js";

export interface ClientsPlan {
  readonly processCount: number;
  readonly sessionsEach: number;
  /** Default 6. */
  readonly serviceCount?: number;
  /** Every how many-th session watches. Default 3. */
  readonly watchEvery?: number;
  /** Only sessions of these regions. Default: all. */
  readonly regions?: readonly string[];
  /** Start of the processes' names. Default `c`. */
  readonly prefix?: string;
  readonly startsAtOnce?: number;
}

export interface Row {
  readonly what: string;
  readonly measured: string;
  /** Undefined: a measurement, which cannot fail. */
  readonly isGood: boolean | undefined;
}

const READ_INTERVAL_MS = 500;
const SETTLE_INTERVAL_MS = 5_000;
/** After the last fault: far above what it takes, for a machine that is busy; */
const CONVERGE_TIMEOUT_MS = 120_000;
/** and so often, when it starves processes. */
const CONVERGE_ROUND_COUNT = 3;
const CONVERGE_INTERVAL_MS = 300;
const STALL_CHECK_MS = 200;
const STALL_MIN_MS = 500;
const SERVICE_COUNT_DEFAULT = 6;

export class Stage {
  readonly folder: string;
  readonly checker = new Checker();
  readonly rows: Row[] = [];
  readonly clients: ClientGroup[] = [];
  readonly #closers: (() => Promise<void> | void)[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  readonly seed: number;
  /** Logs stay on disk when it closes. */
  isKept = false;
  #cluster: FaultCluster | undefined;
  #processCount = 0;
  #lastCheckMs = clockMs();
  #closed: Promise<void> | undefined;

  constructor(seed = 1) {
    this.seed = seed;
    this.folder = mkdtempSync(join(tmpdir(), "fpzk-faults-"));
    this.#timers.push(setInterval(() => this.readLogs(), READ_INTERVAL_MS));
    this.#timers.push(setInterval(() => this.#checkStall(), STALL_CHECK_MS));
    this.#timers.push(setInterval(() => this.checker.settle(clockMs()), SETTLE_INTERVAL_MS));
  }

  get cluster(): FaultCluster {
    if (this.#cluster === undefined) throw new Error("the scenario started no cluster");
    return this.#cluster;
  }

  readonly tell = (line: LogLine): void => this.checker.take(line);

  /** Undone when the stage closes, the last first. */
  onClose(undo: () => Promise<void> | void): void {
    this.#closers.push(undo);
  }

  async startCluster(plan: FaultClusterPlan = {}): Promise<FaultCluster> {
    const cluster = await FaultCluster.prepare(plan, this.folder, this.tell);
    this.#cluster = cluster;
    await cluster.startAll();
    return cluster;
  }

  /** Starts processes with many sessions, spread over regions and services. */
  async startClients(plan: ClientsPlan): Promise<readonly ClientGroup[]> {
    const started: ClientGroup[] = [];
    for (let index = 0; index < plan.processCount; index += 1) {
      this.#processCount += 1;
      const name = `${plan.prefix ?? "c"}${this.#processCount}`;
      started.push(this.startClient(name, this.#programs(name, plan), plan.startsAtOnce));
    }
    await Promise.all(started.map((group) => group.ready()));
    return started;
  }

  /** Starts one process; {@link ClientGroup.ready} says when it is there. */
  startClient(name: string, programs: readonly ProgramPlan[], startsAtOnce?: number): ClientGroup {
    const plan = { name, folder: this.folder, programs, seed: this.seed + this.#processCount };
    const group = new ClientGroup(
      startsAtOnce === undefined ? plan : { ...plan, startsAtOnce },
      this.tell,
    );
    this.clients.push(group);
    return group;
  }

  /** A program of one region that registers one instance and watches. */
  program(
    name: string,
    region: string,
    work: { service?: string; id?: string; watches?: readonly string[] },
  ): ProgramPlan {
    const { id = name, service, watches = [] } = work;
    return {
      name,
      region,
      servers: this.cluster.of(region).map((server) => server.address),
      registers: service === undefined ? [] : [{ service, id }],
      watches,
    };
  }

  /** Lets time pass: how long a fault lasts is what a scenario is about. */
  pass(durationMs: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, durationMs));
  }

  /** Starts or ends the load of all client processes; an end waits until all is answered. */
  async load(load: LoadPlan | undefined): Promise<void> {
    const running = this.clients.filter((group) => group.isRunning && !group.isStopped);
    await Promise.all(running.map((group) => group.ask({ type: "load", load })));
  }

  /** Marks the beginning of a fault; the answer marks its end. */
  fault(kind: string, detail: string): () => void {
    const tell = (phase: "begin" | "end") => {
      const at = clockMs();
      this.tell({ type: "fault", at, kind, phase, detail });
      this.onFault(`${at.toFixed(0)} ${phase} ${kind} ${detail}`);
    };
    tell("begin");
    return () => tell("end");
  }

  /** Told of each beginning and end. */
  onFault: (text: string) => void = () => {};

  readLogs(): void {
    this.#cluster?.readLogs();
    for (const group of this.clients) group.readLog((line) => this.checker.take(line));
  }

  measured(what: string, measured: string): void {
    this.rows.push({ what, measured, isGood: undefined });
  }

  check(what: string, isGood: boolean, measured: string): void {
    this.rows.push({ what, measured, isGood });
  }

  /**
   * L1: waits until all nodes hold the same, that is what stands, and all views show it. While the
   * machine starves the harness, whose wires then stand still, time does not count.
   *
   * @returns How long it took in ms; undefined: it did not come about.
   */
  async converge(): Promise<number | undefined> {
    const startMs = clockMs();
    for (let round = 0; round < CONVERGE_ROUND_COUNT; round += 1) {
      const roundStartMs = clockMs();
      let last: readonly string[] = ["not asked"];
      while (last.length > 0 && clockMs() - roundStartMs < CONVERGE_TIMEOUT_MS) {
        last = await this.#disagreements();
        if (last.length > 0) await this.pass(CONVERGE_INTERVAL_MS);
      }
      const isGood = last.length === 0;
      const isFinal = isGood || !this.checker.timeline.wasStarved(roundStartMs, clockMs());
      if (!isFinal && round < CONVERGE_ROUND_COUNT - 1) continue;
      this.checker.verdict.check("L1", isGood, clockMs(), () => last.slice(0, 8).join("; "));
      return isGood ? clockMs() - startMs : undefined;
    }
    return undefined;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    for (const group of this.clients) await group.kill();
    for (const group of this.clients) group.closeLog();
    await this.#cluster?.close();
    for (const undo of this.#closers.reverse()) await undo();
    if (!this.isKept) rmSync(this.folder, { recursive: true, force: true });
  }

  /** The harness carries the wires: what passes through them waits while it stands still. */
  #checkStall(): void {
    const at = clockMs();
    const elapsedMs = Math.round(at - this.#lastCheckMs);
    this.#lastCheckMs = at;
    if (elapsedMs >= STALL_MIN_MS)
      this.tell({ type: "stalled", at, process: "harness", elapsedMs });
  }

  async #disagreements(): Promise<readonly string[]> {
    const contents = new Map<string, NodeContent>();
    for (const { nodeId } of this.cluster.running) {
      contents.set(nodeId, await this.cluster.contentOf(nodeId));
    }
    this.readLogs();
    const { standing } = this.checker;
    const [first] = contents;
    return [
      ...differencesOf(contents),
      ...(first === undefined ? [] : untruthsOf(first[0], first[1], standing)),
      ...this.checker.viewUntruths(),
    ];
  }

  #programs(name: string, plan: ClientsPlan): ProgramPlan[] {
    const { serviceCount = SERVICE_COUNT_DEFAULT, watchEvery = 3 } = plan;
    const regions = plan.regions ?? this.cluster.regions;
    return Array.from({ length: plan.sessionsEach }, (_, number) => {
      const region = regions[number % regions.length] ?? "";
      const service = `svc-${(number + this.#processCount) % serviceCount}`;
      const isWatching = Math.floor(number / regions.length) % watchEvery === 0;
      const watched = `svc-${(number * 7 + this.#processCount) % serviceCount}`;
      return this.program(`${name}/${number}`, region, {
        service,
        ...(isWatching ? { watches: [watched] } : {}),
      });
    });
  }
}
