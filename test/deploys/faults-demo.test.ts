/** A short run of the demo of faults: an instance that fails at once, and one that is killed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { faultTable } from "./fault-text.js";
import { runFaults } from "./run-faults.js";

const FAULT_MS = 3_000;

test("traffic moves off an instance that breaks", { timeout: 120_000 }, async (t) => {
  const outcomes = await runFaults({
    ratePerSecond: 200,
    instancesPerRegion: 2,
    seed: 1,
    faultMs: FAULT_MS,
    beforeMs: 1_500,
    recoveryMs: 1_000,
    names: ["one instance: 500 at once", "one instance: kill -9"],
    onProgress: () => {},
    onFailure: () => {},
  });
  t.diagnostic(faultTable(outcomes));
  assert.equal(outcomes.length, 2);
  for (const { name, sentCount, safeFailedCount, shareBefore, shareMoved, movedMs } of outcomes) {
    assert.ok(sentCount > 500, `${name}: ${sentCount} calls`);
    assert.ok(safeFailedCount <= sentCount / 100, `${name}: ${safeFailedCount} safe calls failed`);
    assert.ok(shareBefore > 0.05, `${name}: it had ${shareBefore} of the answers before`);
    assert.ok(shareMoved < 0.01, `${name}: it still has ${shareMoved} of the answers`);
    assert.ok((movedMs ?? 0) < FAULT_MS, `${name}: moved after ${movedMs} ms`);
  }
});
