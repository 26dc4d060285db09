/** The counts of a hunt as a section of docs/reliability.md. */
import type { HuntResult } from "./hunt.js";

export interface HuntRun {
  readonly commit: string;
  readonly first: number;
  readonly minutes: number;
  readonly workerCount: number;
  /** What the machine is, in words. */
  readonly machine: string;
}

export function huntMarkdown({ failed, tally }: HuntResult, run: HuntRun): string {
  const { historyCount, historiesPerMinutePerWorker } = tally;
  const strikes = Object.entries(tally.strikesByName);
  const strikeCount = strikes.reduce((sum, [, count]) => sum + count, 0);
  const oracles = Object.entries(tally.failuresByOracle).map(([name, count]) => `${name} ${count}`);
  const seeds = failed.map((seed) => `\`${seed}\``).join(", ");
  const outcome =
    failed.length === 0
      ? "none failed"
      : `${failed.length} failed (${oracles.join(", ")}): ${seeds}`;
  return [
    `At commit ${run.commit}, from seed ${run.first}, ${run.minutes} minutes on ${run.workerCount} ` +
      `processes (${run.machine}): **${historyCount} histories, ${outcome}**. ` +
      `${historiesPerMinutePerWorker} histories a minute and process; ${strikeCount} strikes:`,
    "",
    "| strike | times |",
    "|---|---|",
    ...strikes.map(([name, count]) => `| ${name} | ${count} |`),
  ].join("\n");
}
