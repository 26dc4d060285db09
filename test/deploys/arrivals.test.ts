import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "@fpzk/core";
import { Arrivals } from "./arrivals.js";

test("arrivals keep their rate and do not wait for a caller that stands still", () => {
  const arrivals = new Arrivals(1_000, new SeededRandom(1), 500);
  assert.deepEqual(arrivals.due(500), []);
  const early = arrivals.due(1_500);
  // A stall of ten seconds: everything intended meanwhile is due, at its own time.
  const late = arrivals.due(11_500);
  assert.ok(Math.abs(early.length - 1_000) < 150, `${early.length}`);
  assert.ok(Math.abs(late.length - 10_000) < 500, `${late.length}`);
  const all = [...early, ...late];
  assert.deepEqual(
    all,
    all.toSorted((a, b) => a - b),
  );
  assert.ok((all[0] ?? 0) > 500 && (all.at(-1) ?? 0) <= 11_500);
});
