import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { avalanche, hashBytes, hashNumber, hashText, rendezvous, rendezvousOrder } from "./hash.js";

const MEMBERS = ["us-1", "us-2", "eu-1", "eu-2", "ap-1"];

const KNOWN = [2872998923, 444641715, 3729251658, 1315153499, 3661075351];
const ORDER = ["eu-2", "us-1", "us-2", "ap-1", "eu-1"];

test("hashes are the same on every machine, and every part of the input counts", () => {
  assert.equal(hashText(""), hashText("", 0));
  assert.notEqual(hashText("a"), hashText("b"));
  assert.notEqual(hashText("a", 1), hashText("a", 2));
  assert.notEqual(hashBytes(new Uint8Array([1, 0])), hashBytes(new Uint8Array([1])));
  assert.notEqual(hashNumber(1, 0), hashNumber(1 + 2 ** 32, 0), "the high half counts");
});

test("rendezvous does not depend on the order of members, and moves only what left", () => {
  fc.assert(
    fc.property(fc.string(), fc.shuffledSubarray(MEMBERS, { minLength: 2 }), (key, members) => {
      const chosen = rendezvous(key, members);
      assert.equal(rendezvous(key, [...members].reverse()), chosen);
      assert.equal(rendezvousOrder(key, members)[0], chosen);
      for (const leaver of members) {
        if (leaver === chosen) continue;
        const others = members.filter((each) => each !== leaver);
        assert.equal(rendezvous(key, others), chosen);
      }
    }),
  );
  assert.equal(rendezvous("key", []), undefined);
});

test("rendezvous spreads keys evenly", () => {
  const counts = new Map<string, number>();
  for (let index = 0; index < 5_000; index += 1) {
    const chosen = rendezvous(`key-${index}`, MEMBERS) ?? "";
    counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
  }
  for (const [id, count] of counts) assert.ok(Math.abs(count - 1_000) < 150, `${id}: ${count}`);
});

test("known values: a change of them would split a cluster of two versions", () => {
  assert.equal(avalanche(0), 0);
  assert.equal(avalanche(1), 0x514e28b7, "MurmurHash3's fmix32");
  const found = [
    hashText(""),
    hashText("a"),
    hashText("orders", 7),
    hashBytes(new Uint8Array([1, 2, 3])),
    hashNumber(2 ** 40 + 1, 5),
  ];
  assert.deepEqual(found, KNOWN);
  assert.deepEqual(rendezvousOrder("orders", MEMBERS), ORDER);
});

test("rendezvous passes a chi-squared test, also for short keys and for members alike", () => {
  for (const count of [2, 3, 7, 20]) {
    const members = Array.from({ length: count }, (_, index) => `node-${index}`);
    for (const prefix of ["", "k", "10.0.0."]) {
      const hits = new Map(members.map((member) => [member, 0]));
      const keyCount = 5_000;
      for (let key = 0; key < keyCount; key += 1) {
        const chosen = rendezvous(`${prefix}${key}`, members) ?? "";
        hits.set(chosen, (hits.get(chosen) ?? 0) + 1);
      }
      const expected = keyCount / count;
      let chiSquared = 0;
      for (const hit of hits.values()) chiSquared += (hit - expected) ** 2 / expected;
      // Mean count - 1, variance twice that: five standard deviations.
      const bound = count - 1 + 5 * Math.sqrt(2 * (count - 1));
      assert.ok(chiSquared < bound, `${prefix} over ${count}: ${chiSquared} is not below ${bound}`);
    }
  }
});

test("a member that joins takes only its own share", () => {
  const joined = [...MEMBERS, "ap-2"];
  let movedCount = 0;
  for (let key = 0; key < 3_000; key += 1) {
    const [before, after] = [rendezvous(`k${key}`, MEMBERS), rendezvous(`k${key}`, joined)];
    if (before === after) continue;
    assert.equal(after, "ap-2");
    movedCount += 1;
  }
  assert.ok(Math.abs(movedCount - 500) < 120, `${movedCount} of 3000 moved`);
});
