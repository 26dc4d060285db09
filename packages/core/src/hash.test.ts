import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hashBytes, hashNumber, hashText, rendezvous, rendezvousOrder } from "./hash.js";

const MEMBERS = ["us-1", "us-2", "eu-1", "eu-2", "ap-1"];

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
