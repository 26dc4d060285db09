/** What one proxy does in each cell: rate, latencies, time of processors, memory. */
import { join } from "node:path";
import { type BenchContext, sized } from "../bench.js";
import { CELLS, type Cell, cellText, MAIN_CELLS } from "./cells.js";
import type { Contestant, ContestantPlan } from "./contestants.js";
import { checkGrpc } from "./grpc-call.js";
import { runH2load } from "./h2load.js";
import { runHttpLoad } from "./http-load.js";
import type { Program } from "./programs.js";
import { runWrk, type WrkResult } from "./wrk.js";

const WARM_REQUEST_COUNT = 30_000;
/** Each moves a thousand times as much. */
const WARM_LARGE_COUNT = 300;
const WARM_SECONDS_MAX = { tiny: 0, quick: 2, full: 3 } as const;
const ESTIMATE_SECONDS = 0.3;
const MEMORY_INTERVAL_MS = 100;

/** What all measurements of one run share. */
export interface Run {
  readonly context: BenchContext;
  readonly hasWrk: boolean;
  readonly hasH2load: boolean;
  /** Of HTTP/1.1 without TLS. */
  readonly plan: ContestantPlan;
  /** A file of one gRPC message. */
  readonly grpcBody: string;
}

/** What one contestant did in one cell. */
export interface Measured {
  readonly cell: Cell;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errorCount: number;
  /** Most that was resident while it was loaded. */
  readonly memoryBytes: number;
  /** Of processors, for each request; undefined where the system does not tell. */
  readonly cpuMicros: number | undefined;
}

/** All cells in the first run; afterwards only those of goals. */
function chosenCells({ context, hasH2load }: Run): readonly Cell[] {
  const main = Object.values(MAIN_CELLS);
  const isWhole = context.scale === "full" && context.runNumber === 1;
  const cells = isWhole ? CELLS : main;
  return cells.filter((cell) => cell.caller === "http1" || hasH2load);
}

export async function measureOne(contestant: Contestant, run: Run): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const speaks of ["http1", "http2"] as const) {
    for (const isTls of [false, true]) {
      const cells = chosenCells(run).filter(
        (cell) => (cell.caller === "http1") === (speaks === "http1") && cell.isTls === isTls,
      );
      if (cells.length === 0 || (isTls && !contestant.servesTls)) continue;
      if (speaks === "http2" && !contestant.servesHttp2) continue;
      try {
        const program = await contestant.start({ ...run.plan, speaks, isTls });
        try {
          measured.push(...(await measureCells(contestant, program, { cells, run })));
        } finally {
          await program.stop();
        }
      } catch (error) {
        // What cannot be compared with is left out by name; the rest of the run stands.
        if (contestant.name === "fpzk") throw error;
        const reason = error instanceof Error ? error.message : String(error);
        const what = `${speaks}${isTls ? ", TLS" : ""}`;
        run.context.progress(`${contestant.name} is left out of ${what}: ${reason}`);
      }
    }
  }
  return measured;
}

async function measureCells(
  contestant: Contestant,
  program: Program,
  { cells, run }: { readonly cells: readonly Cell[]; readonly run: Run },
): Promise<Measured[]> {
  const measured: Measured[] = [];
  const warmed = new Set<string>();
  const grpc = cells.find((cell) => cell.caller === "grpc");
  if (grpc !== undefined) await checkGrpc(urlOf(program, { ...grpc, path: "/small" }));
  for (const cell of cells) {
    run.context.progress(`${contestant.name}, ${cellText(cell)}`);
    const kind = `${cell.caller} ${cell.path}`;
    try {
      if (contestant.isCompiledAsItRuns && !warmed.has(kind)) await warmUp(program, cell, run);
      warmed.add(kind);
      measured.push(await measureCell(program, cell, run));
    } catch (error) {
      // A cell that a program cannot do is left out: the table has no row of it.
      if (run.context.scale === "tiny") throw error;
      run.context.progress(`${contestant.name}, ${cellText(cell)}: ${(error as Error).message}`);
    }
  }
  return measured;
}

async function measureCell(program: Program, cell: Cell, run: Run): Promise<Measured> {
  const seconds = sized(run.context, { tiny: 0.2, quick: 2, full: fullSeconds(cell) });
  const perSecond = cell.caller === "http1" ? 0 : await estimate(program, cell, run);
  let memoryBytes = 0;
  const sampling = setInterval(() => {
    memoryBytes = Math.max(memoryBytes, program.memoryBytes());
  }, MEMORY_INTERVAL_MS);
  const cpuBeforeMs = program.cpuMs();
  const result = await load(program, cell, { run, seconds, perSecond }).finally(() =>
    clearInterval(sampling),
  );
  const cpuMs = program.cpuMs() - cpuBeforeMs;
  const { requestCount } = result;
  const cpuMicros = cpuMs > 0 && requestCount > 0 ? (cpuMs * 1_000) / requestCount : undefined;
  memoryBytes = Math.max(memoryBytes, program.memoryBytes());
  return { ...result, cell, cpuMicros, memoryBytes };
}

/** Seven programs and some twenty cells: what is no goal is short, so that all take minutes. */
function fullSeconds(cell: Cell): number {
  if (Object.values(MAIN_CELLS).includes(cell)) return 3;
  return cell.connectionCount > 64 ? 2 : 1;
}

interface Length {
  readonly run: Run;
  readonly seconds: number;
  /** What is expected: so long takes a load that counts requests. */
  readonly perSecond: number;
}

function load(
  program: Program,
  cell: Cell,
  { run, seconds, perSecond }: Length,
): Promise<Omit<WrkResult, "bytesPerSecond">> {
  const { connectionCount, streamCount, path } = cell;
  const url = urlOf(program, cell);
  if (cell.caller !== "http1") {
    const { directory } = run.plan;
    const body = cell.caller === "grpc" ? { grpcBody: run.grpcBody } : {};
    // Each stream asks twice at least: a connection must not be all that is measured.
    const leastCount = 2 * connectionCount * streamCount;
    const requestCount = Math.max(leastCount, Math.round(perSecond * seconds));
    return runH2load({ url, connectionCount, streamCount, requestCount, directory, ...body });
  }
  if (run.hasWrk) return runWrk({ url, connectionCount, seconds });
  return runHttpLoad({
    ...{ port: program.port, path, connectionCount, durationMs: seconds * 1_000 },
  });
}

/** How many requests a second a short load brings. */
async function estimate(program: Program, cell: Cell, run: Run): Promise<number> {
  const seconds = ESTIMATE_SECONDS;
  const few = cell.path === "/large" ? 100 : 3_000;
  return (await load(program, cell, { run, seconds, perSecond: few / seconds })).requestsPerSecond;
}

/** Loads until what is compiled as it runs is compiled, and not paid for by what is measured. */
async function warmUp(program: Program, cell: Cell, run: Run): Promise<void> {
  const wantedCount = cell.path === "/large" ? WARM_LARGE_COUNT : WARM_REQUEST_COUNT;
  const secondsMax = sized(run.context, WARM_SECONDS_MAX);
  const warming = { ...cell, connectionCount: 64 };
  let requestCount = 0;
  let perSecond = cell.path === "/large" ? 100 : 3_000;
  for (let second = 0; second < secondsMax && requestCount < wantedCount; second += 1) {
    const result = await load(program, warming, { run, seconds: 1, perSecond });
    requestCount += result.requestCount;
    perSecond = result.requestsPerSecond;
  }
}

function urlOf({ port }: Program, { path, isTls }: Cell): string {
  return `${isTls ? "https" : "http"}://127.0.0.1:${port}${path}`;
}

/** Where the message of gRPC is kept. */
export function grpcBodyPath(directory: string): string {
  return join(directory, "message");
}
