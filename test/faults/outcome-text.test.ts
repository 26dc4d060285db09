import assert from "node:assert/strict";
import { test } from "node:test";
import { outcomesMarkdown, outcomeText } from "./outcome-text.js";
import type { Outcome } from "./scenario.js";

function outcome(name: string, status: Outcome["status"]): Outcome {
  return {
    ...{ name, title: `does ${name}`, status, reason: status === "skipped" ? "needs root" : "" },
    rows: [{ what: "took", measured: "3 | 4 ms", isGood: status === "passed" }],
    checkCounts: new Map([
      ["S2", 2],
      ["S1", 1_000],
    ]),
    excuseCounts: new Map([["S2", 5]]),
    ...{ violations: [], trail: "", elapsedMs: 1_234 },
  };
}

test("a table keeps the rows of scenarios that were not played now, in the order of all", () => {
  const order = ["a", "b", "c"];
  const first = outcomesMarkdown([outcome("b", "passed")], "", order, "abc");
  const second = outcomesMarkdown([outcome("a", "skipped")], first, order, "def");
  assert.deepEqual(second.split("\n").slice(2), [
    "| `a` | does a | took: 3 / 4 ms; needs root | S1 1,000, S2 2 (and 5 not judged) | skipped (1234 ms; def) |",
    "| `b` | does b | took: 3 / 4 ms | S1 1,000, S2 2 (and 5 not judged) | passed (1234 ms; abc) |",
  ]);
  const third = outcomesMarkdown([outcome("b", "failed")], second, order, "ghi");
  assert.match(third, /`b`.*failed \(1234 ms; ghi\)/);
  assert.doesNotMatch(third, /abc/);
});

test("a terminal shows what was bad", () => {
  assert.match(outcomeText(outcome("a", "failed")), /BAD took {2}3 \| 4 ms/);
  assert.match(outcomeText(outcome("a", "passed")), /ok {2}took/);
});
