import assert from "node:assert/strict";
import { test } from "node:test";
import { minimize } from "./minimize.js";

const hasSeven = (input: Uint8Array) => Promise.resolve(input.includes(7));

test("what a failure does not need is left out", async () => {
  const input = Uint8Array.from({ length: 100 }, (_, index) => (index === 63 ? 7 : 200));
  assert.deepEqual([...(await minimize(input, hasSeven))], [7]);
});

test("what cannot be left out becomes zeros", async () => {
  const isLong = (input: Uint8Array) => Promise.resolve(input.length === 4 && input[2] === 9);
  assert.deepEqual([...(await minimize(Uint8Array.of(5, 6, 9, 8), isLong))], [0, 0, 9, 0]);
});

test("it ends when its runs, or its time, are used up", async () => {
  let runCount = 0;
  const counted = (input: Uint8Array) => {
    runCount += 1;
    return hasSeven(input);
  };
  const input = new Uint8Array(64).fill(7);
  const smallest = await minimize(input, counted, { runCountMax: 3 });
  assert.equal(runCount, 3);
  assert.ok(smallest.length < 64);
  assert.equal(await minimize(input, counted, { durationMaxMs: -1 }), input);
  assert.equal(runCount, 3);
});
