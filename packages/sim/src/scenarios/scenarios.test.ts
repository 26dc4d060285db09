import assert from "node:assert/strict";
import { test } from "node:test";
import { failureText } from "../oracles/verdict.js";
import { runScenario } from "./run-scenario.js";
import { SCENARIOS } from "./scenarios.js";

for (const { name, story, isOpen } of SCENARIOS) {
  test(`scenario ${name}: ${story}`, { timeout: 60_000 }, () => {
    const [failure] = runScenario(name).failures;
    const text = failure === undefined ? "" : failureText(failure);
    if (isOpen === undefined) {
      assert.equal(text, "", `npm run sim -- --scenario ${name}   # ${text}`);
    } else {
      const advice = `${name} holds: what was open is mended, so take its \`isOpen\` out`;
      assert.notEqual(text, "", advice);
    }
  });
}

test("scenarios have names and stories of their own", () => {
  assert.equal(new Set(SCENARIOS.map(({ name }) => name)).size, SCENARIOS.length);
  assert.equal(new Set(SCENARIOS.map(({ story }) => story)).size, SCENARIOS.length);
  assert.throws(() => runScenario("none"), /no scenario none: there are/);
});
