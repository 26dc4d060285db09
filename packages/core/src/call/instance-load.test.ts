import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { instant } from "../time.js";
import { CallOutcome, type CallResult } from "./call-result.js";
import { FAILURE_FACTOR_MAX, InstanceLoad, LOAD_DECAY_MS } from "./instance-load.js";

const { success, error, connectFailure, rejected, cancelled } = CallOutcome;

function end(load: InstanceLoad, result: CallResult | undefined, nowMs: number, latencyMs = 10) {
  load.begin();
  load.end(result, latencyMs, instant(nowMs));
}

describe("InstanceLoad", () => {
  it("weighs failures by their share: 1 % hardly, always very much, at most the bound", () => {
    const rare = new InstanceLoad();
    for (let call = 0; call < 1_000; call += 1)
      end(rare, call % 100 === 50 ? error : success, call);
    assert.ok(rare.failureFactor(instant(1_000)) < 1.01);
    const broken = new InstanceLoad();
    for (let call = 0; call < 5; call += 1) end(broken, connectFailure, call);
    assert.ok(broken.failureFactor(instant(5)) > 1.9);
    for (let call = 0; call < 1_000; call += 1) end(broken, error, 5);
    assert.equal(broken.failureFactor(instant(5)), FAILURE_FACTOR_MAX);
  });

  it("forgives failures with time alone", () => {
    const load = new InstanceLoad();
    for (let call = 0; call < 100; call += 1) end(load, error, 0);
    const factor = load.failureFactor(instant(LOAD_DECAY_MS));
    assert.ok(Math.abs(factor - 1 / (1 - Math.exp(-1))) < 0.01, `${factor}`);
  });

  it("stays away for as long as an instance asks, at most a minute", () => {
    const load = new InstanceLoad();
    end(load, { outcome: rejected, retryAfterMs: 5_000 }, 0);
    assert.equal(load.failureFactor(instant(4_999)), FAILURE_FACTOR_MAX);
    assert.ok(load.failureFactor(instant(5_000)) < 1.2);
    end(load, { outcome: rejected, retryAfterMs: 1e12 }, 0);
    assert.equal(load.failureFactor(instant(59_999)), FAILURE_FACTOR_MAX);
    assert.ok(load.failureFactor(instant(60_000)) < 1.2);
  });

  it("takes no latency from failures but a longer one", () => {
    const load = new InstanceLoad();
    end(load, error, 0, 1);
    assert.equal(load.latencyMs(instant(0)), 0);
    end(load, success, 0, 20);
    end(load, error, 0, 1);
    assert.equal(load.latencyMs(instant(0)), 20);
    end(load, cancelled, 0, 300);
    assert.equal(load.latencyMs(instant(0)), 300);
  });

  it("learns nothing without a result, and of no failure from a cancelled call", () => {
    const load = new InstanceLoad();
    end(load, undefined, 0);
    end(load, cancelled, 0);
    assert.equal(load.latencyMs(instant(0)), 0);
    assert.equal(load.failureFactor(instant(0)), 1);
    assert.equal(load.activeCount, 0);
  });

  it("keeps its bounds whatever happens", () => {
    const result = fc.oneof(
      fc.constantFrom(success, error, connectFailure, rejected, cancelled),
      fc.record({ outcome: fc.constant(rejected), retryAfterMs: fc.nat(100_000) }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(result, fc.nat(60_000), fc.nat(120_000)), { maxLength: 50 }),
        (calls) => {
          const load = new InstanceLoad();
          let now = 0;
          let longest = 0;
          for (const [how, latencyMs, pauseMs] of calls) {
            now += pauseMs;
            longest = Math.max(longest, latencyMs);
            end(load, how, now, latencyMs);
            const factor = load.failureFactor(instant(now));
            assert.ok(factor >= 1 && factor <= FAILURE_FACTOR_MAX);
            const latency = load.latencyMs(instant(now));
            assert.ok(latency >= 0 && latency <= longest);
          }
        },
      ),
    );
  });
});
