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
  /** Set where copies are made to differ on purpose: elsewhere they never may (R11). */
  readonly divergesOnPurpose?: boolean;
  /** What oracles say of what the scenario itself broke. */
  readonly forgives?: RegExp;
  /** A known defect of the core that it shows, until that is mended. */
  readonly isOpen?: string;
  readonly play: (stage: Stage) => void;
}
