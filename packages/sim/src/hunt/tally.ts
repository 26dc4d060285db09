/** Counts of a hunt: by oracle, by fault, by speed. */

import type { Strike } from "../history/strike.js";
import type { Failure } from "../oracles/verdict.js";

export interface TallySnapshot {
  readonly historyCount: number;
  readonly failedCount: number;
  readonly historiesPerMinute: number;
  readonly historiesPerMinutePerWorker: number;
  /** First failures by oracle. */
  readonly failuresByOracle: Readonly<Record<string, number>>;
  /** How often each fault struck. */
  readonly strikesByName: Readonly<Record<string, number>>;
}

export class Tally {
  readonly #workerCount: number;
  readonly #startedAtMs: number;
  #historyCount = 0;
  #failedCount = 0;
  readonly #failuresByOracle = new Map<string, number>();
  readonly #strikesByName = new Map<string, number>();

  constructor(workerCount: number, nowMs: number) {
    this.#workerCount = workerCount;
    this.#startedAtMs = nowMs;
  }

  add(failures: readonly Failure[], strikes: readonly Strike[]): void {
    this.#historyCount += 1;
    for (const { name } of strikes) increment(this.#strikesByName, name);
    const [first] = failures;
    if (first === undefined) return;
    this.#failedCount += 1;
    increment(this.#failuresByOracle, first.oracle);
  }

  snapshot(nowMs: number): TallySnapshot {
    const minutes = Math.max(1, nowMs - this.#startedAtMs) / 60_000;
    const perMinute = this.#historyCount / minutes;
    return {
      historyCount: this.#historyCount,
      failedCount: this.#failedCount,
      historiesPerMinute: Math.round(perMinute),
      historiesPerMinutePerWorker: Math.round(perMinute / this.#workerCount),
      failuresByOracle: sorted(this.#failuresByOracle),
      strikesByName: sorted(this.#strikesByName),
    };
  }
}

/** One line for a terminal. */
export function progressText(tally: TallySnapshot, leftMs: number | undefined): string {
  const oracles = Object.entries(tally.failuresByOracle).map(([name, count]) => `${name} ${count}`);
  const failed = oracles.length === 0 ? "" : ` (${oracles.join(", ")})`;
  const left = leftMs === undefined ? "" : `, ${Math.ceil(leftMs / 1_000)} s left`;
  return (
    `${tally.historyCount} histories, ${tally.failedCount} failed${failed}, ` +
    `${tally.historiesPerMinute} a minute, ${tally.historiesPerMinutePerWorker} per core${left}`
  );
}

function increment(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** The greatest count first. */
function sorted(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)));
}
