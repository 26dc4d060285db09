/** What all policies by key promise: spread, disruption, bounded load. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { instant } from "../time.js";
import { assertDistribution, countPicks, sum } from "./distribution.fixture.js";
import type { GroupPolicy } from "./group-policy.js";
import { MaglevPolicy } from "./maglev-policy.js";
import type { ViewInstance } from "./picker.js";
import { disruptionOf, keyOf } from "./placement.fixture.js";
import { RendezvousPolicy } from "./rendezvous-policy.js";
import { RingHashPolicy } from "./ring-hash-policy.js";
import { viewInstance, viewInstances } from "./view-instance.fixture.js";

const NOW = instant(0);

interface Keyed {
  readonly name: string;
  readonly create: (
    instances: readonly ViewInstance[],
    options?: { keyLoadFactor: number },
  ) => GroupPolicy;
  /** Standard deviation of shares, relative to their mean, that its structure brings. */
  readonly unevenness: number;
  /** Share of keys that may move without need when one of 50 leaves or joins. */
  readonly needlessRatioMax: number;
}

const KEYED: readonly Keyed[] = [
  {
    name: "rendezvous",
    create: (instances, options) => new RendezvousPolicy(instances, options),
    ...{ unevenness: 0, needlessRatioMax: 0 },
  },
  {
    name: "ring-hash",
    create: (instances, options) => new RingHashPolicy(instances, options),
    ...{ unevenness: 0.0625, needlessRatioMax: 0 },
  },
  {
    name: "maglev",
    create: (instances, options) => new MaglevPolicy(instances, options),
    ...{ unevenness: 0, needlessRatioMax: 0.03 },
  },
];

for (const { name, create, unevenness, needlessRatioMax } of KEYED) {
  describe(name, () => {
    it("spreads keys by weight (χ²; of a ring, the variance of its arcs)", () => {
      for (const weightOf of [() => 100, (index: number) => 50 * (1 + (index % 4))]) {
        const instances = viewInstances(40, (index) => ({ weight: weightOf(index) }));
        const counts = countPicks(create(instances), instances, 40_000, { keyOf });
        const weights = instances.map(({ weight }) => weight);
        if (unevenness === 0) assertDistribution(counts, weights);
        else assertUnevenness(counts, weights, unevenness);
      }
    });

    it("gives weight 0 no key unless all have it", () => {
      const some = viewInstances(3, (index) => ({ weight: index }));
      assert.equal(countPicks(create(some), some, 1_000, { keyOf })[0], 0);
      const none = viewInstances(3, () => ({ weight: 0 }));
      const counts = countPicks(create(none), none, 3_000, { keyOf });
      assert.ok(
        counts.every((count) => count > 700),
        `${counts}`,
      );
    });

    it("moves the keys of one that leaves or joins, about 1/N, and few others", () => {
      const all = viewInstances(50);
      const without = all.filter(({ id }) => id !== "i7");
      for (const [before, after] of [
        [all, without],
        [without, all],
      ] as const) {
        const disruption = disruptionOf(create(before), create(after), "i7");
        assert.ok(Math.abs(disruption.neededRatio - 0.02) < 0.006, JSON.stringify(disruption));
        assert.ok(disruption.needlessRatio <= needlessRatioMax, JSON.stringify(disruption));
      }
    });

    it("gives equal answers for any order of instances, and spares the excluded", () => {
      fc.assert(
        fc.property(
          fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 8 }),
          fc.array(fc.string(), { minLength: 20, maxLength: 20 }),
          fc.nat(8),
          (ids, keys, excludedCount) => {
            const instances = ids.map((id) => viewInstance({ id }));
            const policy = create(instances);
            const reversed = create(instances.toReversed());
            const excluded = new Set(ids.slice(0, excludedCount));
            for (const key of keys) {
              const picked = policy.pick(key, undefined, NOW);
              assert.equal(reversed.pick(key, undefined, NOW), picked);
              const other = policy.pick(key, excluded, NOW);
              assert.equal(other === undefined, excluded.size === ids.length);
              assert.ok(other === undefined || !excluded.has(other.id));
              if (picked !== undefined && !excluded.has(picked.id)) assert.equal(other, picked);
            }
          },
        ),
        { numRuns: 25 },
      );
    });

    it("bounds the load of every instance, whatever the keys (Mirrokni 2016)", () => {
      for (const keyLoadFactor of [1.05, 1.25, 2]) {
        const instances = viewInstances(10, (index) => ({ weight: 50 + 10 * index }));
        const policy = create(instances, { keyLoadFactor });
        const weightSum = sum(instances.map(({ weight }) => weight));
        for (let call = 1; call <= 500; call += 1) {
          // Half of all calls have the same key.
          const key = call % 2 === 0 ? "hot" : keyOf(call);
          const picked = policy.pick(key, undefined, NOW);
          assert.ok(picked !== undefined);
          picked.load.begin();
          const bound = Math.ceil((keyLoadFactor * call * picked.weight) / weightSum);
          assert.ok(picked.load.activeCount <= bound, `${picked.load.activeCount} > ${bound}`);
        }
      }
    });

    it("keeps a key at home while there is room, and gives up the bound before the call", () => {
      const instances = viewInstances(4);
      const policy = create(instances, { keyLoadFactor: 1.5 });
      const free = create(instances);
      for (let index = 0; index < 100; index += 1) {
        const key = keyOf(index);
        assert.equal(policy.pick(key, undefined, NOW), free.pick(key, undefined, NOW));
      }
      for (const instance of instances) instance.load.activeCount = instance.id === "i0" ? 100 : 0;
      const others = new Set(["i1", "i2", "i3"]);
      assert.equal(policy.pick("key", others, NOW)?.id, "i0");
    });
  });
}

/** Fails when shares differ by more than arcs of a ring do; one run in a thousand would. */
function assertUnevenness(
  counts: readonly number[],
  weights: readonly number[],
  unevenness: number,
): void {
  const total = sum(counts);
  const weightSum = sum(weights);
  const deviations = counts.map((count, index) => {
    const expected = (total * (weights[index] ?? 0)) / weightSum;
    return (count - expected) / expected;
  });
  const deviation = Math.sqrt(sum(deviations.map((each) => each ** 2)) / counts.length);
  const ofCounting = Math.sqrt(counts.length / total);
  const expected = Math.sqrt(unevenness ** 2 + ofCounting ** 2);
  assert.ok(deviation < expected * 1.5, `shares deviate by ${deviation}, expected ${expected}`);
}
