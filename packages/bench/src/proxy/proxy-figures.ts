/** What was measured as figures, the ratios first, and as tables that people can read. */
import type { Figure, MeasuredFigure } from "../figure.js";
import { numberText } from "../figure.js";
import type { Table } from "../report.js";
import { type Caller, CELLS, type Cell, callerText, cellText, MAIN_CELLS } from "./cells.js";
import { CONTESTANTS } from "./contestants.js";
import type { Measured } from "./measure.js";

/** Promises of the project, each for small answers over 64 connections without TLS. */
const RATIO_GOALS = [
  ["http-proxy", 3],
  ["nginx", 0.5],
] as const;
const MEBIBYTE = 1_048_576;
const CALLERS: readonly Caller[] = ["http1", "http2", "grpc"];

export function told(
  figure: string,
  value: number,
  unit: string,
  better: "lower" | "higher",
): Figure {
  return { bench: "proxy", figure, value, unit, goal: null, better };
}

/**
 * Requests for the same time of a core. Counted by the time that each took of its core, and not by
 * the clock, so that what else the machine does falls on nobody.
 */
export function ratioFigures(byName: ReadonlyMap<string, readonly Measured[]>): Figure[] {
  const microsOf = (name: string, cell: Cell): number | undefined =>
    byName.get(name)?.find((one) => one.cell === cell)?.cpuMicros;
  const main = Object.values(MAIN_CELLS);
  const ordered = [...main, ...CELLS.filter((cell) => !main.includes(cell))];
  const figures: Figure[] = [];
  for (const cell of ordered) {
    for (const [other, goal] of RATIO_GOALS) {
      const own = microsOf("fpzk", cell);
      const theirs = microsOf(other, cell);
      if (own === undefined || theirs === undefined) continue;
      figures.push({
        ...told(ratioName(other, cell), theirs / own, "times", "higher"),
        goal: main.includes(cell) ? goal : null,
      });
    }
  }
  return figures;
}

export function cellFigures(name: string, all: readonly Measured[]): Figure[] {
  return all.flatMap((one) => {
    const text = `${name}, ${cellText(one.cell)}`;
    return [
      told(text, one.requestsPerSecond, "requests/s", "higher"),
      told(`${text}: p50`, one.p50Ms, "ms", "lower"),
      told(`${text}: p99`, one.p99Ms, "ms", "lower"),
      ...(one.cpuMicros === undefined
        ? []
        : [told(`${text}: CPU time`, one.cpuMicros, "µs/request", "lower")]),
      told(`${text}: memory`, one.memoryBytes / MEBIBYTE, "MiB", "lower"),
      ...(one.errorCount === 0 ? [] : [told(`${text}: errors`, one.errorCount, "", "lower")]),
    ];
  });
}

/** Ratios of other cells, and every cell with every proxy. */
export function cellTables(figures: readonly MeasuredFigure[]): Table[] {
  const byName = new Map(figures.map((one) => [one.figure, one]));
  const text = (name: string): string => {
    const figure = byName.get(name);
    return figure === undefined ? "" : numberText(figure.value);
  };
  return CALLERS.flatMap((caller) => {
    const cells = CELLS.filter((cell) => cell.caller === caller);
    const rows = cells.flatMap((cell) =>
      CONTESTANTS.filter(({ name }) => byName.has(`${name}, ${cellText(cell)}`)).map(({ name }) => {
        const key = `${name}, ${cellText(cell)}`;
        const values = ["", ": CPU time", ": p50", ": p99", ": memory", ": errors"];
        const short = cellText(cell).slice(callerText(caller).length + 2);
        return [short, name, ...values.map((value) => text(`${key}${value}`))];
      }),
    );
    if (rows.length === 0) return [];
    return [{ title: `${callerText(caller)}: all cells`, heads: CELL_HEADS, rows }];
  });
}

const CELL_HEADS = [
  ...["load", "through", "requests/s", "CPU µs/request"],
  ...["p50 ms", "p99 ms", "memory MiB", "errors"],
];

/** Whether a figure stands in the first table, and not in those of cells. */
export function isHeadFigure({ figure }: Figure): boolean {
  return !CONTESTANTS.some(({ name }) => figure.startsWith(`${name}, `));
}

function ratioName(other: string, cell: Cell): string {
  return `fpzk to ${other} per core: ${cellText(cell)}`;
}
