import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HLC_AHEAD_MAX_MS, HLC_COUNTER_SPAN, HybridClock } from "./hlc.js";
import type { WallTime } from "./time.js";

test("a hybrid clock rises whatever the wall clock does, and above all it saw", () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ wall: fc.integer({ min: 0, max: 4_000_000_000_000 }) }),
      fc.record({ seen: fc.integer({ min: 0, max: 4_000_000_000_000 * HLC_COUNTER_SPAN }) }),
    ),
  );
  fc.assert(
    fc.property(steps, (moves) => {
      let wall = 0;
      let last = 0;
      const clock = new HybridClock(() => wall as WallTime);
      for (const move of moves) {
        if ("wall" in move) wall = move.wall;
        else {
          clock.observe(move.seen);
          const isFollowed = move.seen <= (wall + HLC_AHEAD_MAX_MS) * HLC_COUNTER_SPAN;
          if (isFollowed) last = Math.max(last, move.seen);
        }
        const value = clock.next();
        assert.ok(value > last && Number.isSafeInteger(value));
        assert.ok(value >= wall * HLC_COUNTER_SPAN || value > last);
        last = value;
      }
    }),
  );
});

test("an absurd value of another machine does not use the clock up", () => {
  const clock = new HybridClock(() => 1_000 as WallTime);
  clock.observe(Number.MAX_SAFE_INTEGER);
  assert.equal(clock.next(), 1_000 * HLC_COUNTER_SPAN);
});

test("what is up to a day ahead is followed, what is further ahead is not", () => {
  const clock = new HybridClock(() => 1_000 as WallTime);
  const most = (1_000 + HLC_AHEAD_MAX_MS) * HLC_COUNTER_SPAN;
  clock.observe(most + 1);
  assert.equal(clock.next(), 1_000 * HLC_COUNTER_SPAN);
  clock.observe(most);
  assert.equal(clock.next(), most + 1);
});

test("machines that read at one instant read differently", () => {
  const values = ["us-1", "us-2", "eu-1"].map((name) =>
    new HybridClock(() => 1_000 as WallTime, name).next(),
  );
  assert.equal(new Set(values).size, 3);
  for (const value of values) assert.equal(Math.floor(value / HLC_COUNTER_SPAN), 1_000);
});
