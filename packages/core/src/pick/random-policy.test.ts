import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SeededRandom } from "../random.js";
import { assertDistribution, countPicks } from "./distribution.fixture.js";
import { RandomPolicy } from "./random-policy.js";
import { viewInstances } from "./view-instance.fixture.js";

describe("RandomPolicy", () => {
  it("picks each equally often (χ²)", () => {
    for (const count of [1, 2, 10, 97]) {
      const instances = viewInstances(count);
      const policy = new RandomPolicy(instances, new SeededRandom(count));
      assertDistribution(
        countPicks(policy, instances, 20_000),
        instances.map(() => 1),
      );
    }
  });

  it("picks what is not excluded equally often, whether few or most are excluded (χ²)", () => {
    const instances = viewInstances(20);
    for (const excludedCount of [1, 10, 17]) {
      const excluded = new Set(instances.slice(0, excludedCount).map(({ id }) => id));
      const policy = new RandomPolicy(instances, new SeededRandom(excludedCount));
      const counts = countPicks(policy, instances, 20_000, { excluded });
      assertDistribution(
        counts,
        instances.map(({ id }) => (excluded.has(id) ? 0 : 1)),
      );
    }
  });

  it("has nothing left when all are excluded", () => {
    const policy = new RandomPolicy(viewInstances(2), new SeededRandom(1));
    assert.equal(policy.pick("", new Set(["i0", "i1"])), undefined);
  });
});
