import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CallOutcome } from "../call/call-result.js";
import { SeededRandom } from "../random.js";
import { instant } from "../time.js";
import { assertDistribution, countPicks } from "./distribution.fixture.js";
import { EwmaPolicy } from "./ewma-policy.js";
import type { ViewInstance } from "./picker.js";
import { viewInstance, viewInstances } from "./view-instance.fixture.js";

const { success, error } = CallOutcome;

function answer(instance: ViewInstance, latencyMs: number, nowMs: number): void {
  instance.load.begin();
  instance.load.end(success, latencyMs, instant(nowMs));
}

function check(instances: readonly ViewInstance[], nowMs: number, counts: readonly number[]): void {
  const policy = new EwmaPolicy(instances, new SeededRandom(1));
  const total = counts.reduce((sum, count) => sum + count, 0);
  const actual = countPicks(policy, instances, total, { now: instant(nowMs) });
  assert.deepEqual(actual, counts);
}

describe("EwmaPolicy", () => {
  it("picks the faster of two, and by calls under way when equally fast", () => {
    const [fast, slow] = [viewInstance({ id: "f" }), viewInstance({ id: "s" })];
    answer(fast, 10, 0);
    answer(slow, 30, 0);
    check([fast, slow], 0, [100, 0]);
    fast.load.activeCount = 2;
    // 10 ms × 3 calls against 30 ms × 1: equal, the first draw decides; one more, and it is slower.
    fast.load.activeCount = 3;
    check([fast, slow], 0, [0, 100]);
  });

  it("believes a long latency at once and a short one in time", () => {
    const [one, other] = [viewInstance({ id: "a" }), viewInstance({ id: "b" })];
    for (let ms = 0; ms < 1_000; ms += 10) {
      answer(one, 10, ms);
      answer(other, 20, ms);
    }
    answer(one, 500, 1_000);
    for (let ms = 1_001; ms < 1_010; ms += 1) answer(one, 10, ms);
    check([one, other], 1_010, [0, 100]);
    for (let ms = 1_010; ms < 61_000; ms += 10) {
      answer(one, 10, ms);
      answer(other, 20, ms);
    }
    check([one, other], 61_000, [100, 0]);
  });

  it("tries again one that was slow long ago", () => {
    const [slow, fast] = [viewInstance({ id: "s" }), viewInstance({ id: "f" })];
    answer(slow, 1_000, 0);
    for (let ms = 0; ms < 60_000; ms += 100) answer(fast, 10, ms);
    check([slow, fast], 60_000, [100, 0]);
  });

  it("takes the unknown for as fast as the known", () => {
    const [known, unknown] = [viewInstance({ id: "k" }), viewInstance({ id: "u" })];
    answer(known, 10, 0);
    unknown.load.activeCount = 1;
    check([known, unknown], 0, [100, 0]);
    known.load.activeCount = 2;
    check([known, unknown], 0, [0, 100]);
  });

  it("is not attracted by quick failures, new or known", () => {
    for (const isKnown of [true, false]) {
      const [good, bad] = [viewInstance({ id: "g" }), viewInstance({ id: "b" })];
      if (isKnown) answer(bad, 50, 0);
      answer(good, 50, 0);
      for (let ms = 1; ms <= 20; ms += 1) {
        bad.load.begin();
        bad.load.end(error, 1, instant(ms));
      }
      good.load.activeCount = 5;
      check([good, bad], 20, [100, 0]);
    }
  });

  it("draws by weight, equally when weights are (χ²)", () => {
    const equal = viewInstances(9);
    const policy = new EwmaPolicy(equal, new SeededRandom(2));
    assertDistribution(
      countPicks(policy, equal, 20_000),
      equal.map(() => 1),
    );
    const weights = [1, 3, 0, 6];
    const weighted = viewInstances(4, (index) => ({ weight: weights[index] ?? 0 }));
    const byWeight = new EwmaPolicy(weighted, new SeededRandom(3));
    assertDistribution(countPicks(byWeight, weighted, 20_000), weights);
  });
});
