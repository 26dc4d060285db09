import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CallResult } from "./call-result.js";
import { resultOfGrpcStatus, resultOfHttpStatus, retryAfterOfField } from "./result-of-status.js";

const WALL_TIME = Date.UTC(2026, 0, 1);

describe("results of statuses", () => {
  it("reads HTTP: 5xx blames the instance, 4xx the caller, 429 asks to be spared", () => {
    const check = (status: number, retryAfterMs: number | undefined, expected: CallResult): void =>
      assert.deepEqual(resultOfHttpStatus(status, retryAfterMs), expected, String(status));
    for (const status of [200, 204, 304, 400, 404]) check(status, undefined, "success");
    for (const status of [500, 502, 503, 504]) check(status, undefined, "error");
    check(500, 1_000, "error");
    check(404, 1_000, "success");
    check(429, undefined, "rejected");
    check(429, 2_000, { outcome: "rejected", retryAfterMs: 2_000 });
    check(503, 0, { outcome: "rejected", retryAfterMs: 0 });
  });

  it("reads Retry-After as seconds or as a date, and nothing else", () => {
    const check = (field: string, expected: number | undefined): void =>
      assert.equal(retryAfterOfField(field, WALL_TIME), expected, field);
    check("0", 0);
    check(" 120 ", 120_000);
    check("Thu, 01 Jan 2026 00:00:30 GMT", 30_000);
    check("Wed, 31 Dec 2025 23:59:59 GMT", 0);
    for (const field of ["", "-1", "1.5", "soon", "2026-01-01", "9".repeat(10), "Thu, no date"]) {
      check(field, undefined);
    }
  });

  it("reads gRPC: faults of the server, exhaustion, cancellation", () => {
    const check = (code: number, expected: CallResult, pushbackMs?: number): void =>
      assert.deepEqual(resultOfGrpcStatus(code, pushbackMs), expected, String(code));
    for (const code of [0, 3, 5, 6, 7, 9, 10, 11, 12, 16]) check(code, "success");
    for (const code of [2, 4, 13, 14, 15]) check(code, "error");
    check(1, "cancelled");
    check(8, "rejected");
    check(8, { outcome: "rejected", retryAfterMs: 50 }, 50);
    check(8, "rejected", -1);
  });
});
