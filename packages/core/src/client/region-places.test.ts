import assert from "node:assert/strict";
import { test } from "node:test";
import { VIEW_REGION_COUNT_MAX } from "../limits.js";
import { RegionPlaces } from "./region-places.js";

test("the first region has what was there before any was named", () => {
  const places = new RegionPlaces();
  const unnamed = places.entered;
  assert.equal(places.shownRegion, "");
  assert.equal(places.enter("us"), undefined);
  assert.equal(places.entered, unnamed);
  assert.equal(places.arrive(), false);
  assert.equal(places.shownRegion, "us");
});

test("another region is entered at once and shown when it has arrived; each keeps its place", () => {
  const places = new RegionPlaces();
  places.enter("us");
  const us = places.entered;
  places.arrive();
  places.enter("eu");
  const eu = places.entered;
  assert.notEqual(eu, us);
  assert.deepEqual([places.shown, places.shownRegion], [us, "us"]);
  assert.equal(places.arrive(), true);
  assert.deepEqual([places.shown, places.shownRegion], [eu, "eu"]);
  places.enter("us");
  assert.equal(places.entered, us);
  places.enter("");
  assert.equal(places.entered, us, "a node that does not say is taken for the same");
});

test("a view that is restored in a region has that region's own", () => {
  const places = new RegionPlaces();
  places.enter("us");
  places.arrive();
  const us = places.entered;
  places.enter("eu");
  assert.notEqual(places.entered, us);
});

test("as long as none has answered, the region that is entered has what was there", () => {
  const places = new RegionPlaces();
  const unnamed = places.entered;
  places.arrive();
  places.enter("us");
  places.enter("eu");
  assert.equal(places.entered, unnamed);
  assert.equal(places.shownRegion, "", "what was saved names no region");
  assert.equal(places.arrive(), false);
  assert.equal(places.shownRegion, "eu");
  places.enter("us");
  assert.notEqual(places.entered, unnamed);
});

test("of too many regions, the one that was left first makes room", () => {
  const places = new RegionPlaces();
  const made = new Map<string, number>();
  for (let region = 0; region < VIEW_REGION_COUNT_MAX; region += 1) {
    assert.equal(places.enter(`r${region}`), undefined);
    places.arrive();
    made.set(`r${region}`, places.entered);
  }
  places.enter("r0");
  places.arrive();
  assert.equal(places.enter("new"), made.get("r1"));
  assert.equal(places.entered, made.get("r1"));
  assert.equal(places.shownRegion, "r0");
});
