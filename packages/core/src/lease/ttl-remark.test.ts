import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LEASE_TTL_MAX_MS, LEASE_TTL_MIN_MS } from "../limits.js";
import { RemovalReason } from "../record.js";
import { remarkOfTtl, ttlOfRemark } from "./ttl-remark.js";

test("what is carried is the ttl or a little more, and readable as a reason", () => {
  const ttls = fc.integer({ min: LEASE_TTL_MIN_MS, max: LEASE_TTL_MAX_MS });
  fc.assert(
    fc.property(ttls, (ttlMs) => {
      const remark = remarkOfTtl(ttlMs);
      assert.ok(remark > RemovalReason.none && remark <= RemovalReason.collected);
      const carriedMs = ttlOfRemark(remark) ?? Number.NaN;
      assert.ok(carriedMs >= ttlMs && carriedMs <= Math.max(2_000, 4 * ttlMs));
    }),
  );
});

test("what a session keeps carries none", () => {
  assert.equal(ttlOfRemark(RemovalReason.none), undefined);
});
