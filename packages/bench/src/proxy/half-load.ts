/**
 * What the proxy adds to the slowest percent of requests at half of its highest rate.
 *
 * An open loop at one rate: without a proxy, through a bare TCP relay in the proxy's place, and
 * through the proxy. What the relay adds is what one process of Node.js more on the way costs
 * here, whatever it does: the floor of a proxy of this kind.
 */
import { sized } from "../bench.js";
import type { Figure } from "../figure.js";
import { MAIN_CELLS } from "./cells.js";
import { CONTESTANTS } from "./contestants.js";
import { type HttpLoadResult, runHttpLoad } from "./http-load.js";
import type { Measured, Run } from "./measure.js";
import { told } from "./proxy-figures.js";

const ADDED_P99_GOAL_MS = 1;
const THROUGH = ["relay", "fpzk"] as const;

export async function halfLoadFigures(run: Run, own: readonly Measured[]): Promise<Figure[]> {
  const main = own.find((one) => one.cell === MAIN_CELLS.http1);
  if (main === undefined || main.requestsPerSecond === 0) return [];
  const rate = Math.round(main.requestsPerSecond / 2);
  const durationMs = sized(run.context, { tiny: 200, quick: 2_000, full: 5_000 });
  const warmMs = sized(run.context, { tiny: 100, quick: 2_000, full: 3_000 });
  const { path, connectionCount } = MAIN_CELLS.http1;
  const load = { path: path as string, connectionCount, rate, durationMs, warmMs };
  run.context.progress("half load without a proxy");
  const direct = await runHttpLoad({ ...load, port: run.plan.originPort });
  const figures = [
    told("half load: rate", rate, "requests/s", "higher"),
    told("half load, without a proxy: p50", direct.p50Ms, "ms", "lower"),
    told("half load, without a proxy: p99", direct.p99Ms, "ms", "lower"),
  ];
  for (const name of THROUGH) {
    run.context.progress(`half load through ${name}`);
    const through = await loadThrough(name, run, load);
    const added = told(
      `half load, ${name}: p99 added`,
      Math.max(0, through.p99Ms - direct.p99Ms),
      "ms",
      "lower",
    );
    figures.push(
      told(`half load, ${name}: p50`, through.p50Ms, "ms", "lower"),
      told(`half load, ${name}: p99`, through.p99Ms, "ms", "lower"),
      name === "fpzk" ? { ...added, goal: ADDED_P99_GOAL_MS } : added,
    );
  }
  return figures;
}

async function loadThrough(
  name: string,
  run: Run,
  load: Omit<Parameters<typeof runHttpLoad>[0], "port">,
): Promise<HttpLoadResult> {
  const contestant = CONTESTANTS.find((one) => one.name === name);
  if (contestant === undefined) throw new Error(`no contestant is named ${name}`);
  const program = await contestant.start(run.plan);
  try {
    return await runHttpLoad({ ...load, port: program.port });
  } finally {
    await program.stop();
  }
}
