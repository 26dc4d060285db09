import { ACCUSATION_SCENARIOS } from "./accusation-scenarios.js";
import { CALM_SCENARIOS } from "./calm-scenarios.js";
import { CLAIM_SCENARIOS } from "./claim-scenarios.js";
import { COPY_SCENARIOS } from "./copy-scenarios.js";
import { LIFE_SCENARIOS } from "./life-scenarios.js";
import { NODE_SCENARIOS } from "./node-scenarios.js";
import { PROMISE_SCENARIOS } from "./promise-scenarios.js";
import type { Scenario } from "./scenario.js";
import { VIEW_SCENARIOS } from "./view-scenarios.js";

/** All directed scenarios. */
export const SCENARIOS: readonly Scenario[] = [
  ...CALM_SCENARIOS,
  ...COPY_SCENARIOS,
  ...VIEW_SCENARIOS,
  ...LIFE_SCENARIOS,
  ...NODE_SCENARIOS,
  ...PROMISE_SCENARIOS,
  ...CLAIM_SCENARIOS,
  ...ACCUSATION_SCENARIOS,
];
