import assert from "node:assert/strict";
import { test } from "node:test";
import { HybridClock } from "../hlc.js";
import { CANARY_INTERVAL_MS } from "../membership/membership.js";
import { RecordKind } from "../record.js";
import { Replica } from "../replica/replica.js";
import { MapRecordTable } from "../table/map-record-table.js";
import { instant, type WallTime } from "../time.js";
import { Canary } from "./canary.js";

function createCanary() {
  const replica = new Replica({
    ...{ table: new MapRecordTable(), nodeId: "a", generation: 4, tombstoneTtlMs: 1_000 },
    listener: {
      recordChanged: () => {},
      recordCollected: () => {},
      refutes: () => false,
      buried: () => {},
    },
  });
  const wallNow = () => 1_000 as WallTime;
  const clock = new HybridClock({ wallNow, now: () => instant(0), name: "a" });
  return { replica, clock, canary: new Canary({ replica, clock, now: instant(100) }) };
}

test("writes one record of its own, anew at each interval, with a rising counter", () => {
  const { replica, canary } = createCanary();
  const counters: number[] = [];
  for (let at = 0; at <= 100 + 3 * CANARY_INTERVAL_MS; at += 100) {
    canary.tick(instant(at));
    for (const slot of replica.table.slots()) counters.push(replica.table.stamp(slot).session);
  }
  assert.equal(replica.table.liveCount, 1);
  assert.deepEqual([...new Set(counters)], [1, 2, 3, 4]);
  const [slot] = replica.table.slots();
  assert.ok(slot !== undefined);
  const { kind, id, stamp } = replica.table.read(slot);
  assert.deepEqual([kind, id, stamp.incarnation], [RecordKind.canary, "a", 4]);
  assert.equal(canary.next(), 100 + 4 * CANARY_INTERVAL_MS);
});

test("carries the hybrid clock: whoever hears it is above what this node gives out", () => {
  const { replica, clock, canary } = createCanary();
  const before = clock.next();
  canary.tick(instant(100));
  const [slot] = replica.table.slots();
  assert.ok(slot !== undefined && replica.table.read(slot).since > before);
});

test("an echo tells half of the round trip by this node's clock alone (P11)", () => {
  const { canary } = createCanary();
  canary.tick(instant(100));
  assert.equal(canary.echoed(1, instant(180)), 40);
  assert.equal(canary.echoed(1, instant(300)), 100, "another region echoes the same one");
});

test("an echo of what was never sent, or too long ago, means nothing", () => {
  const { canary } = createCanary();
  for (let count = 0; count < 40; count += 1) {
    canary.tick(instant(100 + count * CANARY_INTERVAL_MS));
  }
  assert.equal(canary.echoed(41, instant(100_000)), undefined);
  assert.equal(canary.echoed(8, instant(100_000)), undefined);
  assert.notEqual(canary.echoed(9, instant(100_000)), undefined);
});
