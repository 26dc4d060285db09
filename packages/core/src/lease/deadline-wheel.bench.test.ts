import assert from "node:assert/strict";
import { it } from "node:test";
import { benchDeadlineWheel } from "./deadline-wheel.bench.js";

it("the benchmark of the deadline wheel runs, and expires each id once", () => {
  assert.equal(benchDeadlineWheel(1_000, 4).expiredCount, 1_000);
});
