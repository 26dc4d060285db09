import { MUTANTS } from "../mutants/catalogue.js";
import {
  baselineText,
  markdownOf,
  summaryOf,
  summaryText,
  verdictText,
} from "../mutants/mutation-report.js";
import { huntMutants, type MutantVerdict } from "../mutants/mutation-run.js";
import { SCENARIOS } from "../scenarios/scenarios.js";
import type { SimArguments } from "./arguments.js";
import { writeSection } from "./reliability-page.js";
import type { Terminal } from "./terminal.js";

/** What the project promises of its simulator. */
const PERCENT_MIN = 95;

type MutantsTask = Extract<SimArguments["task"], { kind: "mutants" }>;

/** @returns the exit code: 0 when enough were caught. */
export async function playMutants(
  task: MutantsTask,
  { workerCount }: SimArguments,
  terminal: Terminal,
): Promise<number> {
  const { names, seedCountMax, writesDocs } = task;
  const chosen = MUTANTS.filter(({ name }) => names.length === 0 || names.includes(name));
  const unknown = names.filter((name) => !chosen.some((mutant) => mutant.name === name));
  if (unknown.length > 0) {
    process.stderr.write(`no mutant ${unknown.join(", ")}\n`);
    return 2;
  }
  const startedAt = performance.now();
  const { baseline, verdicts } = await huntMutants({
    mutants: chosen,
    scenarioNames: SCENARIOS.map(({ name }) => name),
    seedCountMax,
    workerCount,
    progress: (text) => terminal.progress(text),
    judged: (verdict) => terminal.result(plain(verdict), verdictText(verdict)),
  });
  terminal.progress("");
  const elapsedMs = performance.now() - startedAt;
  const summary = summaryOf(verdicts);
  terminal.result({ type: "baseline", ...baseline }, baselineText(baseline));
  if (writesDocs) {
    const { commit } = terminal;
    writeSection("mutants", markdownOf(verdicts, baseline, { commit, elapsedMs, workerCount }));
  }
  const text = `in ${(elapsedMs / 1_000).toFixed(0)} s at ${terminal.commit}\n${summaryText(summary)}`;
  terminal.result({ type: "end", ...summary, elapsedMs, commit: terminal.commit }, text);
  return summary.percent >= PERCENT_MIN ? 0 : 1;
}

function plain({ mutant, ...rest }: MutantVerdict): Record<string, unknown> {
  return { type: "mutant", name: mutant.name, isCaught: rest.oracle !== undefined, ...rest };
}
