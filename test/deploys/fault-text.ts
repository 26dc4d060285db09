/** A run of faults as people read it. */
import { countText, msText } from "../faults/figures.js";
import type { FaultOutcome, FaultRunOptions } from "./run-faults.js";

const HEAD = [
  "fault",
  "calls",
  "safe calls failed",
  "others failed",
  "late",
  "traffic moved after",
  "share of the broken, before → moved",
  "busiest other",
];

export function faultTable(outcomes: readonly FaultOutcome[]): string {
  const rows = outcomes.map((outcome) => {
    const { name, sentCount, safeFailedCount, unsafeFailedCount, lateCount, movedMs } = outcome;
    const share = `${percentText(outcome.shareBefore)} → ${percentText(outcome.shareMoved)}`;
    const moved = movedMs === undefined ? "no call was bad" : msText(movedMs);
    const counts = [sentCount, safeFailedCount, unsafeFailedCount, lateCount].map(countText);
    return `| ${[name, ...counts, moved, share, `${outcome.busiest.toFixed(1)} ×`].join(" | ")} |`;
  });
  return [`| ${HEAD.join(" | ")} |`, `|${"---|".repeat(HEAD.length)}`, ...rows].join("\n");
}

/** The section of docs/deploys.md. */
export function faultReport(
  outcomes: readonly FaultOutcome[],
  { ratePerSecond, seed, faultMs }: FaultRunOptions,
  where: string,
): string {
  const run = `${countText(ratePerSecond)} calls a second (seed ${seed}), each fault for ${msText(faultMs)}`;
  return `On ${where}. ${run}.\n\n${faultTable(outcomes)}`;
}

function percentText(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
