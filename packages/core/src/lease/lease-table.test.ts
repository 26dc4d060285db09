import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../random.js";
import { RemovalReason } from "../record.js";
import { type Instant, instant } from "../time.js";
import { LeaseTable } from "./lease-table.js";
import { SelfDoubt } from "./self-doubt.js";

const TIMINGS = { reconnectGraceMs: 2_000, confirmationMs: 5_000, orphanTtlMs: 60_000 };
const TTL_MS = 3_000;

function createTable(): LeaseTable {
  const random = new SeededRandom(1);
  const doubt = new SelfDoubt({ windowMs: TTL_MS, holdMaxMs: 60_000, random });
  return new LeaseTable({ timings: TIMINGS, doubt, now: instant(0) });
}

/** All that lapses until an instant, with the time of each. */
function lapsesUntil(table: LeaseTable, end: number, hasSilentNode = false) {
  const found: { at: number; write: string; reason: RemovalReason }[] = [];
  for (let at = table.next(); at <= end; at = Math.max(at + 1, table.next()) as Instant) {
    for (const { lease, step } of table.expire({ hasSilentNode }, at).lapses) {
      found.push({ at, write: step.write, reason: step.reason });
      if (step.phase === "ended") table.end(lease);
    }
  }
  return found;
}

/** The wheel may be late by its grain, never early. */
function assertAbout(at: number | undefined, expected: number): void {
  assert.ok(at !== undefined && at >= expected && at < expected + 100, `${at} is not ${expected}`);
}

test("a silent session is suspect at its ttl and removed after the confirmation", () => {
  const table = createTable();
  table.open({ ttlMs: TTL_MS, session: 1 }, instant(0));
  const [suspect, removed] = lapsesUntil(table, 20_000);
  assert.equal(suspect?.write, "suspect");
  assertAbout(suspect?.at, TTL_MS);
  assert.equal(removed?.reason, RemovalReason.silent);
  assertAbout(removed?.at, TTL_MS + TIMINGS.confirmationMs);
  assert.equal(table.count, 0);
});

test("a session that is heard in time never lapses; one heard again is alive", () => {
  const table = createTable();
  const lease = table.open({ ttlMs: TTL_MS, session: 1 }, instant(0));
  for (let at = 1_000; at <= 10_000; at += 1_000) {
    assert.deepEqual(lapsesUntil(table, at), []);
    assert.equal(table.apply(lease, "heard", instant(at)), undefined);
  }
  assert.equal(lapsesUntil(table, 14_000)[0]?.write, "suspect");
  assert.equal(table.apply(lease, "heard", instant(14_500))?.step.write, "alive");
});

test("a session without its connection has the grace, and late messages do not help it", () => {
  const table = createTable();
  const lease = table.open({ ttlMs: TTL_MS, session: 1 }, instant(0));
  assert.equal(table.apply(lease, "closed", instant(100))?.step.write, "suspect");
  assert.equal(table.apply(lease, "heard", instant(200)), undefined);
  const [removed] = lapsesUntil(table, 10_000);
  assert.equal(removed?.reason, RemovalReason.connectionLost);
  assertAbout(removed?.at, 100 + TIMINGS.reconnectGraceMs);
});

test("a lease without a session says that it was not renewed", () => {
  const table = createTable();
  table.open({ ttlMs: 10_000, session: undefined }, instant(0));
  assert.equal(lapsesUntil(table, 20_000)[1]?.reason, RemovalReason.leaseExpired);
});

test("nothing is removed while a node is silent, until the long ttl (P6)", () => {
  const table = createTable();
  table.open({ ttlMs: TTL_MS, session: 1 }, instant(0));
  assert.equal(lapsesUntil(table, 50_000, true).length, 1);
  assert.equal(lapsesUntil(table, 51_000, false)[0]?.reason, RemovalReason.silent);
});

test("an adopted lease ends after the long ttl as orphaned", () => {
  const table = createTable();
  table.open({ ttlMs: TTL_MS, session: undefined, phase: "adopted" }, instant(0));
  const [removed] = lapsesUntil(table, 100_000);
  assert.equal(removed?.reason, RemovalReason.orphaned);
  assertAbout(removed?.at, TIMINGS.orphanTtlMs);
});
