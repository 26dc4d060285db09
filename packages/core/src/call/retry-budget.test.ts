import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { instant } from "../time.js";
import { RetryBudget } from "./retry-budget.js";

function takeAll(budget: RetryBudget, nowMs: number): number {
  let count = 0;
  while (budget.tryRetry(instant(nowMs)) && count < 10_000) count += 1;
  return count;
}

describe("RetryBudget", () => {
  it("allows a share of the requests of the window", () => {
    const budget = new RetryBudget({ retryRatio: 0.2, retryPerSecondMin: 0 });
    assert.equal(takeAll(budget, 0), 0);
    for (let index = 0; index < 100; index += 1) budget.onRequest(instant(index * 10));
    assert.equal(takeAll(budget, 1_000), 20);
    assert.equal(takeAll(budget, 1_000), 0);
  });

  it("allows a floor per second without traffic", () => {
    const budget = new RetryBudget({ retryRatio: 0.2, retryPerSecondMin: 10 });
    assert.equal(takeAll(budget, 0), 100);
    assert.equal(takeAll(budget, 9_999), 0);
    assert.equal(takeAll(budget, 10_000), 100);
  });

  it("forgets what fell out of the window, also after a long silence", () => {
    const budget = new RetryBudget({ retryRatio: 0.5, retryPerSecondMin: 0 });
    for (let index = 0; index < 10; index += 1) budget.onRequest(instant(500));
    assert.equal(takeAll(budget, 9_999), 5);
    for (let index = 0; index < 10; index += 1) budget.onRequest(instant(1_000_000));
    assert.equal(takeAll(budget, 1_000_000), 5);
    assert.equal(takeAll(budget, 1_010_000), 0);
  });

  it("says how many are left", () => {
    const budget = new RetryBudget({ retryRatio: 0.5, retryPerSecondMin: 0 });
    for (let index = 0; index < 9; index += 1) budget.onRequest(instant(500));
    assert.equal(budget.leftCount(instant(500)), 4);
    assert.equal(budget.tryRetry(instant(500)), true);
    assert.equal(budget.leftCount(instant(500)), 3);
    assert.equal(budget.leftCount(instant(11_000)), 0);
  });

  it("never allows more than the ratio and the floor", () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 300 })), {
      maxLength: 400,
    });
    fc.assert(
      fc.property(steps, (list) => {
        const budget = new RetryBudget({ retryRatio: 0.2, retryPerSecondMin: 1 });
        let nowMs = 0;
        let requestCount = 0;
        let retryCount = 0;
        for (const [isRequest, stepMs] of list) {
          nowMs += stepMs;
          if (isRequest) {
            budget.onRequest(instant(nowMs));
            requestCount += 1;
          } else if (budget.tryRetry(instant(nowMs))) retryCount += 1;
        }
        assert.ok(retryCount <= requestCount * 0.2 + 10 * (1 + Math.ceil(nowMs / 10_000)));
      }),
    );
  });
});
