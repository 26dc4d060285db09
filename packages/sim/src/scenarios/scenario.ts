/**
 * A directed scenario: one short history that is written down instead of drawn.
 *
 * Random histories find what nobody thought of; scenarios look at what has to be set up with care
 * (a service larger than one message, a node away for longer than removals are remembered, a
 * thousand clients at one node), and at promises that are about one situation. The oracles of
 * random histories look on as well.
 */
import type { Stage, StageOptions } from "./stage.js";

export interface Scenario {
  /** Kebab-case, unique. */
  readonly name: string;
  /** What is done, and what must hold. */
  readonly story: string;
  readonly options?: StageOptions;
  readonly play: (stage: Stage) => void;
}
