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

test("the ttl counts from receipt, whatever the lease's age, and never lapses before it", () => {
  const table = createTable();
  const lease = table.open({ ttlMs: TTL_MS, session: 1 }, instant(0));
  table.apply(lease, "heard", instant(2_990));
  assert.deepEqual(lapsesUntil(table, 5_989), []);
  assertAbout(lapsesUntil(table, 7_000)[0]?.at, 2_990 + TTL_MS);
});

test("to be heard writes nothing and asks for no earlier tick (P9)", () => {
  const table = createTable();
  const lease = table.open({ ttlMs: TTL_MS, session: 1 }, instant(0));
  const next = table.next();
  for (let at = 0; at < 2_900; at += 1) {
    assert.equal(table.apply(lease, "heard", instant(at)), undefined);
    assert.equal(table.next(), next);
  }
});

test("a close late in the silence still gives the whole grace", () => {
  const table = createTable();
  const lease = table.open({ ttlMs: TTL_MS, session: 1 }, instant(0));
  lapsesUntil(table, 7_900);
  assert.equal(lease.phase, "silent");
  assert.equal(table.apply(lease, "closed", instant(7_950)), undefined, "suspect already");
  assert.equal(table.apply(lease, "closed", instant(9_000)), undefined);
  const [removed] = lapsesUntil(table, 20_000);
  assertAbout(removed?.at, 7_950 + TIMINGS.reconnectGraceMs);
  assert.equal(removed?.reason, RemovalReason.connectionLost);
});

test("an id used again has its own time and nothing of the former lease", () => {
  const table = createTable();
  const first = table.open({ ttlMs: TTL_MS, session: 1 }, instant(0));
  first.slots.add(7);
  table.end(first);
  assert.throws(() => table.end(first), /must be open/);
  assert.equal(table.next(), Number.POSITIVE_INFINITY, "nothing is waited for");
  const second = table.open({ ttlMs: 10_000, session: 2 }, instant(1_000));
  assert.equal(second.id, first.id);
  assert.equal(table.get(first.id), second);
  assert.deepEqual([...second.slots], []);
  assertAbout(lapsesUntil(table, 12_000)[0]?.at, 11_000);
  assert.throws(() => table.end(first), /must be open/);
});

test("since when its instances are suspect is the first word of it, until heard again", () => {
  const table = createTable();
  const lease = table.open({ ttlMs: TTL_MS, session: 1 }, instant(0));
  lapsesUntil(table, 4_000);
  const { suspectSince } = lease;
  assertAbout(suspectSince, TTL_MS);
  table.apply(lease, "closed", instant(4_500));
  assert.equal(lease.suspectSince, suspectSince);
  const other = table.open({ ttlMs: TTL_MS, session: 2 }, instant(5_000));
  table.apply(other, "closed", instant(6_000));
  assert.equal(other.suspectSince, 6_000);
});

test("those who left on purpose do not count: the rest lapses as if they had never been (P6)", () => {
  const table = createTable();
  const leases = Array.from({ length: 40 }, (_, index) =>
    table.open({ ttlMs: TTL_MS, session: index }, instant(0)),
  );
  for (const lease of leases.slice(3)) table.end(lease);
  const lapses = lapsesUntil(table, TTL_MS + 100);
  assert.deepEqual(
    lapses.map(({ write }) => write),
    ["suspect", "suspect", "suspect"],
  );
});

test("many at once wait for their share, and what is held says why", () => {
  const table = createTable();
  for (let session = 0; session < 100; session += 1) {
    table.open({ ttlMs: TTL_MS, session }, instant(0));
  }
  const { lapses, held } = table.expire({ hasSilentNode: false }, instant(TTL_MS));
  assert.equal(lapses.length, 15);
  assert.deepEqual([...held], [["many-silent", 85]]);
  assert.ok(table.next() >= TTL_MS * 2, "nobody is looked at before the pause is over");
});
