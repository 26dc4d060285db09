/** Figures as people and programs read them. */
import type { Bench } from "./bench.js";
import { type Figure, isMet, type MeasuredFigure, numberText } from "./figure.js";
import { type Machine, machineText } from "./machine.js";

/** One line of JSON for programs. */
export function jsonLine({ bench, figure, value, unit, goal, better }: Figure): string {
  return JSON.stringify({ bench, figure, value, unit, goal, better });
}

/** Rows of text; numbers stand right. */
export interface Table {
  readonly title?: string;
  readonly heads: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** One row for each figure. */
export function figureTable(figures: readonly MeasuredFigure[]): Table {
  return { heads: HEADS, rows: figures.map(rowOf) };
}

function tablesOf(bench: Bench, figures: readonly MeasuredFigure[]): readonly Table[] {
  return bench.tables?.(figures) ?? [figureTable(figures)];
}

/** Columns in which every row that has something has a number. */
function rightAligned({ rows, heads }: Table): ReadonlySet<number> {
  const isNumeric = (column: number) =>
    rows.every((row) => /^$|^\d[\d,.]*( to \d[\d,.]*)?$/.test(row[column] ?? ""));
  return new Set(heads.map((_, column) => column).filter(isNumeric));
}

/** The tables of one benchmark for a terminal. */
export function benchText(bench: Bench, figures: readonly MeasuredFigure[]): string {
  const texts = tablesOf(bench, figures).flatMap((table) => [
    ...(table.title === undefined ? [] : [table.title]),
    ...tableLines(table),
    "",
  ]);
  return [`${bench.name}: ${bench.title}`, ...texts].join("\n");
}

function tableLines(table: Table): string[] {
  const { heads, rows } = table;
  const isRight = rightAligned(table);
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const width = widths[column] as number;
        return isRight.has(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  return [line(heads), ...rows.map(line)];
}

function markdownLines(table: Table): string[] {
  const { title, heads, rows } = table;
  const isRight = rightAligned(table);
  return [
    ...(title === undefined ? [] : [`#### ${title}`, ""]),
    `| ${heads.join(" | ")} |`,
    `|${heads.map((_, column) => (isRight.has(column) ? " ---: " : " --- ")).join("|")}|`,
    ...rows.map((row) => `| ${row.join(" | ")} |`),
    "",
  ];
}

/** One benchmark in a document: the machine, its tables, and which goals were missed. */
export function docsText(
  machine: Machine,
  bench: Bench,
  figures: readonly MeasuredFigure[],
): string {
  const missed = figures.filter((figure) => !isMet(figure));
  return [
    `${bench.title[0]?.toUpperCase()}${bench.title.slice(1)}.`,
    "",
    machineText(machine).replace("\n", "; "),
    "",
    ...tablesOf(bench, figures).flatMap(markdownLines),
    ...missed.map((figure) => `- Missed: ${missedText(figure)}`),
  ]
    .join("\n")
    .trimEnd();
}

/** A document in which the part of one benchmark is replaced. */
export function replaceMeasured(document: string, bench: string, text: string): string {
  const beginMark = `<!-- ${bench}: begin (written by \`npm run bench -- ${bench} --write-docs\`) -->`;
  const endMark = `<!-- ${bench}: end -->`;
  const begin = document.indexOf(beginMark);
  const end = document.indexOf(endMark);
  if (begin < 0 || end < begin) {
    throw new Error(`the document must have the lines ${beginMark} and ${endMark}`);
  }
  return `${document.slice(0, begin + beginMark.length)}\n\n${text}\n\n${document.slice(end)}`;
}

export function missedText(figure: MeasuredFigure): string {
  const relation = figure.better === "lower" ? "at most" : "at least";
  return `${figure.bench}, ${figure.figure}: ${numberText(figure.value)} ${figure.unit}, should be ${relation} ${numberText(figure.goal ?? 0)} ${figure.unit}`;
}

const HEADS = ["figure", "median", "unit", "range", "runs", "goal", ""] as const;

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
