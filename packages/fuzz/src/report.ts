/** What a run says for people and for `docs/reliability.md`. */
import type { CampaignProgress, CampaignResult } from "./engine/campaign.js";

const MARKERS = ["<!-- fuzz:begin -->", "<!-- fuzz:end -->"] as const;

export interface RunDescription {
  readonly seed: number;
  readonly nodeVersion: string;
  /** Version of the code. */
  readonly commit: string;
}

/** One line: how fast, how far, what was found. */
export function progressText(progress: CampaignProgress): string {
  const { target, executionCount, elapsedMs, corpusCount, reachedCount, findingCount } = progress;
  const perSecond = Math.round(executionCount / Math.max(0.001, elapsedMs / 1_000));
  return (
    `${target.padEnd(22)} ${String(executionCount).padStart(9)} inputs ${String(perSecond).padStart(7)}/s` +
    `  corpus ${String(corpusCount).padStart(5)}  reached ${String(reachedCount).padStart(7)}` +
    `  findings ${findingCount}`
  );
}

/** The table that stands in the document. */
export function reportTable(
  results: readonly CampaignResult[],
  { seed, nodeVersion, commit }: RunDescription,
): string {
  const rows = results.map(({ target, executionCount, elapsedMs, corpusCount, ...rest }) => {
    const code = rest.reachedCount === 0 ? "–" : grouped(rest.reachedCount);
    const growth = `${Math.max(0, rest.heapGrowthBytes / 2 ** 20).toFixed(1)} MiB`;
    const cells = [
      `\`${target}\``,
      (elapsedMs / 60_000).toFixed(1),
      grouped(executionCount),
      grouped(corpusCount),
      code,
      growth,
      String(rest.findings.length),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  const minutes = results.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0) / 60_000;
  const inputs = results.reduce((sum, { executionCount }) => sum + executionCount, 0);
  const findings = results.reduce((sum, result) => sum + result.findings.length, 0);
  return [
    "| target | minutes | inputs | kept | code reached, characters | heap growth | findings |",
    "|---|---|---|---|---|---|---|",
    ...rows,
    "",
    `${grouped(inputs)} inputs in ${minutes.toFixed(1)} minutes, ${findings} findings; ` +
      `seed ${seed}, Node ${nodeVersion}, commit ${commit}.`,
  ].join("\n");
}

/** A document with the table between its markers replaced. */
export function replaceTable(document: string, table: string): string {
  const [begin, end] = MARKERS.map((marker) => document.indexOf(marker));
  if (begin === undefined || end === undefined || begin < 0 || end < begin) {
    throw new Error(`the document must hold ${MARKERS.join(" and ")}`);
  }
  const head = document.slice(0, begin + MARKERS[0].length);
  return `${head}\n${table}\n${document.slice(end)}`;
}

function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
