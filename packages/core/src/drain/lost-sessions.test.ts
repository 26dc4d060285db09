import assert from "node:assert/strict";
import { test } from "node:test";
import { instant, NEVER } from "../time.js";
import { serviceName } from "../watch/watch-table.js";
import { LostSessions } from "./lost-sessions.js";

const CART = serviceName("default", "cart");
const ORDERS = serviceName("default", "orders");

test("a lost session counts as a watcher until its client must have noticed", () => {
  const lost = new LostSessions();
  assert.equal(lost.next(), NEVER);
  lost.add(1, { name: "n/c1", services: [CART, ORDERS], ttlMs: 3_000 }, instant(0));
  lost.add(2, { name: "n/c2", services: [CART], ttlMs: 3_000 }, instant(100));
  assert.deepEqual(
    [...lost.watchersOf(CART)],
    [
      [1, "n/c1"],
      [2, "n/c2"],
    ],
  );
  assert.equal(lost.next(), 3_500);
  assert.deepEqual(lost.expire(instant(3_499)), []);
  assert.deepEqual(lost.expire(instant(3_500)), [1]);
  assert.deepEqual([...lost.watchersOf(ORDERS)], []);
  assert.deepEqual([...lost.watchersOf(CART)], [[2, "n/c2"]]);
  assert.deepEqual(lost.expire(instant(10_000)), [2]);
  assert.equal(lost.next(), NEVER);
});

test("a shorter ttl does not let a session go before an earlier one", () => {
  const lost = new LostSessions();
  lost.add(1, { name: "n/c1", services: [CART], ttlMs: 6_000 }, instant(0));
  lost.add(2, { name: "n/c2", services: [CART], ttlMs: 3_000 }, instant(0));
  assert.deepEqual(lost.expire(instant(6_499)), []);
  assert.deepEqual(lost.expire(instant(6_500)), [1, 2]);
});

test("a session that watched nothing is nobody's to wait for", () => {
  const lost = new LostSessions();
  lost.add(1, { name: "n/c1", services: [], ttlMs: 3_000 }, instant(0));
  assert.equal(lost.next(), NEVER);
});
