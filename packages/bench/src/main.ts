/** `npm run bench`: runs benchmarks one after the other and prints what they measured. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type BenchArguments, parseBenchArguments, USAGE } from "./arguments.js";
import type { Bench, BenchContext } from "./bench.js";
import { BENCHES } from "./catalog.js";
import { type Figure, isMet, type MeasuredFigure, summarize } from "./figure.js";
import { describeMachine, type Machine, machineText } from "./machine.js";
import { benchText, docsText, jsonLine, missedText, replaceMeasured } from "./report.js";

const DOCS_PATH = "docs/performance.md";
const USAGE_EXIT_CODE = 2;

/** Resolves with the exit code: 0 also when goals are missed. */
export async function main(args: readonly string[]): Promise<number> {
  const names = BENCHES.map((bench) => bench.name);
  if (args.includes("--help")) {
    process.stdout.write(`${USAGE}\nBenchmarks: ${names.join(", ")}\n`);
    return 0;
  }
  let options: BenchArguments;
  try {
    options = parseBenchArguments(args, names);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}\n`);
    return USAGE_EXIT_CODE;
  }
  const print = (text: string) => process.stdout.write(`${text}\n`);
  if (!options.isJson) print(`${machineText(describeMachine())}\n`);
  const chosen = BENCHES.filter(
    ({ name }) => options.names.length === 0 || options.names.includes(name),
  );
  const measured: Measured[] = [];
  for (const bench of chosen) {
    const startMs = performance.now();
    const machine = describeMachine();
    const figures = summarize(await runBench(bench, options));
    const seconds = Math.round((performance.now() - startMs) / 1_000);
    if (!options.isJson) print(`${bench.name} took ${seconds} s`);
    measured.push({ bench, figures, machine });
    if (options.isJson) for (const figure of figures) print(jsonLine(figure));
    else print(benchText(bench, figures));
  }
  const missed = measured.flatMap(({ figures }) => figures).filter((figure) => !isMet(figure));
  if (!options.isJson) {
    print(missed.length === 0 ? "All goals were met." : "MISSED:");
    for (const figure of missed) print(`  ${missedText(figure)}`);
  }
  if (options.writesDocs) for (const one of measured) writeDoc(one);
  return 0;
}

interface Measured {
  readonly bench: Bench;
  readonly figures: MeasuredFigure[];
  /** As it was when the benchmark began. */
  readonly machine: Machine;
}

/** Each benchmark has its part of a page, so that one can be measured anew by itself. */
function writeDoc({ bench, figures, machine }: Measured): void {
  const path = bench.document?.path ?? DOCS_PATH;
  const text = bench.document?.text(figures) ?? docsText(machine, bench, figures);
  const file = fileURLToPath(new URL(`../../../${path}`, import.meta.url));
  writeFileSync(file, replaceMeasured(readFileSync(file, "utf8"), bench.name, text));
}

async function runBench(bench: Bench, options: BenchArguments): Promise<Figure[][]> {
  const runCount = Math.min(options.runCount, bench.runCountMax ?? options.runCount);
  const { profileDirectory } = options;
  const runs: Figure[][] = [];
  for (let run = 1; run <= runCount; run += 1) {
    const context: BenchContext = {
      scale: options.scale,
      runNumber: run,
      serverExecArgv:
        profileDirectory === undefined
          ? []
          : ["--cpu-prof", `--cpu-prof-dir=${profileDirectory}`, "--cpu-prof-interval=200"],
      progress: (text) => showProgress(`${bench.name}, run ${run} of ${runCount}: ${text}`),
    };
    context.progress("starting");
    runs.push(await bench.run(context));
    showProgress("");
  }
  return runs;
}

/** One line that replaces itself; where that cannot be, a line each with the time so far. */
function showProgress(text: string): void {
  if (!process.stderr.isTTY) {
    if (text !== "") process.stderr.write(`${Math.round(performance.now() / 1_000)} s  ${text}\n`);
    return;
  }
  process.stderr.write(`\r\u001b[K${text}`);
}
