import { History } from "./history.js";

export interface HistoryResult {
  readonly seed: number;
  readonly ok: boolean;
  readonly failures: readonly string[];
  /** Equal in two runs of one seed, or the simulation is not deterministic. */
  readonly traceHash: number;
  /** What happened, for people. */
  readonly log: readonly string[];
}

/** Plays the history of one seed; a crash of the core counts as a failure. */
export function runHistory(seed: number): HistoryResult {
  const history = new History(seed);
  const failures = history.checkers.failures;
  try {
    history.play();
  } catch (error) {
    failures.push(`crashed at ${history.world.now()} ms: ${(error as Error).stack}`);
  }
  const { traceHash, log } = history.world;
  return { seed, ok: failures.length === 0, failures, traceHash, log };
}
