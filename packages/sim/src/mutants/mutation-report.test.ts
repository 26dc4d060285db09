import assert from "node:assert/strict";
import { test } from "node:test";
import { SCENARIOS } from "../scenarios/scenarios.js";
import { MUTANTS } from "./catalogue.js";
import { FIRST_PLAYED } from "./first-played.js";
import { markdownOf, summaryOf, summaryText } from "./mutation-report.js";
import type { MutantVerdict } from "./mutation-run.js";
import { SURVIVORS } from "./survivors.js";

function verdict(name: string, oracle: string | undefined): MutantVerdict {
  const mutant = { name, story: `story of ${name}`, file: "x.js", find: "a", replace: "b" };
  const job = oracle === undefined ? undefined : "--seed 1";
  return { mutant, oracle, text: "", job, jobCount: 3, elapsedMs: 1_000 };
}

test("the last line counts what was caught, rounded down", () => {
  const verdicts = [verdict("a", "P4"), verdict("b", undefined), verdict("c", "assert")];
  assert.equal(summaryText(summaryOf(verdicts)), "caught 2 of 3 (66.6 %)");
  assert.equal(summaryText(summaryOf([])), "caught 0 of 0 (0 %)");
});

test("the table has a line for each defect", () => {
  const run = { commit: "abc", elapsedMs: 60_000, workerCount: 2 };
  const table = markdownOf([verdict("a", "P4")], { jobs: [], failing: [] }, run);
  assert.match(table, /\| a \| story of a \| P4, `--seed 1` \| 3 \|/);
});

test("only defects of the list are explained as survivors", () => {
  const names = new Set(MUTANTS.map(({ name }) => name));
  for (const name of Object.keys(SURVIVORS)) assert.ok(names.has(name), name);
});

test("what is played first are defects and scenarios that there are", () => {
  const [mutants, scenarios] = [MUTANTS, SCENARIOS].map(
    (list) => new Set(list.map(({ name }) => name)),
  );
  for (const [mutant, scenario] of Object.entries(FIRST_PLAYED)) {
    assert.ok(mutants?.has(mutant), mutant);
    assert.ok(scenarios?.has(scenario), scenario);
  }
});
