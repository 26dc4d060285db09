import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Liveness } from "../instance.js";
import { arrangeTiers, type TierOptions } from "./tiers.js";
import { pickerOptions, viewInstance } from "./view-instance.fixture.js";

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
  const tiers = arrangeTiers(instances, pickerOptions({ caller, ...options }));
  assert.equal(tiers.map((tier) => tier.map(({ id }) => id).join("")).join(" "), expected);
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
        ["a", "us/9", alive],
        ["b", "eu/1", suspect],
        ["c", "eu/1", suspect],
        ["d", "eu/1", unreachable],
      ],
      { panicRatio: 0.5 },
      "bc a d",
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
});
