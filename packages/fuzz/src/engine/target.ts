/** What is fuzzed: one parser, one state machine or one endpoint, as a function of bytes. */
import type { Random } from "@fpzk/core";

/** How inputs are made of other inputs; see `mutation.ts`. */
export type InputForm = "bytes" | "frame" | "json" | "text" | "tape";

export interface Target {
  readonly name: string;
  readonly form: InputForm;
  /** Valid inputs to begin with. */
  readonly seeds: (random: Random) => Uint8Array[];
  /** Texts that the grammar gives a meaning. */
  readonly words?: readonly string[];
  /**
   * Takes one input. Whatever it throws is a finding; an orderly refusal is not thrown. A target
   * that keeps something open between two inputs closes it in `end`.
   */
  readonly run: (input: Uint8Array) => void | Promise<void>;
  /** Before the first input. */
  readonly start?: () => Promise<void>;
  readonly end?: () => Promise<void>;
  /** Compiled files whose coverage guides the search, as parts of their paths. Absent: unguided. */
  readonly covers?: readonly string[];
  /** Longest input; longer ones are cut. */
  readonly maxBytes: number;
}

/** What an input did that no input may do. */
export class Violation extends Error {
  override readonly name = "Violation";
}
