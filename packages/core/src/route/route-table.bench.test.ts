import assert from "node:assert/strict";
import { it } from "node:test";
import { benchRoutes } from "./route-table.bench.js";

it("the benchmark of routes runs", () => {
  const results = benchRoutes({ routeCounts: [3], measureMs: 1 });
  assert.equal(results.length, 4);
  for (const { matchesPerSecond } of results) assert.ok(matchesPerSecond > 0);
});
