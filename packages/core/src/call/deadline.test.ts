import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { instant } from "../time.js";
import {
  attemptDeadline,
  formatGrpcTimeout,
  formatTimeoutMs,
  parseGrpcTimeout,
  parseTimeoutMs,
} from "./deadline.js";

describe("attemptDeadline", () => {
  it("is the attempt's bound or the request's end, and nothing when no time is left", () => {
    const check = (deadlineMs: number, attemptMaxMs: number, expected: number | undefined): void =>
      assert.equal(
        attemptDeadline({ deadline: instant(deadlineMs), attemptMaxMs }, instant(1_000)),
        expected,
      );
    check(2_000, 300, 1_300);
    check(2_000, 3_000, 2_000);
    check(2_000, Number.POSITIVE_INFINITY, 2_000);
    check(Number.POSITIVE_INFINITY, 300, 1_300);
    check(1_000.5, 300, undefined);
    check(500, 300, undefined);
  });
});

describe("grpc-timeout", () => {
  it("is read in all its units, and only as the protocol has it", () => {
    const check = (field: string, expected: number | undefined): void =>
      assert.equal(parseGrpcTimeout(field), expected, field);
    check("2H", 7_200_000);
    check("1M", 60_000);
    check("10S", 10_000);
    check("250m", 250);
    check("1500u", 1.5);
    check("99999999n", 99.999999);
    for (const field of ["", "m", "1", "1 m", "-1m", "1.5S", "123456789m", "1s", "1mm"]) {
      check(field, undefined);
    }
  });

  it("never promises more than is left, and always something", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e10, noNaN: true }), (leftMs) => {
        const said = parseGrpcTimeout(formatGrpcTimeout(leftMs));
        assert.ok(said !== undefined && said >= 1);
        assert.ok(said <= Math.max(1, leftMs) && said > leftMs - 1_000);
      }),
    );
  });
});

describe("x-fpzk-timeout-ms", () => {
  it("is whole milliseconds and nothing else", () => {
    const check = (field: string, expected: number | undefined): void =>
      assert.equal(parseTimeoutMs(field), expected, field);
    check("0", 0);
    check("999999999", 999_999_999);
    for (const field of ["", "soon", "-1", "1.5", "1e3", " 1", "1000000000"]) {
      check(field, undefined);
    }
  });

  it("never promises more than is left, and always something", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e12, noNaN: true }), (leftMs) => {
        const said = parseTimeoutMs(formatTimeoutMs(leftMs));
        assert.ok(said !== undefined && said >= 1 && said <= Math.max(1, leftMs));
        assert.ok(said > leftMs - 1 || said === 999_999_999);
      }),
    );
  });
});
