import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Liveness } from "../instance.js";
import { InstanceState } from "../record.js";
import { arrangeTiers, OVERPROVISIONING_FACTOR, type TierOptions } from "./tiers.js";
import { pickerOptions, viewInstance, viewInstances } from "./view-instance.fixture.js";

const { alive, suspect, unreachable } = Liveness;
const caller = { region: "eu", zone: "1" };

function check(
  places: readonly [id: string, place: string, liveness: Liveness][],
  options: Partial<TierOptions>,
  expected: string,
): void {
  const instances = places.map(([id, place, liveness]) => {
    const [region = "", zone = ""] = place.split("/");
    return viewInstance({ id, region, zone, liveness });
  });
  const tiers = arrangeTiers(instances, instances, pickerOptions({ caller, ...options }));
  const texts = tiers.map((tier) => tier.instances.map(({ id }) => id).join(""));
  assert.equal(texts.join(" "), expected);
}

describe("arrangeTiers", () => {
  it("puts health before place, and skips empty groups", () => {
    check(
      [
        ["a", "us/9", alive],
        ["b", "eu/2", alive],
        ["c", "eu/1", suspect],
        ["d", "eu/1", unreachable],
        ["e", "us/9", alive],
        ["f", "us/9", suspect],
      ],
      { panicRatio: 0.5 },
      "b ae c f d",
    );
  });

  it("in panic puts place before suspicion, but never picks a cut region early", () => {
    check(
      [
        ["a", "eu/1", alive],
        ["b", "eu/1", suspect],
        ["c", "eu/1", suspect],
        ["d", "eu/1", unreachable],
        ["e", "us/9", alive],
        ["f", "us/9", suspect],
        ["g", "us/9", suspect],
      ],
      { panicRatio: 0.5 },
      "abc efg d",
    );
  });

  it("leaves a place that is bad as a whole for one that is not, whatever their sizes", () => {
    check(
      [
        ["a", "us/9", alive],
        ["b", "eu/1", suspect],
        ["c", "eu/1", suspect],
      ],
      { panicRatio: 0.5 },
      "a bc",
    );
  });

  it("has no tiers for no instances, one for all when near is not preferred", () => {
    check([], {}, "");
    check(
      [
        ["a", "us/9", alive],
        ["b", "eu/1", alive],
      ],
      { prefersNear: false },
      "ab",
    );
  });

  it("counts who is missing at a place: suspect, ejected and draining ones, by weight", () => {
    const places: [count: number, weight: number, state: InstanceState, liveness: Liveness][] = [
      [4, 100, InstanceState.up, alive],
      [2, 100, InstanceState.up, suspect],
      [1, 200, InstanceState.draining, alive],
      [9, 100, InstanceState.offline, alive],
      [9, 100, InstanceState.up, unreachable],
    ];
    const instances = places.flatMap(([count, weight, state, liveness], place) =>
      viewInstances(count, (index) => ({ id: `${place}-${index}`, weight, state, liveness })),
    );
    const up = instances.filter(({ state }) => state === InstanceState.up);
    const availabilities = (ejected: readonly string[]): number[] => {
      const options = pickerOptions({ panicRatio: 0.2, ejected: new Set(ejected) });
      return arrangeTiers(instances, up, options).map(({ availability }) => availability);
    };
    assert.deepEqual(availabilities([]), [(400 / 800) * OVERPROVISIONING_FACTOR, 0, 0]);
    assert.deepEqual(availabilities(["0-1"]), [(300 / 800) * OVERPROVISIONING_FACTOR, 0, 0]);
  });
});
