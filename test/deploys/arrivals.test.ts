import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "@fpzk/core";
import { Arrivals } from "./arrivals.js";

test("arrivals keep their rate and do not wait for a caller that stands still", () => {
  const arrivals = new Arrivals({ ratePerSecond: 1_000 }, new SeededRandom(1), 500);
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

test("the rate rises from a tenth", () => {
  const rising = { ratePerSecond: 1_000, rampMs: 10_000 };
  const arrivals = new Arrivals(rising, new SeededRandom(1), 500);
  const [first, middle, after] = [1_500, 10_500, 11_500].map((ms) => arrivals.due(ms).length);
  assert.ok(Math.abs((first ?? 0) - 145) < 60, `${first}`);
  // The mean of all ten seconds is 0.55.
  assert.ok(Math.abs((first ?? 0) + (middle ?? 0) - 5_500) < 400, `${middle}`);
  assert.ok(Math.abs((after ?? 0) - 1_000) < 150, `${after}`);
});
