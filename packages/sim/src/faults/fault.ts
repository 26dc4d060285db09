import type { Stage } from "../history/stage.js";

/** Something that may strike in a history: a fault, or a wish of a program or an operator. */
export interface Fault {
  readonly name: string;
  /** How often it is drawn among those that a history knows. */
  readonly weight: number;
  /**
   * Strikes, and plans how it ends; draws from the stage alone.
   *
   * @returns What was hit, for people; undefined when there was nothing to hit.
   */
  readonly strike: (stage: Stage) => string | undefined;
}
