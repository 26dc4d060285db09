/** The short scenarios, each on nine real servers; all of them with `npm run faults -- --all`. */
import { after, describe, test } from "node:test";
import { outcomeText } from "./outcome-text.js";
import { closeStages, play } from "./scenario.js";
import { SCENARIOS } from "./scenarios/index.js";

const SEED = 1;

describe("faults against real processes", { timeout: 280_000 }, () => {
  after(() => closeStages());

  for (const scenario of SCENARIOS.filter((each) => each.isShort)) {
    test(`${scenario.name}: ${scenario.title}`, async (t) => {
      const outcome = await play(scenario, SEED);
      t.diagnostic(outcomeText(outcome));
      if (outcome.status === "skipped") t.skip(outcome.reason);
      if (outcome.status === "failed") throw new Error(outcomeText(outcome));
    });
  }
});
