/** One fault that struck, or one wish that was made, in the order of time. */
export interface Strike {
  readonly index: number;
  /** Simulated milliseconds. */
  readonly at: number;
  readonly name: string;
  /** What it hit, for people. */
  readonly detail: string;
}

export interface HistoryOptions {
  /** The numbers of the strikes to play; the others are left out. All when undefined. */
  readonly strikes?: ReadonlySet<number>;
}
