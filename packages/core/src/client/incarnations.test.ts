import assert from "node:assert/strict";
import { test } from "node:test";
import { SESSION_INSTANCE_COUNT_MAX } from "../limits.js";
import { SeededRandom } from "../random.js";
import { Incarnations } from "./incarnations.js";

const HELD = { wasHeld: true };

test("begins with what the first welcome said, whatever later ones say", () => {
  const incarnations = new Incarnations(new SeededRandom(1));
  assert.equal(incarnations.isKnown, false);
  incarnations.welcomed(40);
  incarnations.welcomed(90);
  assert.deepEqual([incarnations.isKnown, incarnations.next], [true, 40]);
});

test("a node of an earlier version chooses, also after a deregistration", () => {
  const incarnations = new Incarnations(new SeededRandom(1));
  incarnations.welcomed(0);
  incarnations.letGo("a", 7, HELD);
  assert.deepEqual([incarnations.isKnown, incarnations.next], [true, 0]);
});

// Both counted up by one, and met: one stamp stood for two lives.
test("two processes that go above the same do not meet", () => {
  const reached = [1, 2].map((seed) => {
    const incarnations = new Incarnations(new SeededRandom(seed));
    incarnations.welcomed(40);
    incarnations.letGo("a", 1_000, HELD);
    return incarnations.next;
  });
  assert.notEqual(reached[0], reached[1]);
  for (const one of reached) assert.ok(one > 1_000 && one <= 1_000 + 2_048);
});

test("remembers as many ids as may be held, and no more (P10)", () => {
  const incarnations = new Incarnations(new SeededRandom(1));
  incarnations.welcomed(40);
  for (let id = 0; id <= SESSION_INSTANCE_COUNT_MAX; id += 1) incarnations.letGo(`${id}`, 1, HELD);
  assert.deepEqual(
    ["0", "1", `${SESSION_INSTANCE_COUNT_MAX}`].map((id) => incarnations.wasHeld(id)),
    [false, true, true],
  );
});
