import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SeededRandom } from "../random.js";
import { HEDGE_SAMPLE_COUNT_MIN, HedgeDelay } from "./hedge.js";

describe("HedgeDelay", () => {
  it("is unknown until enough calls were seen, then their 95th percentile", () => {
    const hedge = new HedgeDelay();
    for (let call = 1; call < HEDGE_SAMPLE_COUNT_MIN; call += 1) hedge.add(call);
    assert.equal(hedge.delayMs, undefined);
    hedge.add(HEDGE_SAMPLE_COUNT_MIN);
    assert.ok((hedge.delayMs ?? 0) >= 95 && (hedge.delayMs ?? 0) <= 95 * 1.2);
  });

  it("makes about one call in twenty twice", () => {
    const hedge = new HedgeDelay();
    const random = new SeededRandom(1);
    const draw = (): number => -Math.log(1 - random.next()) * 30;
    for (let call = 0; call < 5_000; call += 1) hedge.add(draw());
    const delayMs = hedge.delayMs ?? 0;
    const hedged = Array.from({ length: 10_000 }, draw).filter((ms) => ms > delayMs).length;
    assert.ok(hedged > 200 && hedged < 600, `${hedged} of 10000`);
  });

  it("is never below what a timer can do", () => {
    const hedge = new HedgeDelay();
    for (let call = 0; call < 200; call += 1) hedge.add(0.01);
    assert.equal(hedge.delayMs, 1);
  });
});
