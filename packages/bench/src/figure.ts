/** One measured number, what it should be, and how runs are summed up. */

export interface Figure {
  readonly bench: string;
  /** What was measured; unique within its bench. */
  readonly figure: string;
  readonly value: number;
  readonly unit: string;
  /** What the project promises itself; null when the figure is only told. */
  readonly goal: number | null;
  readonly better: "lower" | "higher";
}

/** One figure over several runs. */
export interface MeasuredFigure extends Figure {
  /** Median, as {@link Figure.value} is. */
  readonly value: number;
  readonly lowest: number;
  readonly highest: number;
  readonly runCount: number;
}

export function isMet(figure: Figure): boolean {
  if (figure.goal === null) return true;
  return figure.better === "lower" ? figure.value <= figure.goal : figure.value >= figure.goal;
}

/** Figures of several runs, in the order in which they were first seen. */
export function summarize(runs: readonly (readonly Figure[])[]): MeasuredFigure[] {
  const byName = new Map<string, Figure[]>();
  for (const figure of runs.flat()) {
    const name = `${figure.bench}\n${figure.figure}`;
    const known = byName.get(name);
    if (known === undefined) byName.set(name, [figure]);
    else known.push(figure);
  }
  return [...byName.values()].map((figures) => {
    const values = figures.map((figure) => figure.value).sort((a, b) => a - b);
    return {
      ...(figures[0] as Figure),
      value: medianOfSorted(values),
      lowest: values[0] as number,
      highest: values.at(-1) as number,
      runCount: values.length,
    };
  });
}

function medianOfSorted(values: readonly number[]): number {
  const middle = values.length >>> 1;
  const upper = values[middle] as number;
  return values.length % 2 === 1 ? upper : ((values[middle - 1] as number) + upper) / 2;
}

/** Three significant digits at least, and no more decimals than tell something. */
export function numberText(value: number): string {
  const magnitude = Math.abs(value);
  const digits = magnitude >= 100 ? 0 : magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : 3;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}
