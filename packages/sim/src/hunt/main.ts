/** `npm run sim`: replays, hunts, and proves that the hunt can see. */
import { randomInt } from "node:crypto";
import { cpus } from "node:os";
import { SCENARIOS } from "../scenarios/scenarios.js";
import { parseSimArguments, type SimArguments, USAGE } from "./arguments.js";
import { hunt, tellFailure } from "./hunt.js";
import { playMutants } from "./hunt-mutants.js";
import { huntMarkdown } from "./hunt-report.js";
import { failuresOf, type Job, jobText } from "./job.js";
import { JOB_TIMEOUT_MS, playAll } from "./play-all.js";
import { recordHashes } from "./record-hashes.js";
import { writeSection } from "./reliability-page.js";
import { shrinkSeed } from "./shrink-seed.js";
import { openTerminal, type Terminal } from "./terminal.js";
import { WorkerProcess } from "./worker-process.js";

const USAGE_EXIT_CODE = 2;
/** Seeds are 32 bits wide in the generator. */
const SEED_MAX = 2 ** 31;

/** Resolves with the exit code: 0 when every promise held. */
export async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  let options: SimArguments;
  try {
    options = parseSimArguments(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${USAGE}\n`);
    return USAGE_EXIT_CODE;
  }
  const { task, workerCount } = options;
  const terminal = openTerminal(options.isJson);
  switch (task.kind) {
    case "replay": {
      if (!task.isShrunk) return replay(replayJob(task), options, terminal);
      const strikes = await shrinkSeed(task.seed, task.strikes, terminal);
      return strikes === undefined ? 0 : 1;
    }
    case "seeds": {
      const { first, last } = task;
      const result = await hunt({ workerCount, first, last, durationMs: undefined, terminal });
      return exitCode(result.failed);
    }
    case "minutes":
      return huntFor(task, workerCount, terminal);
    case "scenarios":
      return playScenarios(task.names, options, terminal);
    case "mutants":
      return playMutants(task, options, terminal);
    case "record-hashes": {
      const record = recordHashes();
      terminal.result({ type: "recorded", record }, record);
      return 0;
    }
  }
}

async function huntFor(
  { minutes, first: wanted, writesDocs }: Extract<SimArguments["task"], { kind: "minutes" }>,
  workerCount: number,
  terminal: Terminal,
): Promise<number> {
  const first = wanted ?? randomInt(SEED_MAX);
  const { commit } = terminal;
  terminal.result({ type: "start", first }, `from seed ${first} at ${commit}`);
  const durationMs = minutes * 60_000;
  const result = await hunt({ workerCount, first, last: undefined, durationMs, terminal });
  if (writesDocs) {
    const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}`;
    const run = { commit, first, minutes, workerCount, machine };
    writeSection("hunt", huntMarkdown(result, run));
  }
  return exitCode(result.failed);
}

function replayJob(task: Extract<SimArguments["task"], { kind: "replay" }>): Job {
  const { seed, strikes } = task;
  return { kind: "history", seed, isTold: true, ...(strikes === undefined ? {} : { strikes }) };
}

async function replay(job: Job, options: SimArguments, terminal: Terminal): Promise<number> {
  const worker = new WorkerProcess();
  const outcome = await worker.play(job, JOB_TIMEOUT_MS);
  worker.stop();
  const failures = failuresOf(outcome);
  if (outcome.kind === "played") {
    const { report } = outcome;
    const lines = options.isLogged ? report.log : failures.length > 0 ? report.transcript : [];
    for (const line of lines) terminal.result({ type: "line", line }, line);
    const { traceHash } = report;
    const ok = failures.length === 0;
    const text = `${jobText(job)}: ${ok ? "every promise held" : "FAILED"}, trace ${traceHash}`;
    terminal.result({ type: "played", job: jobText(job), ok, traceHash, failures }, text);
  }
  tellFailure(job, outcome, terminal);
  return failures.length === 0 ? 0 : 1;
}

async function playScenarios(
  names: readonly string[],
  options: SimArguments,
  terminal: Terminal,
): Promise<number> {
  const all = SCENARIOS.map(({ name }) => name);
  const unknown = names.filter((name) => name !== "all" && !all.includes(name));
  if (unknown.length > 0) {
    process.stderr.write(`no scenario ${unknown.join(", ")}: there are ${all.join(", ")}\n`);
    return USAGE_EXIT_CODE;
  }
  const [first] = names;
  if (names.length === 1 && first !== undefined && first !== "all") {
    return replay({ kind: "scenario", name: first, isTold: true }, options, terminal);
  }
  const left = names.includes("all") ? [...all] : [...names];
  let failedCount = 0;
  await playAll({
    workerCount: options.workerCount,
    next: () => {
      const name = left.shift();
      return name === undefined ? undefined : { kind: "scenario", name };
    },
    done: (job, outcome) => {
      if (failuresOf(outcome).length > 0) {
        failedCount += 1;
        tellFailure(job, outcome, terminal);
      } else {
        terminal.result({ type: "played", job: jobText(job), ok: true }, `${jobText(job)}: held`);
      }
    },
  });
  return failedCount === 0 ? 0 : 1;
}

function exitCode(failed: readonly number[]): number {
  return failed.length === 0 ? 0 : 1;
}
