/** FPZKProxy beside other proxies: one upstream, one load, one core each, in one run. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@fpzk/client";
import { createAuthority, issue } from "../../server/dist/certificates.test.support.js";
import { type Bench, type BenchContext, sized } from "./bench.js";
import type { Figure } from "./figure.js";
import { CONTESTANTS, type Contestant, type ContestantPlan } from "./proxy/contestants.js";
import { runHttpLoad } from "./proxy/http-load.js";
import { startOrigin } from "./proxy/origin.js";
import { hasProgram, type Program } from "./proxy/programs.js";
import { runWrk } from "./proxy/wrk.js";
import { Stage } from "./stage.js";

/** Promises of the project, each for small answers over 64 connections. */
const HTTP_PROXY_RATIO_GOAL = 3;
const NGINX_RATIO_GOAL = 0.5;
const ADDED_P99_GOAL_MS = 1;
const SERVICE = "origin";
const MEBIBYTE = 1_048_576;
const WARM_REQUEST_COUNT = 30_000;
const WARM_SECONDS_MAX = 6;

interface Cell {
  readonly path: "/small" | "/large";
  readonly connectionCount: number;
  readonly isTls: boolean;
}

const CELLS: readonly Cell[] = [
  { path: "/small", connectionCount: 64, isTls: false },
  { path: "/small", connectionCount: 1, isTls: false },
  { path: "/small", connectionCount: 1_024, isTls: false },
  { path: "/large", connectionCount: 64, isTls: false },
  { path: "/small", connectionCount: 64, isTls: true },
  { path: "/large", connectionCount: 64, isTls: true },
];
/** The cell that the goals are about. */
const MAIN = CELLS[0] as Cell;

/** What one contestant did in one cell. */
interface Measured {
  readonly cell: Cell;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errorCount: number;
  readonly memoryBytes: number;
  /** Of processors, for each request; undefined where the system does not tell. */
  readonly cpuMicros: number | undefined;
}

export const proxyBench: Bench = {
  name: "proxy",
  title:
    "one upstream (nginx where it is there), one load, answers of 1 KiB (`small`) and 1 MiB " +
    "(`large`), one core for each proxy; FPZKProxy finds the upstream by the registry",
  runCountMax: 3,
  async run(context) {
    const directory = mkdtempSync(join(tmpdir(), "fpzk-bench-proxy-"));
    // The workers of nginx are another user's when it is started by root.
    chmodSync(directory, 0o755);
    try {
      return await measureAll(context, directory);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

async function measureAll(context: BenchContext, directory: string): Promise<Figure[]> {
  const mayInstall = context.scale === "full";
  const isTiny = context.scale === "tiny";
  const identity = await issue(await createAuthority("bench"), "bench");
  writeFileSync(join(directory, "cert.pem"), identity.cert);
  writeFileSync(join(directory, "key.pem"), identity.key);
  writeFileSync(join(directory, "both.pem"), identity.cert + identity.key);
  await using stage = new Stage(context);
  const origin = await startOrigin(directory, mayInstall);
  try {
    const registry = (await stage.server()).address;
    await using client = await connect({ servers: [registry] });
    await client.register({
      service: SERVICE,
      endpoints: [{ host: "127.0.0.1", port: origin.port }],
    });
    const plan = { originPort: origin.port, registry, service: SERVICE, isTls: false, directory };
    const byName = new Map<string, Measured[]>();
    const hasWrk = !isTiny && hasProgram("wrk", mayInstall);
    const run: Run = { context, hasWrk, plan: { ...plan, execArgv: context.serverExecArgv } };
    for (const contestant of CONTESTANTS) {
      if (isTiny && !["fpzk", "relay"].includes(contestant.name)) continue;
      if (!contestant.isThere(mayInstall)) continue;
      byName.set(contestant.name, await measureOne(contestant, run));
    }
    const added = await addedLatency(run, byName.get("fpzk") ?? []);
    return [
      ...ratios(byName),
      ...added,
      ...[...byName].flatMap(([name, all]) => figuresOf(name, all)),
    ];
  } finally {
    await origin.stop();
  }
}

interface Run {
  readonly context: BenchContext;
  readonly hasWrk: boolean;
  readonly plan: ContestantPlan;
}

async function measureOne(contestant: Contestant, run: Run): Promise<Measured[]> {
  const measured: Measured[] = [];
  const cells = sized(run.context, { tiny: [MAIN], quick: [MAIN], full: CELLS });
  for (const isTls of [false, true]) {
    const chosen = cells.filter((cell) => cell.isTls === isTls);
    if (chosen.length === 0 || (isTls && !contestant.servesTls)) continue;
    const program = await contestant.start({ ...run.plan, isTls });
    try {
      for (const cell of chosen) {
        run.context.progress(`${contestant.name}, ${cellText(cell)}`);
        measured.push(await measureCell(program, cell, run));
      }
    } finally {
      await program.stop();
    }
  }
  return measured;
}

async function measureCell(program: Program, cell: Cell, run: Run): Promise<Measured> {
  const seconds = sized(run.context, { tiny: 0.2, quick: 3, full: 4 });
  const { port } = program;
  const { path, connectionCount, isTls } = cell;
  const load = async (durationSeconds: number) => {
    if (!run.hasWrk) {
      return runHttpLoad({ port, path, connectionCount, durationMs: durationSeconds * 1_000 });
    }
    const url = `${isTls ? "https" : "http"}://127.0.0.1:${port}${path}`;
    return runWrk({ url, connectionCount, seconds: Math.max(1, durationSeconds) });
  };
  if (run.hasWrk) await warmUp(load, cell);
  const cpuBeforeMs = program.cpuMs();
  const result = await load(seconds);
  const cpuMs = program.cpuMs() - cpuBeforeMs;
  const requestCount = result.requestsPerSecond * seconds;
  const cpuMicros = cpuMs > 0 && requestCount > 0 ? (cpuMs * 1_000) / requestCount : undefined;
  return { ...result, cell, cpuMicros, memoryBytes: program.memoryBytes() };
}

/** Loads until what is compiled as it runs is compiled, and not paid for by what is measured. */
async function warmUp(
  load: (seconds: number) => Promise<{ readonly requestsPerSecond: number }>,
  { path }: Cell,
): Promise<void> {
  const wanted = path === "/small" ? WARM_REQUEST_COUNT : WARM_REQUEST_COUNT / 100;
  let requestCount = 0;
  for (let second = 0; second < WARM_SECONDS_MAX && requestCount < wanted; second += 1) {
    requestCount += (await load(1)).requestsPerSecond;
  }
}

/** What the proxy adds to the slowest percent at half of its highest rate. */
async function addedLatency(run: Run, own: readonly Measured[]): Promise<Figure[]> {
  const main = own.find((one) => one.cell === MAIN);
  const fpzk = CONTESTANTS.find((one) => one.name === "fpzk");
  if (main === undefined || fpzk === undefined || main.requestsPerSecond === 0) return [];
  run.context.progress("fpzk at half load");
  const rate = Math.round(main.requestsPerSecond / 2);
  const durationMs = sized(run.context, { tiny: 200, quick: 3_000, full: 10_000 });
  const load = { path: MAIN.path, connectionCount: MAIN.connectionCount, rate, durationMs };
  const program = await fpzk.start(run.plan);
  try {
    await runHttpLoad({ ...load, port: program.port });
    const direct = await runHttpLoad({ ...load, port: run.plan.originPort });
    const through = await runHttpLoad({ ...load, port: program.port });
    const addedMs = Math.max(0, through.p99Ms - direct.p99Ms);
    const text = "fpzk at half of its highest rate";
    return [
      told(`${text}: p99`, through.p99Ms, "ms", "lower"),
      told(`${text}: p99 without a proxy`, direct.p99Ms, "ms", "lower"),
      { ...told(`${text}: p99 added`, addedMs, "ms", "lower"), goal: ADDED_P99_GOAL_MS },
    ];
  } finally {
    await program.stop();
  }
}

/**
 * Requests for the same time of a core. Counted by the time that each took of its core, and not by
 * the clock, so that what else the machine does falls on nobody.
 */
function ratios(byName: ReadonlyMap<string, readonly Measured[]>): Figure[] {
  const microsOf = (name: string, cell: Cell): number | undefined =>
    byName.get(name)?.find((one) => one.cell === cell)?.cpuMicros;
  const figures: Figure[] = [];
  for (const [other, goal] of [
    ["http-proxy", HTTP_PROXY_RATIO_GOAL],
    ["nginx", NGINX_RATIO_GOAL],
  ] as const) {
    for (const cell of CELLS) {
      const own = microsOf("fpzk", cell);
      const theirs = microsOf(other, cell);
      if (own === undefined || theirs === undefined) continue;
      figures.push({
        ...told(`fpzk to ${other} per core, ${cellText(cell)}`, theirs / own, "times", "higher"),
        goal: cell === MAIN ? goal : null,
      });
    }
  }
  return figures;
}

function figuresOf(name: string, all: readonly Measured[]): Figure[] {
  return all.flatMap((one) => {
    const text = `${name}, ${cellText(one.cell)}`;
    return [
      told(text, one.requestsPerSecond, "requests/s", "higher"),
      told(`${text}: p50`, one.p50Ms, "ms", "lower"),
      told(`${text}: p99`, one.p99Ms, "ms", "lower"),
      ...(one.cpuMicros === undefined
        ? []
        : [told(`${text}: CPU time`, one.cpuMicros, "µs/request", "lower")]),
      told(`${text}: memory`, one.memoryBytes / MEBIBYTE, "MiB", "lower"),
      ...(one.errorCount === 0 ? [] : [told(`${text}: errors`, one.errorCount, "", "lower")]),
    ];
  });
}

function cellText({ path, connectionCount, isTls }: Cell): string {
  const plural = connectionCount === 1 ? "connection" : "connections";
  const count = connectionCount.toLocaleString("en");
  return `${path.slice(1)}, ${count} ${plural}${isTls ? ", TLS" : ""}`;
}

function told(figure: string, value: number, unit: string, better: "lower" | "higher"): Figure {
  return { bench: "proxy", figure, value, unit, goal: null, better };
}
