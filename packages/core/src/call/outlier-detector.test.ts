import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { instant } from "../time.js";
import type { CallResult } from "./call-result.js";
import { OUTLIER_DEFAULTS, OutlierDetector } from "./outlier-detector.js";

const OPTIONS = { ...OUTLIER_DEFAULTS, ejectionBaseMs: 1_000, ejectionMaxMs: 2_500 };

/** Whether the call ejected the instance. */
function call(
  detector: OutlierDetector,
  [id, result]: readonly [string, CallResult],
  nowMs: number,
  instanceCount = 10,
): boolean {
  const judged = { id, result, latencyMs: 1 };
  return detector.onResult(judged, instanceCount, instant(nowMs)).includes(id);
}

function fail(detector: OutlierDetector, id: string, nowMs: number, instanceCount = 10): boolean {
  call(detector, [id, "connect-failure"], nowMs, instanceCount);
  return call(detector, [id, "connect-failure"], nowMs, instanceCount);
}

function out(detector: OutlierDetector, nowMs: number): string[] {
  return [...detector.ejected(instant(nowMs))];
}

describe("OutlierDetector", () => {
  it("ejects after failures in a row, not after scattered ones", () => {
    const detector = new OutlierDetector(OPTIONS);
    for (let round = 0; round < 20; round += 1) {
      for (let index = 0; index < 4; index += 1) call(detector, ["a", "error"], 0, 10);
      call(detector, ["a", "connect-failure"], 0, 10);
      call(detector, ["a", "success"], 0, 10);
    }
    assert.deepEqual(out(detector, 0), []);
    for (let index = 0; index < 4; index += 1) {
      assert.equal(call(detector, ["a", "error"], 0, 10), false);
    }
    assert.equal(call(detector, ["a", "error"], 0, 10), true);
    assert.deepEqual(out(detector, 0), ["a"]);
  });

  it("stays out longer each time, up to a bound, and is forgiven in time", () => {
    const detector = new OutlierDetector(OPTIONS);
    let nowMs = 0;
    for (const durationMs of [1_000, 2_000, 2_500, 2_500]) {
      call(detector, ["a", "success"], nowMs);
      assert.equal(fail(detector, "a", nowMs), true);
      assert.deepEqual(out(detector, nowMs + durationMs - 1), ["a"]);
      assert.deepEqual(out(detector, nowMs + durationMs), []);
      nowMs += durationMs;
    }
    nowMs += 10_000;
    call(detector, ["a", "success"], nowMs);
    assert.equal(fail(detector, "a", nowMs), true);
    assert.deepEqual(out(detector, nowMs + 1_000), []);
  });

  it("ejects who returned by its first failure, until it has succeeded", () => {
    const detector = new OutlierDetector(OPTIONS);
    assert.equal(fail(detector, "a", 0), true);
    assert.deepEqual(out(detector, 1_000), []);
    assert.equal(call(detector, ["a", "error"], 1_000), true);
    assert.deepEqual(out(detector, 2_999), ["a"]);
    assert.deepEqual(out(detector, 3_000), []);
    call(detector, ["a", "success"], 3_000);
    assert.equal(call(detector, ["a", "connect-failure"], 3_001), false);
    assert.equal(call(detector, ["a", "connect-failure"], 3_001), true);
  });

  it("ejects at most the share, and never the only one", () => {
    const detector = new OutlierDetector(OPTIONS);
    assert.equal(fail(detector, "only", 0, 1), false);
    assert.equal(fail(detector, "a", 0, 4), true);
    assert.equal(fail(detector, "b", 0, 4), true);
    assert.equal(fail(detector, "c", 0, 4), false);
    const isEjected = call(detector, ["c", "connect-failure"], 1_000, 4);
    assert.equal(isEjected, true, "when others are back");
  });

  it("keeps its bounds whatever happens", () => {
    const calls = fc.tuple(
      fc.constantFrom("a", "b", "c", "d", "e"),
      fc.constantFrom<CallResult>("success", "error", "connect-failure"),
      fc.integer({ min: 0, max: 800 }),
    );
    fc.assert(
      fc.property(fc.array(calls, { maxLength: 300 }), (history) => {
        const detector = new OutlierDetector(OPTIONS);
        let nowMs = 0;
        for (const [id, result, stepMs] of history) {
          nowMs += stepMs;
          const isEjected = call(detector, [id, result], nowMs, 5);
          assert.ok(out(detector, nowMs).length <= 2);
          if (isEjected) assert.ok(out(detector, nowMs).includes(id));
        }
        assert.deepEqual(out(detector, nowMs + OPTIONS.ejectionMaxMs), []);
      }),
    );
  });

  it("compares success rates every interval, and ejects who fails every third call", () => {
    const detector = new OutlierDetector(OPTIONS);
    const ejected: string[] = [];
    for (let nowMs = 0; nowMs <= 10_000; nowMs += 10) {
      for (const id of ["a", "b", "c", "d", "e", "f"]) {
        const result = id === "c" && (nowMs / 10) % 3 === 0 ? "error" : "success";
        ejected.push(...detector.onResult({ id, result, latencyMs: 1 }, 6, instant(nowMs)));
      }
    }
    assert.deepEqual(ejected, ["c"]);
    assert.deepEqual(out(detector, 10_000), ["c"]);
    assert.equal(detector.ejection("c", instant(10_000))?.reason, "comparison");
  });

  it("does not judge who rejects or whose callers gave up", () => {
    const detector = new OutlierDetector(OPTIONS);
    for (let index = 0; index < 100; index += 1) {
      assert.equal(call(detector, ["a", "rejected"], index), false);
      assert.equal(call(detector, ["a", "cancelled"], index), false);
    }
  });

  it("says until when and why one is out", () => {
    const detector = new OutlierDetector(OPTIONS);
    assert.equal(detector.ejection("a", instant(0)), undefined);
    fail(detector, "a", 0);
    assert.deepEqual(detector.ejection("a", instant(999)), {
      reason: "connect-failures",
      until: 1_000,
    });
    assert.equal(detector.ejection("a", instant(1_000)), undefined);
    for (let index = 0; index < 5; index += 1) call(detector, ["a", "error"], 1_000);
    assert.deepEqual(detector.ejection("a", instant(1_000)), { reason: "errors", until: 3_000 });
  });

  it("forgets another process's deeds", () => {
    const detector = new OutlierDetector(OPTIONS);
    fail(detector, "a", 0);
    detector.forget("a");
    assert.deepEqual(out(detector, 0), []);
    assert.equal(call(detector, ["a", "connect-failure"], 0), false);
  });
});
