import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { SeededRandom } from "../random.js";
import { AliasTable } from "./alias-table.js";
import { assertDistribution } from "./distribution.fixture.js";

function check(weights: readonly number[], shares: readonly number[], seed = 1): void {
  const table = new AliasTable(weights);
  const random = new SeededRandom(seed);
  const counts = weights.map(() => 0);
  for (let draw = 0; draw < 20_000; draw += 1) {
    const index = table.draw(random);
    counts[index] = (counts[index] ?? 0) + 1;
  }
  assertDistribution(counts, shares);
}

describe("AliasTable", () => {
  it("draws in proportion to weights (χ²)", () => {
    check([5], [5]);
    check([1, 3], [1, 3]);
    check([100, 1, 10_000, 0, 100], [100, 1, 10_000, 0, 100]);
    check(
      Array.from({ length: 200 }, (_, index) => index),
      Array.from({ length: 200 }, (_, index) => index),
    );
  });

  it("takes weights that are all 0 for equal", () => {
    check([0, 0, 0], [1, 1, 1]);
  });

  it("never draws a weight of 0, and follows any weights (χ²)", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(10_000), { minLength: 1, maxLength: 30 }),
        fc.nat(),
        (weights, seed) => {
          const isAllZero = weights.every((weight) => weight === 0);
          check(weights, isAllZero ? weights.map(() => 1) : weights, seed);
        },
      ),
      { numRuns: 50, seed: 42 },
    );
  });

  it("refuses an empty list", () => {
    assert.throws(() => new AliasTable([]), /at least one weight/);
  });
});
