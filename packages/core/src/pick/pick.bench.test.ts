import assert from "node:assert/strict";
import { it } from "node:test";
import { benchPickers } from "./pick.bench.js";
import { PolicyName } from "./picker.js";

it("the benchmark of pickers runs", () => {
  const results = benchPickers({ instanceCounts: [3], measureMs: 1 });
  assert.equal(results.length, 2 * Object.values(PolicyName).length);
  for (const { picksPerSecond, checksum } of results) assert.ok(picksPerSecond > 0 && checksum > 0);
});
