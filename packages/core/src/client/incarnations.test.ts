import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../random.js";
import { Incarnations } from "./incarnations.js";

test("begins with what the first welcome said, whatever later ones say", () => {
  const incarnations = new Incarnations(new SeededRandom(1));
  assert.equal(incarnations.isKnown, false);
  incarnations.welcomed(40);
  incarnations.welcomed(90);
  const { isKnown, first, next } = incarnations;
  assert.deepEqual([isKnown, first, next], [true, 40, 40]);
});

test("a node of an earlier version chooses, also after a deregistration", () => {
  const incarnations = new Incarnations(new SeededRandom(1));
  incarnations.welcomed(0);
  incarnations.letGo(7);
  const { isKnown, first, next } = incarnations;
  assert.deepEqual([isKnown, first, next], [true, 0, 0]);
});

test("what was let go of is registered above, and the process began when it began", () => {
  const incarnations = new Incarnations(new SeededRandom(1));
  incarnations.welcomed(40);
  incarnations.letGo(1_000);
  assert.ok(incarnations.next > 1_000);
  assert.equal(incarnations.first, 40);
});

// Both counted up by one, and met: one stamp stood for two lives.
test("two processes that go above the same do not meet", () => {
  const reached = [1, 2].map((seed) => {
    const incarnations = new Incarnations(new SeededRandom(seed));
    incarnations.welcomed(40);
    incarnations.letGo(1_000);
    return incarnations.next;
  });
  assert.notEqual(reached[0], reached[1]);
  for (const one of reached) assert.ok(one > 1_000 && one <= 1_000 + 2_048);
});
