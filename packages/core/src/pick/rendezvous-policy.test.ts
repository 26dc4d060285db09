import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { assertDistribution, countPicks } from "./distribution.fixture.js";
import type { ViewInstance } from "./picker.js";
import { RendezvousPolicy } from "./rendezvous-policy.js";
import { viewInstance, viewInstances } from "./view-instance.fixture.js";

const KEY_COUNT = 20_000;
const keyOf = (index: number): string => `user-${index}`;

function placements(instances: readonly ViewInstance[]): (string | undefined)[] {
  const policy = new RendezvousPolicy(instances);
  return Array.from({ length: KEY_COUNT }, (_, index) => policy.pick(keyOf(index), undefined)?.id);
}

/** Keys that moved from `before` to `after`: their old and new homes. */
function moves(
  before: readonly (string | undefined)[],
  after: readonly (string | undefined)[],
): { from: string | undefined; to: string | undefined }[] {
  return before
    .map((from, index) => ({ from, to: after[index] }))
    .filter(({ from, to }) => from !== to);
}

describe("RendezvousPolicy", () => {
  it("spreads keys equally (χ²)", () => {
    for (const count of [2, 10, 101]) {
      const instances = viewInstances(count);
      const counts = countPicks(new RendezvousPolicy(instances), instances, KEY_COUNT, { keyOf });
      assertDistribution(
        counts,
        instances.map(() => 1),
      );
    }
  });

  it("spreads keys by weight; weight 0 gets none (χ²)", () => {
    const weights = [1, 2, 3, 4, 0, 10, 10_000 / 100];
    const instances = viewInstances(weights.length, (index) => ({ weight: weights[index] ?? 0 }));
    const counts = countPicks(new RendezvousPolicy(instances), instances, KEY_COUNT, { keyOf });
    assertDistribution(counts, weights);
  });

  it("moves only the keys of one that leaves, about 1/N, and spreads them over the rest", () => {
    for (const weightOf of [() => 100, (index: number) => 50 + 10 * index]) {
      const instances = viewInstances(10, (index) => ({ weight: weightOf(index) }));
      const remaining = instances.filter(({ id }) => id !== "i4");
      const moved = moves(placements(instances), placements(remaining));
      assert.ok(moved.every(({ from }) => from === "i4"));
      assert.ok(Math.abs(moved.length / KEY_COUNT - 0.1) < 0.02, `${moved.length / KEY_COUNT}`);
      const arrivals = remaining.map(({ id }) => moved.filter(({ to }) => to === id).length);
      assertDistribution(
        arrivals,
        remaining.map(({ weight }) => weight),
      );
    }
  });

  it("moves keys only to one whose weight grew, and only as many as it must", () => {
    const before = viewInstances(10, (index) => ({ weight: 100 + index }));
    const after = before.map((instance) =>
      instance.id === "i4" ? viewInstance({ id: "i4", weight: 200 }) : instance,
    );
    const moved = moves(placements(before), placements(after));
    assert.ok(moved.length > 0 && moved.every(({ to }) => to === "i4"));
    const must = 200 / (1_045 - 104 + 200) - 104 / 1_045;
    assert.ok(Math.abs(moved.length / KEY_COUNT - must) < 0.01, `${moved.length / KEY_COUNT}`);
  });

  it("gives a key of an excluded instance to whom it would go if that one left", () => {
    const instances = viewInstances(10, (index) => ({ weight: 1 + index }));
    const policy = new RendezvousPolicy(instances);
    for (let index = 0; index < 200; index += 1) {
      const home = policy.pick(keyOf(index), undefined);
      const without = new RendezvousPolicy(instances.filter((instance) => instance !== home));
      const excluded = new Set([home?.id ?? ""]);
      assert.equal(policy.pick(keyOf(index), excluded), without.pick(keyOf(index), undefined));
    }
  });

  it("does not depend on the order of instances; hash and score agree on equal weights", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 20 }),
        fc.string(),
        (ids, key) => {
          const instances = ids.map((id) => viewInstance({ id }));
          const picked = new RendezvousPolicy(instances).pick(key, undefined);
          assert.equal(new RendezvousPolicy(instances.toReversed()).pick(key, undefined), picked);
          // One of weight 0 switches to scores and takes no key.
          const scored = new RendezvousPolicy([...instances, viewInstance({ id: "-", weight: 0 })]);
          assert.equal(scored.pick(key, undefined), picked);
        },
      ),
    );
  });

  it("has nothing left when all are excluded", () => {
    const policy = new RendezvousPolicy(viewInstances(2));
    assert.equal(policy.pick("", new Set(["i0", "i1"])), undefined);
  });
});
