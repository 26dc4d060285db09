import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDurationMs } from "./duration.js";

function check(input: number | string, expected: number | undefined): void {
  assert.equal(parseDurationMs(input), expected, JSON.stringify(input));
}

test("reads numbers of milliseconds and texts with a unit", () => {
  check(0, 0);
  check(1_500, 1_500);
  check("250ms", 250);
  check("30s", 30_000);
  check("1.5m", 90_000);
  check("2h", 7_200_000);
});

test("reads nothing else", () => {
  for (const input of ["", "30", "s", "-1s", "1d", "1e3s", " 1s", "1s ", "1,5s", "0x1s"]) {
    check(input, undefined);
  }
  for (const input of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60]) {
    check(input, undefined);
  }
  check(`${"9".repeat(20)}s`, undefined);
});
