/** What an operator who drains many instances, or lifts that, is answered: here, and to the CLI. */
import type { ErrorCode } from "@fpzk/core";
import type { DrainOutcome } from "../registry-port.js";

interface InstanceLine<Type extends string> {
  readonly type: Type;
  readonly service: string;
  readonly id: string;
}

/** One line (NDJSON) of a drain of many. */
export type DrainLine =
  | { readonly type: "plan"; readonly instanceCount: number; readonly serviceCount: number }
  | InstanceLine<"draining">
  | (InstanceLine<"drained"> & DrainOutcome)
  | (InstanceLine<"held"> & { readonly upCount: number; readonly totalCount: number })
  | (InstanceLine<"failed"> & { readonly code: ErrorCode; readonly reason: string })
  /** A sign of life while nothing else is to be told. */
  | { readonly type: "alive" }
  /** The last one: not complete when the reader went away before all had begun. */
  | ({ readonly type: "end"; readonly isComplete: boolean } & DrainCounts);

export interface DrainCounts {
  /** Confirmed by everyone. */
  readonly drainedCount: number;
  /** Out, but not confirmed by everyone in time. */
  readonly unconfirmedCount: number;
  readonly heldCount: number;
  readonly failedCount: number;
}

/** Whose own state is shown again, and whose could not be. */
export interface LiftOutcome {
  readonly lifted: readonly { readonly service: string; readonly id: string }[];
  readonly failed: readonly {
    readonly service: string;
    readonly id: string;
    readonly code: ErrorCode;
    readonly reason: string;
  }[];
}
