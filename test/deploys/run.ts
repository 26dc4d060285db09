/** The command `npm run demo:deploy`. */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { commitText, machineText } from "../faults/machine.js";
import { REGIONS } from "./deploy-stage.js";
import { deployReport, outcomeText, progressText } from "./deploy-text.js";
import { writeSection } from "./report-page.js";
import { type DeployRunOptions, runDeploys } from "./run-deploys.js";

const USAGE = `npm run demo:deploy -- [--requests N] [--deploys N] [--rate N]

Three regions, 40 ms apart: two FPZKServers and an FPZKProxy in each, and 12 instances of a
service, called in an open loop without retries, while everything is replaced again and again.

--requests N  send at least so many (default 30000)
--deploys N   roll so many at least, each of all instances, servers or proxies (default 6)
--rate N      requests a second (default 1000)
--seed N      of arrivals and kinds of calls (default 1)
--report      writes docs/deploys.md
--json        one document on standard output`;

/** Every process is cold at first. */
const RAMP_MS = 10_000;
const PROGRESS_LINE_INTERVAL_MS = 5_000;

export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      requests: { type: "string", default: "30000" },
      deploys: { type: "string", default: "6" },
      rate: { type: "string", default: "1000" },
      seed: { type: "string", default: "1" },
      report: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const counts = [values.requests, values.deploys, values.rate, values.seed].map(Number);
  if (values.help || counts.some((value) => !Number.isSafeInteger(value) || value < 1)) {
    console.error(USAGE);
    return values.help ? 0 : 2;
  }
  const [requestCount = 0, deployCount = 0, ratePerSecond = 0, seed = 0] = counts;
  const ending = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => ending.abort());
  }
  const show = createScreen();
  console.error("starting 6 servers, 3 proxies and 12 instances in 3 regions …");
  const options: DeployRunOptions = {
    regions: REGIONS,
    ...{ requestCount, deployCount, ratePerSecond, seed },
    rampMs: RAMP_MS,
    instancesPerRegion: 4,
    serversPerRegion: 2,
    onProgress: (progress) => show(progressText(progress)),
    onFailure: (failure, step) => {
      console.error(`\nFAILED during ${step}: ${JSON.stringify(failure)}`);
    },
  };
  const outcome = await runDeploys(options, ending.signal);
  console.error("");
  const isGood = outcome.failedCount === 0 && outcome.faults.length === 0;
  if (values.json) console.log(JSON.stringify(outcome, undefined, 1));
  else console.log(outcomeText(outcome));
  if (values.report && !ending.signal.aborted) {
    const load = (loadavg()[1] ?? 0).toFixed(1);
    const where = `${machineText()}; ${commitText()}, load average ${load}`;
    writeSection("deploys", deployReport(outcome, options, where));
  }
  return isGood && !ending.signal.aborted ? 0 : 1;
}

/** One line that is written over on a terminal; else a line now and then. */
function createScreen(): (text: string) => void {
  if (process.stderr.isTTY) return (text) => process.stderr.write(`\r\u001b[2K${text}`);
  let shownMs = Number.NEGATIVE_INFINITY;
  return (text) => {
    if (performance.now() - shownMs < PROGRESS_LINE_INTERVAL_MS) return;
    shownMs = performance.now();
    console.error(text);
  };
}
