import { CALM_SCENARIOS } from "./calm-scenarios.js";
import type { Scenario } from "./scenario.js";

/** All directed scenarios. */
export const SCENARIOS: readonly Scenario[] = [...CALM_SCENARIOS];
