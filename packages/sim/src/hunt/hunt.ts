/** Plays many histories and tells which failed; at the end makes the first failures short. */
import { failuresOf, type Job, jobText, type Outcome } from "./job.js";
import { playAll } from "./play-all.js";
import { shrinkSeed } from "./shrink-seed.js";
import { progressText, Tally, type TallySnapshot } from "./tally.js";
import type { Terminal } from "./terminal.js";

const PROGRESS_INTERVAL_MS = 1_000;
/** Failures that are made short at the end of a hunt. */
const SHRUNK_COUNT_MAX = 3;

export interface HuntOptions {
  readonly workerCount: number;
  /** The first seed; it goes on with the numbers after it. */
  readonly first: number;
  /** The last seed, or undefined for as long as there is time. */
  readonly last: number | undefined;
  readonly durationMs: number | undefined;
  readonly terminal: Terminal;
}

export interface HuntResult {
  /** The seeds that failed, in the order of failing. */
  readonly failed: readonly number[];
  readonly tally: TallySnapshot;
}

export async function hunt(options: HuntOptions): Promise<HuntResult> {
  const { workerCount, first, last, durationMs, terminal } = options;
  const startedAt = performance.now();
  const tally = new Tally(workerCount, startedAt);
  const leftMs = () =>
    durationMs === undefined ? undefined : Math.max(0, startedAt + durationMs - performance.now());
  const failed: number[] = [];
  let seed = first;
  const timer = setInterval(() => {
    terminal.progress(progressText(tally.snapshot(performance.now()), leftMs()));
  }, PROGRESS_INTERVAL_MS);
  try {
    await playAll({
      workerCount,
      next: () => {
        if ((last !== undefined && seed > last) || leftMs() === 0) return undefined;
        seed += 1;
        return { kind: "history", seed: seed - 1 };
      },
      done: (job, outcome) => {
        const failures = failuresOf(outcome);
        tally.add(failures, outcome.kind === "played" ? outcome.report.strikes : []);
        if (failures.length === 0 || job.kind !== "history") return;
        failed.push(job.seed);
        tellFailure(job, outcome, terminal);
      },
    });
  } finally {
    clearInterval(timer);
    terminal.progress("");
  }
  const end = tally.snapshot(performance.now());
  tellEnd(end, terminal);
  for (const failedSeed of failed.slice(0, SHRUNK_COUNT_MAX)) {
    await shrinkSeed(failedSeed, undefined, terminal);
  }
  return { failed, tally: end };
}

/** One line to paste, with what failed. */
export function tellFailure(job: Job, outcome: Outcome, terminal: Terminal): void {
  const [failure] = failuresOf(outcome);
  if (failure === undefined) return;
  const { oracle, at, text } = failure;
  terminal.result(
    { type: "failure", ...job, oracle, at, text, commit: terminal.commit },
    `npm run sim -- ${jobText(job)}   # at ${terminal.commit}, Node ${process.versions.node}: ` +
      `${oracle} at ${at.toFixed(0)} ms: ${firstLine(text)}`,
  );
}

function tellEnd(tally: TallySnapshot, terminal: Terminal): void {
  const strikes = Object.entries(tally.strikesByName).map(([name, count]) => `${name} ${count}`);
  const text = [`strikes: ${strikes.join(", ")}`, progressText(tally, undefined)].join("\n");
  terminal.result({ type: "end", ...tally, commit: terminal.commit }, text);
}

function firstLine(text: string): string {
  const [line = ""] = text.split("\n");
  return line;
}
