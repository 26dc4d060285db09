/** The command `npm run faults`. */
import { readFileSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { commitText, machineText } from "./machine.js";
import { outcomesMarkdown, outcomeText } from "./outcome-text.js";
import { closeStages, type Outcome, play, type Scenario } from "./scenario.js";
import { SCENARIOS } from "./scenarios/index.js";
import { Soak } from "./soak/soak.js";
import { soakReport } from "./soak/soak-report.js";

const USAGE = `npm run faults -- NAME…      plays scenarios
npm run faults -- --short    those that also run with npm test
npm run faults -- --all      all of them
npm run faults -- --list     names them
npm run faults -- soak --minutes M [--seed N]

--json: one document on standard output   --report: writes docs/reliability.md   --seed N
--keep: logs stay on disk`;
const REPORT = fileURLToPath(new URL("../../../docs/reliability.md", import.meta.url));

export async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    console.log(USAGE);
    return 0;
  }
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      all: { type: "boolean", default: false },
      short: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      report: { type: "boolean", default: false },
      seed: { type: "string", default: "1" },
      minutes: { type: "string", default: "60" },
    },
  });
  if (positionals[0] === "soak") return soak(values);
  endOnSignals();
  if (values.list) {
    for (const { isShort, name, title } of SCENARIOS) {
      console.log(`${name.padEnd(22)} ${isShort ? "short" : "     "} ${title}`);
    }
    return 0;
  }
  const chosen = chooseScenarios(positionals, values);
  if (typeof chosen === "string") {
    console.error(chosen);
    return 2;
  }
  const outcomes: Outcome[] = [];
  for (const scenario of chosen) {
    const outcome = await play(scenario, Number(values.seed), values.keep);
    outcomes.push(outcome);
    if (values.report) writeSection("faults", reportText([outcome]));
    if (!values.json) console.log(`${outcomeText(outcome)}\n`);
  }
  if (values.json) console.log(JSON.stringify(outcomes.map(plainOf), undefined, 2));
  return outcomes.some((outcome) => outcome.status === "failed") ? 1 : 0;
}

/** The first signal ends a soak with a report, the second at once. */
async function soak(values: {
  minutes: string;
  seed: string;
  report: boolean;
  keep: boolean;
}): Promise<number> {
  const options = {
    minutes: Number(values.minutes),
    seed: Number(values.seed),
    onProgress: (text: string) => console.log(text),
  };
  let text = "";
  const outcome = await play(
    {
      ...{ name: "soak", title: `${options.minutes} minutes of random faults`, isShort: false },
      run: async (stage) => {
        const running = new Soak(stage, options);
        for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
          process.once(signal, () => {
            running.end();
            endOnSignals();
          });
        }
        const result = await running.run();
        stage.readLogs();
        stage.checker.settle(Number.POSITIVE_INFINITY);
        text = soakReport(options, result, stage.checker);
      },
    },
    options.seed,
    values.keep,
  );
  console.log(`${outcomeText(outcome)}\n\n${text}`);
  if (values.report && text !== "") writeSection("soak", text);
  return outcome.status === "passed" ? 0 : 1;
}

/** A terminal, npm and a parent that ends may each send one: the first counts. */
function endOnSignals(): void {
  let isEnding = false;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (isEnding) return;
      isEnding = true;
      void closeStages().finally(() => process.exit(130));
    });
  }
}

function chooseScenarios(
  names: readonly string[],
  { all, short }: { all: boolean; short: boolean },
): readonly Scenario[] | string {
  if (all) return SCENARIOS;
  if (short) return SCENARIOS.filter((scenario) => scenario.isShort);
  if (names.length === 0) return USAGE;
  const unknown = names.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown.length > 0) return `no scenario ${unknown.join(", ")}\n\n${USAGE}`;
  return SCENARIOS.filter((scenario) => names.includes(scenario.name));
}

function plainOf(outcome: Outcome): object {
  const { checkCounts, excuseCounts } = outcome;
  return {
    ...outcome,
    checkCounts: Object.fromEntries(checkCounts),
    excuseCounts: Object.fromEntries(excuseCounts),
  };
}

/** The section's text with the rows of these outcomes in it, each with the load that it met. */
function reportText(outcomes: readonly Outcome[]): string {
  const order = SCENARIOS.map((scenario) => scenario.name);
  const load = `load average ${(loadavg()[1] ?? 0).toFixed(1)}`;
  const where = `${commitText()}, ${load}`;
  const table = outcomesMarkdown(outcomes, readSection("faults"), order, where);
  return `On ${machineText()}. In the last column: how long it took, the commit, and the load average of the machine at its end.\n\n${table}`;
}

/** What stands between two markers of docs/reliability.md. */
function readSection(name: string): string {
  const { from, page, to } = findSection(name);
  return page.slice(from, to);
}

function writeSection(name: string, text: string): void {
  const { from, page, to } = findSection(name);
  writeFileSync(REPORT, `${page.slice(0, from)}\n${text}\n${page.slice(to)}`);
}

function findSection(name: string): { page: string; from: number; to: number } {
  const page = readFileSync(REPORT, "utf8");
  const begin = `<!-- ${name}:begin -->`;
  const end = `<!-- ${name}:end -->`;
  const at = page.indexOf(begin);
  const to = page.indexOf(end);
  if (at < 0 || to < at) throw new Error(`${REPORT} lacks ${begin} … ${end}`);
  return { page, from: at + begin.length, to };
}
