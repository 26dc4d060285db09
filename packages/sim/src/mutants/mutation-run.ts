/**
 * Proof that the hunt can see: each deliberate defect is put into the core of a worker process,
 * which then plays histories and scenarios until an oracle notices or the budget is spent.
 *
 * First everything is played with the core as it is. What fails there proves nothing when it fails
 * with a defect, and is left out.
 */
import { failuresOf, type Job, jobText } from "../hunt/job.js";
import { JOB_TIMEOUT_MS, playAll } from "../hunt/play-all.js";
import { openDefectOf } from "../hunt/seeds.js";
import { WorkerProcess } from "../hunt/worker-process.js";
import { FIRST_PLAYED } from "./first-played.js";
import type { Mutant } from "./mutant.js";

export interface MutantVerdict {
  readonly mutant: Mutant;
  /** The oracle that noticed; undefined for a survivor. */
  readonly oracle: string | undefined;
  /** What it said. */
  readonly text: string;
  /** The history or scenario in which it did. */
  readonly job: string | undefined;
  /** Histories and scenarios played until then. */
  readonly jobCount: number;
  readonly elapsedMs: number;
}

export interface Baseline {
  /** What all defects are hunted with, in this order. */
  readonly jobs: readonly Job[];
  /** Left out: it fails without a defect as well. */
  readonly failing: readonly { readonly job: string; readonly oracle: string }[];
}

export interface MutationOptions {
  readonly mutants: readonly Mutant[];
  readonly scenarioNames: readonly string[];
  readonly seedCountMax: number;
  readonly workerCount: number;
  readonly progress: (text: string) => void;
  readonly judged: (verdict: MutantVerdict) => void;
}

/** Histories before the scenarios: most defects show in any. */
const FIRST_SEED_COUNT = 3;

export async function huntMutants(
  options: MutationOptions,
): Promise<{ readonly baseline: Baseline; readonly verdicts: readonly MutantVerdict[] }> {
  const { mutants, workerCount, progress, judged } = options;
  const baseline = await playBaseline(options);
  const verdicts: MutantVerdict[] = [];
  const left = [...mutants];
  let caughtCount = 0;
  await Promise.all(
    Array.from({ length: workerCount }, async () => {
      for (let mutant = left.shift(); mutant !== undefined; mutant = left.shift()) {
        const verdict = await huntMutant(mutant, baseline.jobs);
        verdicts.push(verdict);
        if (verdict.oracle !== undefined) caughtCount += 1;
        judged(verdict);
        progress(`${verdicts.length} of ${mutants.length} mutants, ${caughtCount} caught`);
      }
    }),
  );
  const order = new Map(mutants.map((mutant, index) => [mutant, index]));
  const place = ({ mutant }: MutantVerdict) => order.get(mutant) ?? 0;
  verdicts.sort((a, b) => place(a) - place(b));
  return { baseline, verdicts };
}

async function playBaseline(options: MutationOptions): Promise<Baseline> {
  const { seedCountMax, scenarioNames, workerCount, progress } = options;
  const seeds = Array.from({ length: seedCountMax }, (_, index) => index + 1);
  const histories = seeds.map((seed): Job => ({ kind: "history", seed }));
  const scenarios = scenarioNames.map((name): Job => ({ kind: "scenario", name }));
  const all = [
    ...histories.slice(0, FIRST_SEED_COUNT),
    ...scenarios,
    ...histories.slice(FIRST_SEED_COUNT),
  ];
  const failing = new Map<Job, string>();
  const left = [...all];
  await playAll({
    workerCount,
    next: () => left.shift(),
    done: (job, outcome) => {
      const [failure] = failuresOf(outcome);
      if (failure !== undefined) failing.set(job, failure.oracle);
      progress(`without a defect: ${all.length - left.length} of ${all.length} played`);
    },
  });
  return {
    jobs: all.filter((job) => !failing.has(job)),
    failing: [...failing].map(([job, oracle]) => ({ job: jobText(job), oracle })),
  };
}

async function huntMutant(mutant: Mutant, jobs: readonly Job[]): Promise<MutantVerdict> {
  const worker = new WorkerProcess(mutant.name);
  const startedAt = performance.now();
  const first = FIRST_PLAYED[mutant.name];
  const isFirst = (job: Job) => job.kind === "scenario" && job.name === first;
  const ordered = [...jobs.filter(isFirst), ...jobs.filter((job) => !isFirst(job))];
  try {
    let jobCount = 0;
    for (const job of ordered) {
      const outcome = await worker.play(job, JOB_TIMEOUT_MS);
      jobCount += 1;
      // What looks like a defect that is open anyhow proves nothing.
      const failure = failuresOf(outcome).find((each) => openDefectOf(each) === undefined);
      if (failure === undefined) continue;
      // A process that cannot even be started shows a wrong patch, not a defect.
      if (failure.oracle === "died" && /mutant /.test(failure.text)) throw new Error(failure.text);
      const { text } = failure;
      const oracle = isAssertion(text) ? "assert" : failure.oracle;
      const elapsedMs = performance.now() - startedAt;
      return { mutant, oracle, text, job: jobText(job), jobCount, elapsedMs };
    }
    const elapsedMs = performance.now() - startedAt;
    return { mutant, oracle: undefined, text: "", job: undefined, jobCount, elapsedMs };
  } finally {
    worker.stop();
  }
}

/** Whether the core noticed by itself. */
function isAssertion(text: string): boolean {
  return /the core threw: (AssertionError|Error: assert)/.test(text);
}
