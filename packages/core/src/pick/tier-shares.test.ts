import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { instant } from "../time.js";
import { createPicker } from "./create-picker.js";
import { assertDistribution } from "./distribution.fixture.js";
import { RETURN_RAMP_MS, TierShares } from "./tier-shares.js";
import { pickerOptions, viewInstances } from "./view-instance.fixture.js";

function update(shares: TierShares, availabilities: readonly number[], nowMs: number): void {
  const tiers = availabilities.map((availability, localityRank) => ({
    availability,
    localityRank,
  }));
  shares.update(tiers, instant(nowMs));
}

/** Shares in thousandths: points that are equally far apart. */
function sharesOf(shares: TierShares, count: number, nowMs: number): number[] {
  const counts = Array.from({ length: count }, () => 0);
  for (let point = 0; point < 1_000; point += 1) {
    const index = shares.choose((point + 0.5) / 1_000, instant(nowMs));
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts;
}

function check(availabilities: readonly number[], expected: readonly number[]): void {
  const shares = new TierShares();
  update(shares, availabilities, 0);
  assert.deepEqual(sharesOf(shares, availabilities.length, 0), expected);
}

describe("TierShares", () => {
  it("fills the nearest first (the examples of Envoy's documentation)", () => {
    check([1, 1, 1], [1_000, 0, 0]);
    check([0.7, 1, 1], [700, 300, 0]);
    check([0.7, 0.14, 1], [700, 140, 160]);
    check([0.5, 0.25], [667, 333]);
    check([0.25], [1_000]);
  });

  it("lets a share rise slowly and fall at once", () => {
    const shares = new TierShares();
    update(shares, [1, 1], 0);
    assert.ok(shares.isNearestOnly(instant(0)));
    update(shares, [0.4, 1], 1_000);
    assert.deepEqual(sharesOf(shares, 2, 1_000), [400, 600]);
    update(shares, [1, 1], 2_000);
    assert.deepEqual(sharesOf(shares, 2, 2_000), [400, 600]);
    assert.deepEqual(sharesOf(shares, 2, 2_000 + RETURN_RAMP_MS / 2), [900, 100]);
    assert.ok(!shares.isNearestOnly(instant(2_000 + RETURN_RAMP_MS * 0.59)));
    assert.ok(shares.isNearestOnly(instant(2_000 + RETURN_RAMP_MS * 0.61)));
  });

  it("ramps a place that was gone, unless there is nowhere else", () => {
    const shares = new TierShares();
    update(shares, [1, 1], 0);
    shares.update([{ localityRank: 1, availability: 1 }], instant(1_000));
    assert.deepEqual(sharesOf(shares, 1, 1_000), [1_000]);
    update(shares, [1, 1], 2_000);
    assert.deepEqual(sharesOf(shares, 2, 2_000), [0, 1_000]);
    assert.deepEqual(sharesOf(shares, 2, 2_000 + RETURN_RAMP_MS / 4), [250, 750]);
    const alone = new TierShares();
    update(alone, [], 0);
    update(alone, [1, 1], 1_000);
    assert.deepEqual(sharesOf(alone, 2, 1_000), [1_000, 0]);
  });

  it("always chooses a tier, and never one without availability while another has some", () => {
    const availability = fc.oneof(fc.constant(0), fc.double({ min: 0.01, max: 1, noNaN: true }));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(availability, { maxLength: 4 }), fc.nat(20_000)), {
          minLength: 1,
          maxLength: 6,
        }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (views, point) => {
          const shares = new TierShares();
          let now = 0;
          for (const [availabilities, pauseMs] of views) {
            now += pauseMs;
            // Tiers that can take load come first, as `arrangeTiers` has it.
            const usable = availabilities.filter((each) => each > 0);
            update(shares, usable, now);
            const index = shares.choose(point, instant(now + pauseMs));
            assert.ok(index >= 0 && index < Math.max(1, usable.length));
          }
        },
      ),
    );
  });

  it("spills by capacity through a picker, a key always to the same place", () => {
    const caller = { region: "eu", zone: "1" };
    const near = viewInstances(4, (index) => ({
      ...{ id: `near-${index}`, region: "eu", zone: "1" },
      liveness: index < 2 ? "suspect" : "alive",
    }));
    const far = viewInstances(4, (index) => ({ id: `far-${index}`, region: "eu", zone: "2" }));
    for (const policy of ["random", "rendezvous"] as const) {
      const picker = createPicker([...near, ...far], pickerOptions({ policy, caller }));
      const counts = [0, 0];
      for (let call = 0; call < 10_000; call += 1) {
        const key = `user-${call}`;
        const picked = picker.pick({ key }, instant(0));
        const isFar = picked?.id.startsWith("far") === true;
        counts[isFar ? 1 : 0] = (counts[isFar ? 1 : 0] ?? 0) + 1;
        if (policy === "rendezvous") assert.equal(picker.pick({ key }, instant(0)), picked);
      }
      assertDistribution(counts, [0.7, 0.3]);
    }
  });
});
