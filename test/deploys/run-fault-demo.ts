/** The command `npm run demo:faults`. */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { commitText, machineText } from "../faults/machine.js";
import { faultReport, faultTable } from "./fault-text.js";
import { writeSection } from "./report-page.js";
import { FAULTS, type FaultRunOptions, runFaults } from "./run-faults.js";

const USAGE = `npm run demo:faults -- [--rate N] [--seconds N] [--only TEXT]

Three regions with four instances of a service in each, called in an open loop through proxies and
embedded clients, with retries on, while single instances and a whole region are broken.

--rate N      calls a second (default 600)
--seconds N   that each fault lasts (default 12)
--only TEXT   faults with this in their name
--seed N      of arrivals and kinds of calls (default 1)
--report      writes docs/deploys.md      --json   one document on standard output
--failures    tells every failed call`;

export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rate: { type: "string", default: "600" },
      seconds: { type: "string", default: "12" },
      seed: { type: "string", default: "1" },
      only: { type: "string", default: "" },
      failures: { type: "boolean", default: false },
      report: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const numbers = [values.rate, values.seconds, values.seed].map(Number);
  if (values.help || numbers.some((value) => !Number.isSafeInteger(value) || value < 1)) {
    console.error(USAGE);
    return values.help ? 0 : 2;
  }
  const [ratePerSecond = 0, seconds = 0, seed = 0] = numbers;
  const ending = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => ending.abort());
  }
  const options: FaultRunOptions = {
    ...{ ratePerSecond, seed, faultMs: 1_000 * seconds, instancesPerRegion: 4 },
    names: FAULTS.map(({ name }) => name).filter((name) => name.includes(values.only)),
    onProgress: (text) => console.error(text),
    onFailure: (failure) => {
      if (values.failures) console.error(`  failed: ${JSON.stringify(failure)}`);
    },
  };
  const outcomes = await runFaults(options, ending.signal);
  console.log(values.json ? JSON.stringify(outcomes, undefined, 1) : faultTable(outcomes));
  if (values.report && !ending.signal.aborted) {
    const load = (loadavg()[1] ?? 0).toFixed(1);
    const where = `${machineText()}; ${commitText()}, load average ${load}`;
    writeSection("faults", faultReport(outcomes, options, where));
  }
  return 0;
}
