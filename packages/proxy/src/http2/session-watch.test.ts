import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PING_AFTER_MS, PING_AGAIN_MS, PING_TIMEOUT_MS, SessionWatch } from "./session-watch.js";

describe("the watch over a session", () => {
  it("is not fooled by streams that end by themselves", () => {
    const watch = new SessionWatch();
    let nowMs = 0;
    let pingedAtMs: number | undefined;
    // A call each second, given up after half of it; nothing ever comes.
    for (; nowMs < 60_000; nowMs += 500) {
      const isOpen = nowMs % 1_000 === 0;
      if (isOpen) watch.asked(nowMs);
      const verdict = watch.look(0, isOpen ? 1 : 0, nowMs);
      if (verdict === "ping") pingedAtMs = nowMs;
      if (verdict === "gone") break;
    }
    assert.equal(pingedAtMs, PING_AFTER_MS);
    assert.equal(nowMs, PING_AFTER_MS + PING_TIMEOUT_MS);
  });

  it("does not ping one that is heard, nor one without streams", () => {
    const watch = new SessionWatch();
    for (let nowMs = 0; nowMs < 60_000; nowMs += 1_000) {
      watch.asked(nowMs);
      assert.equal(watch.look(nowMs + 1, 1, nowMs), undefined);
    }
    assert.equal(watch.look(60_001, 0, 60_000), undefined);
    assert.equal(watch.look(60_001, 0, 600_000), undefined);
  });

  it("asks a silent stream once, then every five minutes", () => {
    const watch = new SessionWatch();
    watch.asked(0);
    const pings: number[] = [];
    for (let nowMs = 0; nowMs <= 620_000; nowMs += 1_000) {
      if (watch.look(9 + 17 * pings.length, 1, nowMs) !== "ping") continue;
      pings.push(nowMs);
      watch.answered(9 + 17 * pings.length, nowMs);
    }
    const [first = 0] = pings;
    assert.deepEqual(pings, [first, first + PING_AGAIN_MS, first + 2 * PING_AGAIN_MS]);
    assert.equal(first, PING_AFTER_MS);
  });

  it("is as quick again once more is asked", () => {
    const watch = new SessionWatch();
    watch.asked(0);
    watch.look(9, 1, 0);
    assert.equal(watch.look(9, 1, PING_AFTER_MS), "ping");
    watch.answered(26, PING_AFTER_MS);
    const askedMs = 100_000;
    watch.asked(askedMs);
    assert.equal(watch.look(26, 2, askedMs), undefined);
    assert.equal(watch.look(26, 2, askedMs + PING_AFTER_MS), "ping");
  });
});
