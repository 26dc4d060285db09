import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { isSameDigest } from "./hash.js";
import { originOf, recordFor, stampOf, tombstoneFor } from "./record.fixture.js";
import {
  CLAIM_MAX,
  compareOrigins,
  compareRecords,
  compareStamps,
  originText,
  type RegistryRecord,
  raiseStamp,
  recordDigest,
  recordKeyText,
  Scope,
  SESSION_NUMBER_MAX,
  type Stamp,
} from "./record.js";

/** Few values of everything, so that ties are common. */
const few = fc.nat(2);
const contenders: fc.Arbitrary<RegistryRecord> = fc
  .record({
    incarnation: few,
    session: few,
    claim: few,
    isRemoved: fc.boolean(),
    node: fc.constantFrom("a", "b", "B"),
    generation: fc.integer({ min: 1, max: 2 }),
    scope: fc.constantFrom(Scope.global, Scope.region),
    version: fc.integer({ min: 1, max: 3 }),
  })
  .map((one) =>
    (one.isRemoved ? tombstoneFor : recordFor)("1", {
      stamp: stampOf(one.incarnation, one.session, one.claim),
      origin: originOf(one.node, one.generation, one.scope),
      version: one.version,
    }),
  );

describe("compareRecords", () => {
  it("is a total order: antisymmetric, transitive, and 0 only for the same write", () => {
    fc.assert(
      fc.property(contenders, contenders, contenders, (a, b, c) => {
        assert.equal(Math.sign(compareRecords(a, b)), 0 - Math.sign(compareRecords(b, a)));
        if (compareRecords(a, b) >= 0 && compareRecords(b, c) >= 0) {
          assert.ok(compareRecords(a, c) >= 0);
        }
        if (compareRecords(a, b) === 0) {
          assert.equal(originText(a.origin), originText(b.origin));
          assert.deepEqual([a.version, a.stamp, a.state], [b.version, b.stamp, b.state]);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it("puts stamp before removal before origin before version (P5)", () => {
    const check = (winner: RegistryRecord, loser: RegistryRecord) =>
      assert.ok(compareRecords(winner, loser) > 0);
    const [a, b] = [originOf("a"), originOf("b")];
    check(recordFor("1", { stamp: stampOf(2, 1) }), recordFor("1", { stamp: stampOf(1, 9, 9) }));
    check(recordFor("1", { stamp: stampOf(1, 2) }), tombstoneFor("1", { stamp: stampOf(1, 1, 9) }));
    check(tombstoneFor("1", { origin: a }), recordFor("1", { origin: b, version: 9 }));
    check(recordFor("1", { origin: b }), recordFor("1", { origin: a, version: 9 }));
    check(recordFor("1", { version: 2 }), recordFor("1", { version: 1 }));
  });
});

describe("compareStamps and compareOrigins", () => {
  it("compare the most significant part first, names by code unit", () => {
    assert.ok(compareStamps(stampOf(2, 0, 0), stampOf(1, 4_294_967_295, 65_535)) > 0);
    assert.ok(compareStamps(stampOf(1, 2, 0), stampOf(1, 1, 65_535)) > 0);
    assert.equal(compareStamps(stampOf(1, 2, 3), stampOf(1, 2, 3)), 0);
    assert.ok(compareOrigins(originOf("b", 1), originOf("B", 9)) > 0);
    assert.ok(compareOrigins(originOf("a", 2), originOf("a", 1, Scope.region)) > 0);
    assert.ok(compareOrigins(originOf("a", 1, Scope.region), originOf("a", 1)) > 0);
  });
});

describe("texts and digests", () => {
  it("tell keys and origins apart by every part", () => {
    const keys = [
      recordFor("1"),
      recordFor("1", { kind: 3 }),
      recordFor("1", { scope: Scope.region }),
      recordFor("1", { namespace: "other" }),
      recordFor("1", { service: "other" }),
      recordFor("2"),
      recordFor("", { service: "cart1" }),
    ];
    assert.equal(new Set(keys.map(recordKeyText)).size, keys.length);
    const origins = [originOf("a"), originOf("a", 2), originOf("a", 1, 1), originOf("b")];
    assert.equal(new Set(origins.map(originText)).size, origins.length);
  });

  it("a record's digest says what a caller sees, and not who wrote it", () => {
    const base = recordFor("1");
    const check = (change: Partial<RegistryRecord>, isSame: boolean) =>
      assert.equal(
        isSameDigest(recordDigest(base), recordDigest({ ...base, ...change })),
        isSame,
        JSON.stringify(change),
      );
    check({ origin: originOf("z", 7), version: 99, since: 5 }, true);
    check({ id: "2" }, false);
    check({ kind: 3 }, false);
    check({ state: 1 }, false);
    check({ isSuspect: true }, false);
    check({ stamp: stampOf(2) }, false);
    check({ stamp: stampOf(1, 2) }, false);
    check({ stamp: stampOf(1, 1, 1) }, false);
    check({ body: new Uint8Array([2]) }, false);
    check({ body: new Uint8Array([1, 0]) }, false);
  });
});

it("a raised stamp is higher, whatever is at its end", () => {
  const check = (stamp: Stamp, expected: Stamp | undefined) => {
    const raised = raiseStamp(stamp);
    assert.deepEqual(raised, expected);
    if (raised !== undefined) assert.ok(compareStamps(raised, stamp) > 0);
  };
  const last = { session: SESSION_NUMBER_MAX, claim: CLAIM_MAX };
  check({ incarnation: 1, session: 2, claim: 3 }, { incarnation: 1, session: 2, claim: 4 });
  check({ incarnation: 1, session: 2, claim: CLAIM_MAX }, { incarnation: 1, session: 3, claim: 0 });
  check({ incarnation: 1, ...last }, { incarnation: 2, session: 0, claim: 0 });
  check({ incarnation: Number.MAX_SAFE_INTEGER, ...last }, undefined);
});
