import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HLC_AHEAD_MAX_MS, HLC_COUNTER_SPAN, HybridClock } from "./hlc.js";
import { instant, type WallTime } from "./time.js";

function clockOf(wall: () => number, now: () => number = () => 0, name = ""): HybridClock {
  return new HybridClock({ wallNow: () => wall() as WallTime, now: () => instant(now()), name });
}

test("a hybrid clock rises whatever the wall clock does, and above all it saw", () => {
  const WALL_MAX_MS = 4_000_000_000_000;
  const steps = fc.array(
    fc.oneof(
      fc.record({ wall: fc.integer({ min: 0, max: WALL_MAX_MS }) }),
      fc.record({ seen: fc.integer({ min: 0, max: WALL_MAX_MS * HLC_COUNTER_SPAN }) }),
      fc.record({ elapsedMs: fc.double({ min: 0, max: 100_000, noNaN: true }) }),
    ),
  );
  fc.assert(
    fc.property(steps, (moves) => {
      let wall = 0;
      let now = 0;
      let last = 0;
      const clock = clockOf(
        () => wall,
        () => now,
      );
      for (const move of moves) {
        if ("wall" in move) wall = move.wall;
        else if ("elapsedMs" in move) {
          now += move.elapsedMs;
          last += Math.floor((move.elapsedMs - 1) * HLC_COUNTER_SPAN);
        } else {
          clock.observe(move.seen);
          const isFollowed = move.seen <= (wall + HLC_AHEAD_MAX_MS) * HLC_COUNTER_SPAN;
          if (isFollowed) last = Math.max(last, move.seen);
        }
        const value = clock.next();
        assert.ok(value > last && Number.isSafeInteger(value));
        assert.ok(value >= wall * HLC_COUNTER_SPAN);
        last = value;
      }
    }),
  );
});

// Two processes of one id: the later one began where the clock is behind, and cut off by then.
test("goes on from what it has seen at the pace of time, without hearing of it again", () => {
  let now = 0;
  const behind = clockOf(
    () => 1_000,
    () => now,
    "behind",
  );
  behind.observe(5_000 * HLC_COUNTER_SPAN);
  now = 700;
  assert.equal(Math.floor(behind.next() / HLC_COUNTER_SPAN), 5_700);
});

test("two machines that follow each other do not race", () => {
  const clocks = ["us-1", "eu-1"].map((name) =>
    clockOf(
      () => 1_000,
      () => 0,
      name,
    ),
  );
  for (let round = 0; round < 1_000; round += 1) {
    for (const clock of clocks) {
      for (const other of clocks) other.observe(clock.next());
    }
  }
  for (const clock of clocks) assert.ok(clock.next() <= 1_004 * HLC_COUNTER_SPAN);
});

test("an absurd value of another machine does not use the clock up", () => {
  const clock = clockOf(() => 1_000);
  clock.observe(Number.MAX_SAFE_INTEGER);
  assert.equal(Math.floor(clock.next() / HLC_COUNTER_SPAN), 1_000);
});

test("what is up to a day ahead is followed, what is further ahead is not", () => {
  const clock = clockOf(() => 1_000);
  const most = (1_000 + HLC_AHEAD_MAX_MS) * HLC_COUNTER_SPAN;
  clock.observe(most + 1);
  assert.ok(clock.next() < most);
  clock.observe(most);
  assert.ok(clock.next() > most);
});

test("machines that have read or seen the same read differently", () => {
  const clocks = ["us-1", "us-2", "eu-1"].map((name) =>
    clockOf(
      () => 1_000,
      () => 0,
      name,
    ),
  );
  for (const wall of [1_000, 9_000]) {
    for (const clock of clocks) clock.observe(wall * HLC_COUNTER_SPAN);
    const values = clocks.map((clock) => clock.next());
    assert.equal(new Set(values).size, 3);
    for (const value of values) assert.equal(Math.floor(value / HLC_COUNTER_SPAN), wall);
  }
});
