import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant } from "@fpzk/core";
import { type ExchangeBounds, ExchangeDeadlines } from "./exchange-deadlines.js";

const START = instant(1_000);

function begun(bounds: Partial<ExchangeBounds> = {}): ExchangeDeadlines {
  const deadlines = new ExchangeDeadlines();
  deadlines.begin({ timeoutMs: 100, callerMs: undefined, attemptMs: undefined, ...bounds }, START);
  return deadlines;
}

describe("the deadlines of an exchange", () => {
  it("are the route's or the caller's, whichever is first, and tell whose it was", () => {
    const route = begun({ callerMs: 200 });
    assert.deepEqual([route.isAnswerDue(1_099), route.isAnswerDue(1_100)], [false, true]);
    assert.match(route.lateText("cart", 1_100), /^cart did not answer within 100 ms$/);
    const caller = begun({ callerMs: 40 });
    assert.deepEqual([caller.isAnswerDue(1_039), caller.isAnswerDue(1_040)], [false, true]);
    assert.match(caller.lateText("cart", 1_040), /^the caller's deadline passed before cart/);
    assert.deepEqual([route.hasCallers, begun().hasCallers], [true, false]);
    assert.equal(caller.callerLeftMs(instant(1_030)), 10);
  });

  it("leave no time for an attempt a little before they are due", () => {
    const deadlines = begun({ callerMs: 40 });
    const isLate = (ms: number): boolean => deadlines.isLate(instant(ms));
    assert.deepEqual([isLate(1_039), isLate(1_039.5)], [false, true]);
  });

  it("begin anew with each piece of the body, but never after the caller's", () => {
    const deadlines = begun({ callerMs: 150, attemptMs: 30 });
    deadlines.beginAttempt(START);
    deadlines.renew(instant(1_090));
    assert.deepEqual([deadlines.isAttemptDue(1_119), deadlines.isAttemptDue(1_120)], [false, true]);
    assert.deepEqual([deadlines.isAnswerDue(1_149), deadlines.isAnswerDue(1_150)], [false, true]);
  });

  it("end when an answer begins, the attempt's too", () => {
    const deadlines = begun({ attemptMs: 30 });
    deadlines.beginAttempt(START);
    assert.match(deadlines.attemptLateText, /within 30 ms/);
    deadlines.end();
    assert.deepEqual([deadlines.isAnswerDue(1e9), deadlines.isAttemptDue(1e9)], [false, false]);
  });

  it("bound no attempt where the route does not", () => {
    const deadlines = begun();
    deadlines.beginAttempt(START);
    assert.equal(deadlines.isAttemptDue(1e9), false);
  });
});
