/**
 * `fpzk proxy --workers`: whether a second process makes a request dearer, and whether both work.
 *
 * Where there are cores for two workers beside the load, their rate is told too: by the clock,
 * fewer cores would only show who of all was given how much of them.
 */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sized } from "../bench.js";
import type { Figure } from "../figure.js";
import { MAIN_CELLS } from "./cells.js";
import type { Run } from "./measure.js";
import { freePort, type Program, startProgram } from "./programs.js";
import { told } from "./proxy-figures.js";
import { runWrk } from "./wrk.js";

const WARM_SECONDS_MAX = 8;
const WARM_REQUEST_COUNT = 30_000;
const WORKER_COUNTS = [1, 2] as const;
/** Two workers, the load, and the upstream with all else. */
const CORE_COUNT_MIN = 4;

interface Worked {
  readonly cpuMicros: number;
  readonly requestsPerSecond: number;
}

/** Nothing where there is no `wrk`: figures of a few requests would say nothing. */
export async function workerFigures(run: Run): Promise<Figure[]> {
  if (!run.hasWrk) return [];
  const [one, two] = [await measure(run, WORKER_COUNTS[0]), await measure(run, WORKER_COUNTS[1])];
  if (one.cpuMicros === 0 || two.cpuMicros === 0) return [];
  const ratio = two.cpuMicros / one.cpuMicros;
  return [
    told("2 workers to 1: CPU time of a request", ratio, "times", "lower"),
    ...(cpus().length < CORE_COUNT_MIN
      ? []
      : [
          told(
            "2 workers to 1: requests/s",
            two.requestsPerSecond / one.requestsPerSecond,
            "times",
            "higher",
          ),
        ]),
  ];
}

async function measure(run: Run, workerCount: number): Promise<Worked> {
  run.context.progress(`fpzk with --workers ${workerCount}`);
  const seconds = sized(run.context, { tiny: 1, quick: 2, full: 3 });
  const program = await start(run, workerCount);
  const url = `http://127.0.0.1:${program.port}${MAIN_CELLS.http1.path}`;
  const { connectionCount } = MAIN_CELLS.http1;
  try {
    // Each worker has to be warm.
    for (let second = 0, count = 0; second < WARM_SECONDS_MAX; second += 1) {
      count += (await runWrk({ url, connectionCount, seconds: 1 })).requestCount;
      if (count >= WARM_REQUEST_COUNT * workerCount) break;
    }
    const cpuBeforeMs = program.cpuMs();
    const { requestCount, requestsPerSecond, errorCount } = await runWrk({
      ...{ url, connectionCount, seconds },
    });
    if (errorCount > 0) throw new Error(`${errorCount} errors with ${workerCount} workers`);
    const cpuMs = program.cpuMs() - cpuBeforeMs;
    return { requestsPerSecond, cpuMicros: (cpuMs * 1_000) / Math.max(1, requestCount) };
  } finally {
    await program.stop();
  }
}

/** The command itself, with a file of settings. */
async function start({ plan }: Run, workerCount: number): Promise<Program> {
  const port = await freePort();
  const path = join(plan.directory, `workers-${workerCount}-${port}.json`);
  const settings = {
    ...{ host: "127.0.0.1", port, workers: workerCount, accessLog: "off" },
    admin: { host: "127.0.0.1", port: 0 },
    registry: { servers: [plan.registry] },
    routes: [{ service: plan.service }],
  };
  writeFileSync(path, JSON.stringify(settings));
  const script = fileURLToPath(new URL("../../../cli/bin/fpzk.js", import.meta.url));
  const command = [process.execPath, script, "proxy", "--config", path] as const;
  return startProgram([...command], port, "everywhere");
}
