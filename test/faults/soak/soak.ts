/**
 * Random faults from a seed on nine servers under steady load: rounds of overlapping faults, each
 * followed by healing, a check that all agree, and one kill in the calm that is timed.
 */
import { loadavg } from "node:os";
import { join } from "node:path";
import { randomBelow, SeededRandom } from "@fpzk/core";
import type { ClientGroup } from "../client-group.js";
import { clockMs } from "../log-line.js";
import type { Stage } from "../stage.js";
import { cpuSecondsOf } from "./process-figures.js";
import { drawFault, type SoakFault, type SoakField } from "./soak-faults.js";

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  /** A line each ten seconds. */
  readonly onProgress: (text: string) => void;
}

/** Resident memory of each server at one moment. */
export interface MemorySample {
  readonly atMs: number;
  readonly bytes: ReadonlyMap<string, number>;
}

export interface SoakResult {
  readonly elapsedMs: number;
  readonly roundCount: number;
  /** How long each round took to agree after healing. */
  readonly convergedMs: readonly number[];
  readonly memory: readonly MemorySample[];
  readonly sessionCount: number;
  readonly cpuSeconds: number;
  /** Of one minute, sampled each ten seconds. */
  readonly loadAverages: readonly number[];
  /** What the harness itself could not do. */
  readonly troubles: readonly string[];
}

const REGIONS = ["us", "eu", "ap"];
const GROUP_COUNT = 8;
const GROUP_SESSION_COUNT = 30;
const SINGLE_COUNT = 6;
const SERVICE_COUNT = 8;
const LOAD = { changeIntervalMs: 400, pickIntervalMs: 100 };
const FAULT_PHASE_MS = 35_000;
const FAULT_GAP_MIN_MS = 500;
const FAULT_GAP_MAX_MS = 6_000;
const FAULT_COUNT_MAX = 4;
/** In the calm, from the last fault to the kill that is timed. */
const CALM_MS = 16_000;
const PROGRESS_INTERVAL_MS = 10_000;

export class Soak implements SoakField {
  readonly stage: Stage;
  readonly random: SeededRandom;
  readonly groups: ClientGroup[] = [];
  readonly #options: SoakOptions;
  readonly #active = new Set<Promise<void>>();
  readonly #convergedMs: number[] = [];
  readonly #memory: MemorySample[] = [];
  readonly #troubles: string[] = [];
  readonly #loadAverages: number[] = [];
  #sessionCount = 0;
  #roundCount = 0;
  #groupNumber = 0;
  #startMs = 0;
  #isEnding = false;
  /** Violations told so far. */
  #toldCount = 0;

  constructor(stage: Stage, options: SoakOptions) {
    this.stage = stage;
    this.#options = options;
    this.random = new SeededRandom(options.seed);
  }

  /** The round under way is the last one. */
  end(): void {
    this.#isEnding = true;
  }

  dataFolderOf(nodeId: string): string | undefined {
    return nodeId.endsWith("-1") ? join(this.stage.folder, `data-${nodeId}`) : undefined;
  }

  async run(): Promise<SoakResult> {
    await this.#start();
    this.stage.onFault = this.#options.onProgress;
    this.#startMs = clockMs();
    const untilMs = this.#startMs + this.#options.minutes * 60_000;
    const progress = setInterval(() => this.#tellProgress(), PROGRESS_INTERVAL_MS);
    this.#sampleMemory();
    await this.stage.load(LOAD);
    try {
      while (clockMs() < untilMs && !this.#isEnding) await this.#round(untilMs);
    } finally {
      clearInterval(progress);
    }
    await this.#try("the load ended", () => this.stage.load(undefined));
    this.#sampleMemory();
    const { clients, cluster } = this.stage;
    const pids = [process.pid, ...cluster.pids, ...clients.flatMap((group) => group.pid ?? [])];
    return {
      elapsedMs: clockMs() - this.#startMs,
      roundCount: this.#roundCount,
      convergedMs: this.#convergedMs,
      memory: this.#memory,
      sessionCount: this.#sessionCount,
      cpuSeconds: pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0),
      loadAverages: this.#loadAverages,
      troubles: this.#troubles,
    };
  }

  async replace(group: ClientGroup, hasSameIds: boolean): Promise<void> {
    const isSingle = group.plan.programs.length === 1;
    const name = this.#nextName(isSingle ? "one" : "many");
    const programs = group.plan.programs.map((program, number) => ({
      ...program,
      name: `${name}/${number}`,
      registers: program.registers.map(({ id, service }) => ({
        service,
        id: hasSameIds ? id : `${name}/${number}`,
      })),
    }));
    const started = this.stage.startClient(name, programs);
    this.groups.splice(this.groups.indexOf(group), 1, started);
    await started.ready();
    await started.ask({ type: "load", load: LOAD });
  }

  async claim(group: ClientGroup): Promise<void> {
    // The one that is superseded lives on with its views and its other ids.
    const name = this.#nextName("claim");
    const programs = group.plan.programs.map((program) => ({ ...program, name: `${name}/0` }));
    const started = this.stage.startClient(name, programs);
    this.groups.splice(this.groups.indexOf(group), 1, started);
    await started.ready();
    await group.ask({ type: "load", load: undefined });
    await started.ask({ type: "load", load: LOAD });
  }

  async #start(): Promise<void> {
    const { stage } = this;
    const cluster = await stage.startCluster({
      regions: REGIONS,
      flags: (nodeId) => {
        const folder = this.dataFolderOf(nodeId);
        return folder === undefined
          ? []
          : ["--data-directory", folder, "--snapshot-interval", "10s"];
      },
    });
    for (let index = 0; index < GROUP_COUNT; index += 1) {
      const name = this.#nextName("many");
      const programs = Array.from({ length: GROUP_SESSION_COUNT }, (_, number) => {
        const region = REGIONS[number % REGIONS.length] ?? "";
        const service = `svc-${(number + index) % SERVICE_COUNT}`;
        const watches =
          number % 9 < REGIONS.length ? [`svc-${(number + index) % SERVICE_COUNT}`] : [];
        return stage.program(`${name}/${number}`, region, { service, watches });
      });
      this.groups.push(stage.startClient(name, programs));
    }
    for (let index = 0; index < SINGLE_COUNT; index += 1) {
      const name = this.#nextName("one");
      const region = REGIONS[index % REGIONS.length] ?? "";
      const service = `svc-${index % SERVICE_COUNT}`;
      this.groups.push(stage.startClient(name, [stage.program(`${name}/0`, region, { service })]));
    }
    await Promise.all(this.groups.map((group) => group.ready()));
    this.#sessionCount = GROUP_COUNT * GROUP_SESSION_COUNT + SINGLE_COUNT;
    await cluster.seesAll();
    await stage.converge();
  }

  /** Faults, healing, agreement, and a kill in the calm. */
  async #round(untilMs: number): Promise<void> {
    this.#roundCount += 1;
    const phaseEndMs = Math.min(untilMs, clockMs() + FAULT_PHASE_MS);
    while (clockMs() < phaseEndMs && !this.#isEnding) {
      if (this.#active.size < FAULT_COUNT_MAX) {
        const fault = drawFault(this);
        if (fault !== undefined) this.#inject(fault);
      }
      const gapMs = FAULT_GAP_MIN_MS + randomBelow(this.random, FAULT_GAP_MAX_MS);
      await this.stage.pass(Math.min(gapMs, Math.max(0, phaseEndMs - clockMs())));
    }
    // What was drawn lasts as long as it was drawn for: at most half a minute more.
    await Promise.all(this.#active);
    await this.#try("the servers became ready", async () => {
      const { cluster } = this.stage;
      await Promise.all(cluster.servers.map(({ nodeId }) => cluster.ready(nodeId)));
    });
    await this.#try("the load paused", () => this.stage.load(undefined));
    const elapsedMs = await this.stage.converge();
    if (elapsedMs !== undefined) this.#convergedMs.push(elapsedMs);
    else this.#troubles.push(`round ${this.#roundCount}: nodes and views did not agree in time`);
    this.#sampleMemory();
    await this.#try("the load went on", () => this.stage.load(LOAD));
    if (!this.#isEnding) await this.#killInTheCalm();
  }

  async #killInTheCalm(): Promise<void> {
    await this.stage.pass(CALM_MS);
    const singles = this.groups.filter(
      (group) => group.plan.programs.length === 1 && group.isRunning,
    );
    const group = singles[randomBelow(this.random, Math.max(1, singles.length))];
    if (group === undefined) return;
    const end = this.stage.fault("client-kill", group.name);
    await group.kill();
    await this.stage.pass(4_000);
    end();
    await this.#try("a process took the place of a killed one", () => this.replace(group, false));
  }

  #inject(fault: SoakFault): void {
    const work = this.#try(`${fault.kind} ${fault.detail}`, async () => {
      const end = this.stage.fault(fault.kind, fault.detail);
      try {
        await fault.begin();
        await this.stage.pass(fault.durationMs);
        await fault.end();
      } finally {
        end();
      }
    });
    const tracked = work.finally(() => this.#active.delete(tracked));
    this.#active.add(tracked);
  }

  /** What the harness could not do is told in the report, and the soak goes on. */
  async #try(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#troubles.push(`round ${this.#roundCount}, ${what}: ${text.slice(0, 300)}`);
    }
  }

  #nextName(prefix: string): string {
    this.#groupNumber += 1;
    return `${prefix}${this.#groupNumber}`;
  }

  #sampleMemory(): void {
    const { cluster } = this.stage;
    const bytes = cluster.servers.map(
      ({ nodeId }) => [nodeId, cluster.residentBytes(nodeId)] as const,
    );
    this.#memory.push({ atMs: clockMs() - this.#startMs, bytes: new Map(bytes) });
  }

  #tellProgress(): void {
    this.#loadAverages.push(loadavg()[0] ?? 0);
    const { checker } = this.stage;
    const { totals, timeline, verdict } = checker;
    const sum = (counts: ReadonlyMap<string, number>) =>
      [...counts.values()].reduce((total, count) => total + count, 0);
    for (const { at, oracle, text } of verdict.violations.slice(this.#toldCount)) {
      this.#options.onProgress(`${oracle} at ${at}: ${text}\n${checker.trail.explain(text)}`);
    }
    this.#toldCount = verdict.violations.length;
    const elapsedS = Math.round((clockMs() - this.#startMs) / 1_000);
    this.#options.onProgress(
      [
        `${elapsedS} s, round ${this.#roundCount}`,
        `sessions ${checker.sessionCount}`,
        `changes ${totals.changeCount}, shown ${totals.shownCount}, picks ${totals.pickCount}`,
        `faults ${sum(timeline.faultCounts)} (${this.#active.size} now)`,
        `checks ${sum(verdict.checkCounts)}, violations ${sum(verdict.violationCounts)}`,
        ...(this.#troubles.length > 0 ? [`troubles ${this.#troubles.length}`] : []),
      ].join("; "),
    );
  }
}
