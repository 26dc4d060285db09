/** What a benchmark is, and how large it is to be. */
import type { Figure, MeasuredFigure } from "./figure.js";
import type { Table } from "./report.js";

/** `tiny` only keeps the code from rotting; `quick` gives a first look. */
export type Scale = "tiny" | "quick" | "full";

export interface BenchContext {
  readonly scale: Scale;
  /** From 1; what is long may be measured in the first run only. */
  readonly runNumber: number;
  /** Says what runs now. */
  readonly progress: (text: string) => void;
  /** Arguments for the server's `node`, for profiling. */
  readonly serverExecArgv: readonly string[];
}

export interface Bench {
  readonly name: string;
  /** What is loaded with what, for readers of the table. */
  readonly title: string;
  /** Long benches are not run more often than this. */
  readonly runCountMax?: number;
  /** How its figures are shown, when one row for each would be too much. */
  readonly tables?: (figures: readonly MeasuredFigure[]) => readonly Table[];
  /** Where its own tables go, instead of `docs/performance.md`: a page with the same markers. */
  readonly document?: {
    /** From the repository's root. */
    readonly path: string;
    readonly text: (figures: readonly MeasuredFigure[]) => string;
  };
  run(context: BenchContext): Promise<Figure[]>;
}

/** The value for the scale of a run. */
export function sized<T>(context: BenchContext, values: Readonly<Record<Scale, T>>): T {
  return values[context.scale];
}
