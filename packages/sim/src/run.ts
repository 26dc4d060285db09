import { History } from "./history/history.js";
import type { HistoryOptions, Strike } from "./history/strike.js";
import type { Failure } from "./oracles/verdict.js";
import type { World } from "./world/world.js";

export interface RunOptions extends HistoryOptions {
  /** Called with the world before the first event: for observers. */
  readonly prepare?: (world: World) => void;
}

export interface HistoryResult {
  readonly seed: number;
  readonly ok: boolean;
  readonly failures: readonly Failure[];
  /** Equal in two runs of one seed, or the simulation is not deterministic. */
  readonly traceHash: number;
  /** What happened, for people. */
  readonly log: readonly string[];
  /** The faults that struck and the wishes that were made. */
  readonly strikes: readonly Strike[];
}

/** Plays the history of one seed; a crash of the core counts as a failure. */
export function runHistory(seed: number, options: RunOptions = {}): HistoryResult {
  const history = new History(seed, options);
  options.prepare?.(history.world);
  try {
    history.play();
  } catch (error) {
    history.oracles.fail("crash", `the core threw: ${(error as Error).stack}`);
  }
  const { strikes, world } = history;
  const { failures } = history.oracles;
  return {
    ...{ seed, ok: failures.length === 0, failures, strikes, traceHash: world.traceHash },
    // Put into words only when somebody reads it.
    get log() {
      return world.log;
    },
  };
}
