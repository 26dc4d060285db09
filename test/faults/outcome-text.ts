/** Outcomes as tables: for a terminal, and for docs/reliability.md. */
import { countText, msText } from "./figures.js";
import type { Outcome } from "./scenario.js";

const VIOLATION_SHOWN_COUNT_MAX = 12;
const TRAIL_MAX_LENGTH = 6_000;

export function outcomeText(outcome: Outcome): string {
  const lines = [`${outcome.name}: ${outcome.title}`];
  const width = Math.max(0, ...outcome.rows.map((row) => row.what.length));
  for (const { isGood, measured, what } of outcome.rows) {
    const mark = isGood === undefined ? "   " : isGood ? "ok " : "BAD";
    lines.push(`  ${mark} ${what.padEnd(width)}  ${measured}`);
  }
  const checks = checksText(outcome);
  if (checks !== "") lines.push(`      checks: ${checks}`);
  for (const { at, oracle, text } of outcome.violations.slice(0, VIOLATION_SHOWN_COUNT_MAX)) {
    lines.push(`  BAD ${oracle} at ${at.toFixed(1)}: ${text}`);
  }
  if (outcome.trail !== "") lines.push(outcome.trail.slice(0, TRAIL_MAX_LENGTH));
  if (outcome.reason !== "") lines.push(`      ${outcome.reason}`);
  lines.push(`  ${outcome.status} in ${msText(outcome.elapsedMs)}`);
  return lines.join("\n");
}

const HEAD = [
  "| scenario | what is done | measured | checks | verdict |",
  "|---|---|---|---|---|",
] as const;

/**
 * The table of docs/reliability.md.
 *
 * @param order - Names of all scenarios: rows of those not played now stay as they stand.
 * @param where - Commit and weather of this run.
 */
export function outcomesMarkdown(
  outcomes: readonly Outcome[],
  previous: string,
  order: readonly string[],
  where: string,
): string {
  const rows = new Map<string, string>();
  for (const line of previous.split("\n")) {
    const name = /^\| `([^`]+)` \|/.exec(line)?.[1];
    if (name !== undefined) rows.set(name, line);
  }
  for (const outcome of outcomes) rows.set(outcome.name, rowText(outcome, where));
  return [...HEAD, ...order.flatMap((name) => rows.get(name) ?? [])].join("\n");
}

function rowText(outcome: Outcome, where: string): string {
  const { elapsedMs, name, reason, rows, status, title, violations } = outcome;
  const parts = rows.map((row) => `${row.what}: ${row.measured}`);
  if (status === "skipped") parts.push(reason);
  if (violations.length > 0) parts.push(`violations: ${violations.length}`);
  const verdict = `${status} (${msText(elapsedMs)}; ${where})`;
  const cells = [`\`${name}\``, title, parts.join("; "), checksText(outcome), verdict];
  return `| ${cells.map(cellText).join(" | ")} |`;
}

function checksText({ checkCounts, excuseCounts }: Outcome): string {
  return [...checkCounts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([oracle, count]) => {
      const excusedCount = excuseCounts.get(oracle) ?? 0;
      const excused = excusedCount > 0 ? ` (and ${excusedCount} not judged)` : "";
      return `${oracle} ${countText(count)}${excused}`;
    })
    .join(", ");
}

function cellText(text: string): string {
  return text.replaceAll("|", "/").replaceAll("\n", " ");
}
