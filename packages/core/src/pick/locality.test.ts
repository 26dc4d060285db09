import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type LocalityOptions, localityRank, localityRankCount } from "./locality.js";
import { viewInstance } from "./view-instance.fixture.js";

const near: LocalityOptions = {
  caller: { region: "eu", zone: "1" },
  regionOrder: ["us", "ap"],
  prefersNear: true,
};

function check(place: string, options: LocalityOptions, expected: number): void {
  const [region = "", zone = ""] = place.split("/");
  assert.equal(localityRank(viewInstance({ region, zone }), options), expected, place);
  assert.ok(expected < localityRankCount(options));
}

describe("localityRank", () => {
  it("goes from the zone to the region, the named regions in order, the rest", () => {
    check("eu/1", near, 0);
    check("eu/2", near, 1);
    check("us/9", near, 2);
    check("ap/9", near, 3);
    check("sa/9", near, 4);
    check("af/9", near, 4);
  });

  it("does not take a zone of the same name in another region for near", () => {
    check("us/1", near, 2);
  });

  it("takes empty names for unknown places", () => {
    const nowhere = { ...near, caller: { region: "", zone: "" } };
    check("/", nowhere, 4);
    check("/", near, 4);
    check("eu/", { ...near, caller: { region: "eu", zone: "" } }, 1);
    check("us/", nowhere, 2);
  });

  it("makes no difference when near is not preferred", () => {
    const anywhere = { ...near, prefersNear: false };
    for (const place of ["eu/1", "eu/2", "us/9", "sa/9"]) check(place, anywhere, 0);
  });
});
