/** Figures as people and programs read them. */
import type { Bench } from "./bench.js";
import { type Figure, isMet, type MeasuredFigure, numberText } from "./figure.js";
import { type Machine, machineText } from "./machine.js";

const DOCS_BEGIN = "<!-- measured: begin (written by `npm run bench -- --write-docs`) -->";
const DOCS_END = "<!-- measured: end -->";

/** One line of JSON for programs. */
export function jsonLine({ bench, figure, value, unit, goal, better }: Figure): string {
  return JSON.stringify({ bench, figure, value, unit, goal, better });
}

/** The table of one benchmark for a terminal. */
export function benchText(bench: Bench, figures: readonly MeasuredFigure[]): string {
  const rows = figures.map(rowOf);
  const widths = HEADS.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => (row[column] as string).length)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const width = widths[column] as number;
        return RIGHT_ALIGNED.has(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  return [`${bench.name}: ${bench.title}`, line(HEADS), ...rows.map(line), ""].join("\n");
}

/** What stands between the markers in `docs/performance.md`. */
export function docsText(
  machine: Machine,
  measured: readonly { readonly bench: Bench; readonly figures: readonly MeasuredFigure[] }[],
): string {
  const tables = measured.flatMap(({ bench, figures }) => [
    `### ${bench.name}`,
    "",
    `${bench.title[0]?.toUpperCase()}${bench.title.slice(1)}.`,
    "",
    `| ${HEADS.join(" | ")} |`,
    `|${HEADS.map((_, column) => (RIGHT_ALIGNED.has(column) ? " ---: " : " --- ")).join("|")}|`,
    ...figures.map((figure) => `| ${rowOf(figure).join(" | ")} |`),
    "",
  ]);
  const missed = measured.flatMap(({ figures }) => figures).filter((figure) => !isMet(figure));
  return [
    machineText(machine),
    "",
    "Medians over the runs; the range is from the lowest run to the highest.",
    "",
    ...tables,
    "### Goals that were missed",
    "",
    ...(missed.length === 0 ? ["None."] : missed.map((figure) => `- ${missedText(figure)}`)),
  ].join("\n");
}

/** A document with its measured part replaced. */
export function replaceMeasured(document: string, text: string): string {
  const begin = document.indexOf(DOCS_BEGIN);
  const end = document.indexOf(DOCS_END);
  if (begin < 0 || end < begin) {
    throw new Error(`the document must have the lines ${DOCS_BEGIN} and ${DOCS_END}`);
  }
  return `${document.slice(0, begin + DOCS_BEGIN.length)}\n\n${text}\n\n${document.slice(end)}`;
}

export function missedText(figure: MeasuredFigure): string {
  const relation = figure.better === "lower" ? "at most" : "at least";
  return `${figure.bench}, ${figure.figure}: ${numberText(figure.value)} ${figure.unit}, should be ${relation} ${numberText(figure.goal ?? 0)} ${figure.unit}`;
}

const HEADS = ["figure", "median", "unit", "range", "runs", "goal", ""] as const;
const RIGHT_ALIGNED = new Set([1, 3, 4]);

function rowOf(figure: MeasuredFigure): string[] {
  return [
    figure.figure,
    numberText(figure.value),
    figure.unit,
    `${numberText(figure.lowest)} to ${numberText(figure.highest)}`,
    String(figure.runCount),
    figure.goal === null
      ? ""
      : `${figure.better === "lower" ? "<=" : ">="} ${numberText(figure.goal)}`,
    figure.goal === null ? "" : isMet(figure) ? "met" : "MISSED",
  ];
}
