import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { instant } from "../time.js";
import type { CallResult } from "./call-result.js";
import { OUTLIER_DEFAULTS, OutlierDetector } from "./outlier-detector.js";

const OPTIONS = { ...OUTLIER_DEFAULTS, ejectionBaseMs: 1_000, ejectionMaxMs: 2_500 };

function fail(detector: OutlierDetector, id: string, nowMs: number, instanceCount = 10): boolean {
  detector.onResult(id, "connect-failure", instanceCount, instant(nowMs));
  return detector.onResult(id, "connect-failure", instanceCount, instant(nowMs));
}

function out(detector: OutlierDetector, nowMs: number): string[] {
  return [...detector.ejected(instant(nowMs))];
}

describe("OutlierDetector", () => {
  it("ejects after failures in a row, not after scattered ones", () => {
    const detector = new OutlierDetector(OPTIONS);
    const now = instant(0);
    for (let round = 0; round < 20; round += 1) {
      for (let index = 0; index < 4; index += 1) detector.onResult("a", "error", 10, now);
      detector.onResult("a", "connect-failure", 10, now);
      detector.onResult("a", "success", 10, now);
    }
    assert.deepEqual(out(detector, 0), []);
    for (let index = 0; index < 4; index += 1) {
      assert.equal(detector.onResult("a", "error", 10, now), false);
    }
    assert.equal(detector.onResult("a", "error", 10, now), true);
    assert.deepEqual(out(detector, 0), ["a"]);
  });

  it("stays out longer each time, up to a bound, and is forgiven in time", () => {
    const detector = new OutlierDetector(OPTIONS);
    let nowMs = 0;
    for (const durationMs of [1_000, 2_000, 2_500, 2_500]) {
      assert.equal(fail(detector, "a", nowMs), true);
      assert.deepEqual(out(detector, nowMs + durationMs - 1), ["a"]);
      assert.deepEqual(out(detector, nowMs + durationMs), []);
      nowMs += durationMs;
    }
    nowMs += 10_000;
    assert.equal(fail(detector, "a", nowMs), true);
    assert.deepEqual(out(detector, nowMs + 1_000), []);
  });

  it("ejects at most the share, and never the only one", () => {
    const detector = new OutlierDetector(OPTIONS);
    assert.equal(fail(detector, "only", 0, 1), false);
    assert.equal(fail(detector, "a", 0, 4), true);
    assert.equal(fail(detector, "b", 0, 4), true);
    assert.equal(fail(detector, "c", 0, 4), false);
    const isEjected = detector.onResult("c", "connect-failure", 4, instant(1_000));
    assert.equal(isEjected, true, "when others are back");
  });

  it("keeps its bounds whatever happens", () => {
    const call = fc.tuple(
      fc.constantFrom("a", "b", "c", "d", "e"),
      fc.constantFrom<CallResult>("success", "error", "connect-failure"),
      fc.integer({ min: 0, max: 800 }),
    );
    fc.assert(
      fc.property(fc.array(call, { maxLength: 300 }), (calls) => {
        const detector = new OutlierDetector(OPTIONS);
        let nowMs = 0;
        for (const [id, result, stepMs] of calls) {
          nowMs += stepMs;
          const isEjected = detector.onResult(id, result, 5, instant(nowMs));
          assert.ok(out(detector, nowMs).length <= 2);
          if (isEjected) assert.ok(out(detector, nowMs).includes(id));
        }
        assert.deepEqual(out(detector, nowMs + OPTIONS.ejectionMaxMs), []);
      }),
    );
  });
});
