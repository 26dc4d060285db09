import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SeededRandom } from "../random.js";
import { assertDistribution, countPicks } from "./distribution.fixture.js";
import { RoundRobinPolicy } from "./round-robin-policy.js";
import { viewInstances } from "./view-instance.fixture.js";

describe("RoundRobinPolicy", () => {
  it("picks each exactly once per round", () => {
    const instances = viewInstances(7);
    const policy = new RoundRobinPolicy(instances, new SeededRandom(1));
    assert.deepEqual(
      countPicks(policy, instances, 70),
      instances.map(() => 10),
    );
  });

  it("starts anywhere, so that many callers do not march in step (χ²)", () => {
    const instances = viewInstances(7);
    const random = new SeededRandom(2);
    const firstPick = { pick: () => new RoundRobinPolicy(instances, random).pick("", undefined) };
    assertDistribution(
      countPicks(firstPick, instances, 7_000),
      instances.map(() => 1),
    );
  });

  it("passes over the excluded, and has nothing left when all are", () => {
    const instances = viewInstances(3);
    const policy = new RoundRobinPolicy(instances, new SeededRandom(3));
    const counts = countPicks(policy, instances, 10, { excluded: new Set(["i1"]) });
    assert.deepEqual(counts, [5, 0, 5]);
    assert.equal(policy.pick("", new Set(["i0", "i1", "i2"])), undefined);
  });
});
