import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { formatDurationMs, parseDurationMs } from "./duration.js";

function check(value: unknown, expected: number | undefined) {
  assert.equal(parseDurationMs(value), expected, `parseDurationMs(${JSON.stringify(value)})`);
}

test("durations are read with their units", () => {
  check("500ms", 500);
  check("3s", 3_000);
  check("1.5s", 1_500);
  check("15m", 900_000);
  check("1h", 3_600_000);
  check("7d", 604_800_000);
  check("250", 250);
  check(250, 250);
  check(0, 0);
});

test("what is no duration is refused", () => {
  for (const value of ["", "s", "3 parsecs", "-1s", "1e3", "1s 2s", -1, Number.NaN, null, [], {}]) {
    check(value, undefined);
  }
  check("9999999999999999d", undefined);
});

test("a formatted duration reads as the same", () => {
  fc.assert(
    fc.property(fc.nat(10_000_000_000), (durationMs) => {
      assert.equal(parseDurationMs(formatDurationMs(durationMs)), durationMs);
    }),
  );
});
