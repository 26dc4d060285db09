import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SeededRandom } from "../random.js";
import { assertDistribution, countPicks } from "./distribution.fixture.js";
import { viewInstances } from "./view-instance.fixture.js";
import { WeightedPolicy } from "./weighted-policy.js";

const WEIGHTS = [1, 2, 3, 0, 10, 100];

function check(weights: readonly number[], excludedIds: readonly string[], shares: number[]): void {
  const instances = viewInstances(weights.length, (index) => ({ weight: weights[index] ?? 0 }));
  const policy = new WeightedPolicy(instances, new SeededRandom(5));
  const excluded = excludedIds.length > 0 ? { excluded: new Set(excludedIds) } : {};
  assertDistribution(countPicks(policy, instances, 30_000, excluded), shares);
}

describe("WeightedPolicy", () => {
  it("picks in proportion to weights (χ²)", () => {
    check(WEIGHTS, [], WEIGHTS);
  });

  it("keeps the proportions of what is not excluded (χ²)", () => {
    check(WEIGHTS, ["i0"], [0, 2, 3, 0, 10, 100]);
    check(WEIGHTS, ["i5"], [1, 2, 3, 0, 10, 0]);
    check(WEIGHTS, ["i5", "i4"], [1, 2, 3, 0, 0, 0]);
  });

  it("takes weights that are all 0 for equal (χ²)", () => {
    check([0, 0, 0], [], [1, 1, 1]);
  });

  it("still finds an instance of weight 0 when only such are not excluded", () => {
    check([0, 5], ["i1"], [1, 0]);
  });

  it("has nothing left when all are excluded", () => {
    const policy = new WeightedPolicy(viewInstances(2), new SeededRandom(1));
    assert.equal(policy.pick("", new Set(["i0", "i1"])), undefined);
  });
});
