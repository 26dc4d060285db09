/** The table of deliberate defects, for a terminal and for docs/reliability.md. */
import type { Baseline, MutantVerdict } from "./mutation-run.js";
import { SURVIVORS } from "./survivors.js";

export interface MutationSummary {
  readonly caughtCount: number;
  readonly count: number;
  readonly percent: number;
}

export function summaryOf(verdicts: readonly MutantVerdict[]): MutationSummary {
  const count = verdicts.length;
  const caughtCount = verdicts.filter(({ oracle }) => oracle !== undefined).length;
  // Rounded down: 100 % is said when it is all.
  const percent = count === 0 ? 0 : Math.floor((1_000 * caughtCount) / count) / 10;
  return { caughtCount, count, percent };
}

export function summaryText({ caughtCount, count, percent }: MutationSummary): string {
  return `caught ${caughtCount} of ${count} (${percent} %)`;
}

export function verdictText(verdict: MutantVerdict): string {
  const { mutant, oracle, job, jobCount, elapsedMs, text } = verdict;
  const seconds = (elapsedMs / 1_000).toFixed(1);
  if (oracle === undefined) {
    const why = SURVIVORS[mutant.name] ?? "nobody knows why yet";
    return `SURVIVED ${mutant.name}: ${jobCount} played, ${seconds} s; ${why}`;
  }
  const [line = ""] = text.split("\n");
  return `caught ${mutant.name} by ${oracle} in ${job}, ${jobCount} played, ${seconds} s: ${line}`;
}

export function baselineText({ jobs, failing }: Baseline): string {
  const left = failing.map(({ job, oracle }) => `${job} (${oracle})`).join(", ");
  const rest =
    failing.length === 0 ? "" : `; left out, because they fail without a defect: ${left}`;
  return `without a defect ${jobs.length} of ${jobs.length + failing.length} hold${rest}`;
}

/** The table as Markdown. */
export function markdownOf(
  verdicts: readonly MutantVerdict[],
  baseline: Baseline,
  run: { readonly commit: string; readonly elapsedMs: number; readonly workerCount: number },
): string {
  const minutes = (run.elapsedMs / 60_000).toFixed(1);
  const rows = verdicts.map(({ mutant, oracle, job, jobCount }) => {
    const how =
      oracle === undefined
        ? `**survived**: ${SURVIVORS[mutant.name] ?? "not explained yet"}`
        : `${oracle}, \`${job}\``;
    return `| ${mutant.name} | ${mutant.story} | ${how} | ${jobCount} |`;
  });
  return [
    `At commit ${run.commit}, on ${run.workerCount} processes in ${minutes} minutes: ` +
      `**${summaryText(summaryOf(verdicts))}**. Played ${baselineText(baseline)}.`,
    "",
    "`assert`: the core noticed by itself and threw; `hang`: it asked for ticks without end; the " +
      "other names are oracles. The last column counts histories and scenarios until it was caught.",
    "",
    "| defect | what goes wrong | caught by | after |",
    "|---|---|---|---|",
    ...rows,
  ].join("\n");
}
