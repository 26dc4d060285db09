import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { shrink } from "./shrink.js";

const ROOMY = { tryCountMax: 10_000 };

test("what is left fails, and nothing of it can be left out", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 40 }),
      fc.uniqueArray(fc.nat(39), { maxLength: 5 }),
      async (count, picked) => {
        const items = [...Array(count).keys()];
        const culprits = picked.filter((item) => item < count);
        const fails = async (part: readonly number[]) =>
          culprits.every((culprit) => part.includes(culprit));
        const left = await shrink(items, fails, ROOMY);
        assert.deepEqual(
          left,
          [...culprits].sort((a, b) => a - b),
        );
      },
    ),
    { numRuns: 200 },
  );
});

test("one of several causes is enough", async () => {
  const fails = async (part: readonly number[]) => part.includes(3) || part.includes(17);
  const left = await shrink([...Array(20).keys()], fails, ROOMY);
  assert.equal(left.length, 1);
});

test("tries are bounded, and what is left then still fails", async () => {
  let tryCount = 0;
  const fails = async (part: readonly number[]) => {
    tryCount += 1;
    return part.includes(0) && part.includes(99);
  };
  const left = await shrink([...Array(100).keys()], fails, { tryCountMax: 7 });
  assert.equal(tryCount, 7);
  assert.ok(left.includes(0) && left.includes(99));
});
