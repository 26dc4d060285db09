import type { HistoryResult } from "../run.js";
import type { World } from "../world/world.js";
import { SCENARIOS } from "./scenarios.js";
import { Stage } from "./stage.js";

/** Plays a directed scenario; a crash of the core counts as a failure. */
export function runScenario(
  name: string,
  options: { readonly prepare?: (world: World) => void } = {},
): HistoryResult {
  const scenario = SCENARIOS.find((each) => each.name === name);
  if (scenario === undefined) {
    const known = SCENARIOS.map((each) => each.name).join(", ");
    throw new Error(`no scenario ${name}: there are ${known}`);
  }
  const stage = new Stage(scenario.options);
  options.prepare?.(stage.world);
  try {
    scenario.play(stage);
    if (scenario.divergesOnPurpose !== true) stage.checkDivergences();
  } catch (error) {
    stage.fail("crash", `the core threw: ${(error as Error).stack}`);
  }
  const { world } = stage;
  const failures = stage.failures.filter(({ text }) => scenario.forgives?.test(text) !== true);
  const { traceHash, log } = world;
  return { seed: 0, ok: failures.length === 0, failures, traceHash, log, strikes: [] };
}
