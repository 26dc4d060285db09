import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SeededRandom } from "../random.js";
import { instant } from "../time.js";
import { assertDistribution, countPicks, sum } from "./distribution.fixture.js";
import type { GroupPolicy } from "./group-policy.js";
import { LeastRequestPolicy } from "./least-request-policy.js";
import type { ViewInstance } from "./picker.js";
import { RandomPolicy } from "./random-policy.js";
import { viewInstances } from "./view-instance.fixture.js";

const NOW = instant(0);

/** Requests that never end: the largest excess over the mean is the imbalance. */
function imbalanceOf(policy: GroupPolicy, instances: readonly ViewInstance[]): number {
  for (let request = 0; request < instances.length * 10; request += 1) {
    const picked = policy.pick("", undefined, NOW);
    assert.ok(picked !== undefined);
    picked.load.activeCount += 1;
  }
  return Math.max(...instances.map(({ load }) => load.activeCount)) - 10;
}

describe("LeastRequestPolicy", () => {
  it("balances far better than random (Mitzenmacher 2001)", () => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const forTwo = viewInstances(1_000);
      const forOne = viewInstances(1_000);
      const two = imbalanceOf(new LeastRequestPolicy(forTwo, new SeededRandom(seed)), forTwo);
      const one = imbalanceOf(new RandomPolicy(forOne, new SeededRandom(seed)), forOne);
      assert.ok(two <= 4 && one >= 9, `excess ${two} of two choices, ${one} of one`);
    }
  });

  it("picks by weight when all are idle (χ² of single draws on equal weights)", () => {
    const instances = viewInstances(9);
    const policy = new LeastRequestPolicy(instances, new SeededRandom(2));
    assertDistribution(
      countPicks(policy, instances, 20_000),
      instances.map(() => 1),
    );
    const weights = [1, 3, 0, 6];
    const weighted = viewInstances(4, (index) => ({ weight: weights[index] ?? 0 }));
    const byWeight = new LeastRequestPolicy(weighted, new SeededRandom(3));
    assertDistribution(countPicks(byWeight, weighted, 20_000), weights);
  });

  it("keeps requests in flight in proportion to weights", () => {
    const weights = [100, 200, 300, 400];
    const instances = viewInstances(4, (index) => ({ weight: weights[index] ?? 0 }));
    const policy = new LeastRequestPolicy(instances, new SeededRandom(4));
    countActive(policy, 10_000);
    const active = instances.map(({ load }) => load.activeCount);
    active.forEach((count, index) => {
      const expected = (10_000 * (weights[index] ?? 0)) / sum(weights);
      assert.ok(Math.abs(count - expected) < expected * 0.05, `${active}`);
    });
  });

  it("always prefers the idle one of two", () => {
    const instances = viewInstances(2, (index) => ({ activeCount: index === 0 ? 1 : 0 }));
    const policy = new LeastRequestPolicy(instances, new SeededRandom(5));
    assert.deepEqual(countPicks(policy, instances, 1_000), [0, 1_000]);
  });

  it("compares loads also when all weights are 0", () => {
    const instances = viewInstances(2, (index) => ({ weight: 0, activeCount: index * 5 }));
    const policy = new LeastRequestPolicy(instances, new SeededRandom(6));
    assert.deepEqual(countPicks(policy, instances, 1_000), [1_000, 0]);
  });

  it("passes over the excluded, and has nothing left when all are", () => {
    const instances = viewInstances(5);
    const policy = new LeastRequestPolicy(instances, new SeededRandom(7));
    const excluded = new Set(["i0", "i1", "i2"]);
    const counts = countPicks(policy, instances, 10_000, { excluded });
    assertDistribution(counts, [0, 0, 0, 1, 1]);
    assert.equal(policy.pick("", new Set(instances.map(({ id }) => id)), NOW), undefined);
  });
});

function countActive(policy: GroupPolicy, requestCount: number): void {
  for (let request = 0; request < requestCount; request += 1) {
    const picked = policy.pick("", undefined, NOW);
    if (picked !== undefined) picked.load.activeCount += 1;
  }
}
