import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Filter, matchesFilter } from "./filter.js";
import { viewInstance } from "./view-instance.fixture.js";

const instance = viewInstance({
  group: "blue",
  version: "1.2",
  region: "eu",
  zone: "eu-1",
  metadata: { tier: "gold", empty: "" },
});

function check(filter: Filter, expected: boolean): void {
  assert.equal(matchesFilter(instance, filter), expected, JSON.stringify(filter));
}

describe("matchesFilter", () => {
  it("matches everything when nothing is named", () => {
    check({}, true);
    check({ metadata: {} }, true);
  });

  it("compares each named field exactly", () => {
    check({ group: "blue", version: "1.2", region: "eu", zone: "eu-1" }, true);
    check({ group: "Blue" }, false);
    check({ version: "1" }, false);
    check({ region: "us" }, false);
    check({ zone: "eu-2" }, false);
    check({ group: "blue", zone: "eu-2" }, false);
  });

  it("tells an empty name from an absent one", () => {
    check({ group: "" }, false);
    assert.equal(matchesFilter(viewInstance(), { group: "" }), true);
  });

  it("wants every named metadata entry, and lets others be", () => {
    check({ metadata: { tier: "gold" } }, true);
    check({ metadata: { tier: "gold", empty: "" } }, true);
    check({ metadata: { tier: "silver" } }, false);
    check({ metadata: { tier: "gold", lane: "1" } }, false);
    check({ metadata: { absent: "" } }, false);
  });

  it("is not fooled by names that every object has", () => {
    check({ metadata: { constructor: "x" } }, false);
    check(JSON.parse('{"metadata":{"__proto__":"x"}}'), false);
    const named = viewInstance({ metadata: JSON.parse('{"__proto__":"x"}') });
    assert.equal(matchesFilter(named, JSON.parse('{"metadata":{"__proto__":"x"}}')), true);
    assert.equal(matchesFilter(named, JSON.parse('{"metadata":{"__proto__":"y"}}')), false);
  });
});
