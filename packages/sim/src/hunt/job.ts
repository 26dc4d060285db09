/** What is asked of a worker process, and what it answers. Plain data: it crosses a pipe. */

import type { Strike } from "../history/strike.js";
import type { Failure } from "../oracles/verdict.js";

/** One history or one directed scenario. */
export type Job =
  | {
      readonly kind: "history";
      readonly seed: number;
      /** The strikes to play; all when undefined. */
      readonly strikes?: readonly number[];
      /** Whether the answer has the log and the transcript: they are long. */
      readonly isTold?: boolean;
    }
  | { readonly kind: "scenario"; readonly name: string; readonly isTold?: boolean };

export interface Report {
  readonly failures: readonly Failure[];
  readonly traceHash: number;
  readonly strikes: readonly Strike[];
  readonly log: readonly string[];
  readonly transcript: readonly string[];
}

/** A worker that never answered, or ended: what a defect can do to a process. */
export type Outcome =
  | { readonly kind: "played"; readonly report: Report }
  | { readonly kind: "hung"; readonly timeoutMs: number }
  | { readonly kind: "ended"; readonly detail: string };

/** Failures of an outcome, also of one without a report. */
export function failuresOf(outcome: Outcome): readonly Failure[] {
  switch (outcome.kind) {
    case "played":
      return outcome.report.failures;
    case "hung": {
      const text = `no end within ${outcome.timeoutMs} ms of real time: the core asks for ticks without end`;
      return [{ oracle: "hang", at: 0, text }];
    }
    case "ended":
      return [{ oracle: "died", at: 0, text: `the process ended: ${outcome.detail}` }];
  }
}

/** How a job is named to people and on the command line. */
export function jobText(job: Job): string {
  if (job.kind === "scenario") return `--scenario ${job.name}`;
  const strikes = job.strikes === undefined ? "" : ` --strikes ${job.strikes.join(",")}`;
  return `--seed ${job.seed}${strikes}`;
}
