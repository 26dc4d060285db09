import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { assertDistribution } from "../pick/distribution.fixture.js";
import { SeededRandom } from "../random.js";
import { Split } from "./split.js";

const KEYS = Array.from({ length: 20_000 }, (_, index) => `user-${index}`);

function splitOf(weights: readonly number[]): Split<number> {
  return new Split(weights.map((weight, value) => ({ value, weight })));
}

/** How many of the draws each choice got. */
function countsOf(weights: readonly number[], keyOf: (draw: number) => string | undefined) {
  const split = splitOf(weights);
  const random = new SeededRandom(3);
  const counts = weights.map(() => 0);
  for (let draw = 0; draw < KEYS.length; draw += 1) {
    const choice = split.choose(keyOf(draw), random);
    counts[choice] = (counts[choice] ?? 0) + 1;
  }
  return counts;
}

describe("Split", () => {
  it("follows the weights, by chance and by key (χ²)", () => {
    for (const weights of [[1], [95, 5], [1, 2, 3, 4], [0, 10, 1]]) {
      assertDistribution(
        countsOf(weights, () => undefined),
        weights,
      );
      assertDistribution(
        countsOf(weights, (draw) => KEYS[draw]),
        weights,
      );
    }
    assertDistribution(
      countsOf([0, 0], () => undefined),
      [1, 1],
    );
  });

  it("a key stays; when the last one's share grows, keys only move to it", () => {
    const random = new SeededRandom(1);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 99 }), fc.integer({ min: 0, max: 99 }), (a, b) => {
        const [less, more] = a < b ? [a, b] : [b, a];
        const before = splitOf([100 - less, less]);
        const after = splitOf([100 - more, more]);
        let movedCount = 0;
        for (const key of KEYS.slice(0, 500)) {
          const was = before.choose(key, random);
          assert.equal(was, before.choose(key, random));
          const is = after.choose(key, random);
          if (was === 1) assert.equal(is, 1, `${key} saw the new version and then the old`);
          if (was !== is) movedCount += 1;
        }
        const expected = ((more - less) / 100) * 500;
        assert.ok(Math.abs(movedCount - expected) < 60, `${movedCount} moved, not ${expected}`);
      }),
      { numRuns: 30, seed: 42 },
    );
  });
});
