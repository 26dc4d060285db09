import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { rendezvous } from "../hash.js";
import { HybridClock } from "../hlc.js";
import { LeaseTable } from "../lease/lease-table.js";
import { SelfDoubt } from "../lease/self-doubt.js";
import { Membership } from "../membership/membership.js";
import { SeededRandom } from "../random.js";
import { originOf, recordFor, stampOf } from "../record.fixture.js";
import { InstanceState, originText, RemovalReason, Scope } from "../record.js";
import { Replica } from "../replica/replica.js";
import { MapRecordTable } from "../table/map-record-table.js";
import { instant, type WallTime } from "../time.js";
import { Adoption } from "./adoption.js";
import { InstanceWriter } from "./instance-writer.js";

const ORPHAN_SUSPECT_MS = 30_000;
const ORPHAN_TTL_MS = 900_000;
/** The node that dies, and three others of its region. */
const LOST = originOf("lost");
const REGION = ["a", "b", "c"];

/** One observer that holds two instances of the lost node. */
function observe(nodeId: string) {
  const replica: Replica = new Replica({
    table: new MapRecordTable(),
    nodeId,
    generation: 1,
    tombstoneTtlMs: 60_000,
    listener: {
      recordChanged: (slot, tag) => {
        const isOwn = replica.isOwn(replica.table.origin(replica.table.originOf(slot)));
        if (isOwn || tag === 0) return;
        replica.table.setTag(slot, 0);
        writer.dropFrom(leases.get(tag), slot);
      },
      recordCollected: () => {},
      refutes: () => false,
      buried: () => {},
    },
  });
  const doubt = new SelfDoubt({
    ...{ windowMs: 3_000, holdMaxMs: ORPHAN_TTL_MS },
    random: new SeededRandom(1),
  });
  const timings = { reconnectGraceMs: 2_000, confirmationMs: 5_000, orphanTtlMs: ORPHAN_TTL_MS };
  const leases = new LeaseTable({ timings, doubt, now: instant(0) });
  const clock = new HybridClock({
    wallNow: () => 1_000 as WallTime,
    now: () => instant(0),
    name: "a",
  });
  const writer = new InstanceWriter({ replica, leases, clock, isOrphaned: () => false });
  const membership = new Membership({ nodeId, region: "r" });
  for (const id of ["lost", ...REGION, "far"]) {
    const region = id === "far" ? "other" : "r";
    const description = { region, zone: "", address: id, peerAddress: id, tls: false };
    membership.announced(id, { generation: 1, description, now: instant(0) });
  }
  const adoption = new Adoption({
    ...{ replica, writer, leases, membership },
    ...{ orphanSuspectMs: ORPHAN_SUSPECT_MS, orphanTtlMs: ORPHAN_TTL_MS },
  });
  const records = [recordFor("1", { origin: LOST }), recordFor("2", { origin: LOST, version: 2 })];
  replica.apply({ origin: LOST, from: 0, to: 2, records }, instant(0));
  return { replica, leases, membership, writer, adoption };
}

type Observer = ReturnType<typeof observe>;

function kill({ membership }: Observer): void {
  membership.departed("lost", 1, instant(0));
}

/** Looks each second, as nodes do; returns when and how many were adopted. */
function roundsUntil({ adoption }: Observer, end: number): [number, number][] {
  const found: [number, number][] = [];
  for (let at = 0; at <= end; at += 1_000) {
    const count = adoption.round(instant(at));
    if (count > 0) found.push([at, count]);
  }
  return found;
}

function chosen(): string {
  return rendezvous(originText(LOST), REGION) ?? "";
}

describe("adoption", () => {
  it("comes after the orphan time and not before, as suspect and with a higher claim", () => {
    const one = observe(chosen());
    kill(one);
    assert.deepEqual(roundsUntil(one, 60_000), [[ORPHAN_SUSPECT_MS, 2]]);
    const { table } = one.replica;
    const record = table.read(one.replica.find(recordFor("1")));
    assert.deepEqual(record.stamp, stampOf(1, 1, 1));
    assert.ok(record.isSuspect && one.replica.isOwn(record.origin));
    assert.equal(one.leases.count, 1);
  });

  it("is done by exactly one node of the region, and by none of another", () => {
    const adopters = [...REGION, "far"].filter((nodeId) => {
      const one = observe(nodeId);
      kill(one);
      return roundsUntil(one, 60_000).length > 0;
    });
    assert.deepEqual(adopters, [chosen()]);
  });

  it("goes to the next when the chosen one is gone too", () => {
    const others = REGION.filter((id) => id !== chosen());
    const adopters = others.filter((nodeId) => {
      const one = observe(nodeId);
      kill(one);
      one.membership.departed(chosen(), 1, instant(0));
      return roundsUntil(one, 60_000).length > 0;
    });
    assert.deepEqual(adopters, [rendezvous(originText(LOST), others)]);
  });

  it("a region of which nothing is heard is adopted by nobody (P6)", () => {
    const one = observe("far");
    const hearing = { direct: new Set<string>(), vouched: new Set<string>() };
    for (let at = 0; at <= 600_000; at += 1_000) {
      one.membership.evaluate(hearing, instant(at));
      assert.equal(one.adoption.round(instant(at)), 0);
    }
    assert.equal(one.membership.get("lost")?.status, "unreachable");
  });

  it("an owner that comes back in time under a new life is one that is gone, its records too", () => {
    const one = observe(chosen());
    const description = { region: "r", zone: "", address: "x", peerAddress: "x", tls: false };
    one.membership.announced("lost", { generation: 2, description, now: instant(0) });
    const late = REGION.concat("lost");
    const isMine = rendezvous(originText(LOST), late) === chosen();
    assert.equal(roundsUntil(one, 60_000).length > 0, isMine);
  });

  it("an owner that is heard again before the orphan time keeps what it has", () => {
    const one = observe(chosen());
    const silent = { direct: new Set(["far", "a", "b", "c"]), vouched: new Set<string>() };
    const heard = { direct: new Set(["lost"]), vouched: new Set<string>() };
    for (let at = 0; at <= 200_000; at += 1_000) {
      one.membership.evaluate(at % 40_000 < 30_000 ? silent : heard, instant(at));
      assert.equal(one.adoption.round(instant(at)), 0, `at ${at}`);
    }
  });

  it("what nobody comes back for ends at the long ttl, as orphaned (P4)", () => {
    const one = observe(chosen());
    kill(one);
    roundsUntil(one, ORPHAN_SUSPECT_MS);
    const end = ORPHAN_SUSPECT_MS + ORPHAN_TTL_MS;
    const lapsesAt = (at: number) => {
      const { lapses } = one.leases.expire({ hasSilentNode: true }, instant(at));
      for (const lapse of lapses) one.writer.carryOut(lapse, instant(at));
      return lapses.length;
    };
    assert.equal(lapsesAt(end - 1), 0);
    assert.equal(lapsesAt(end + 100), 1);
    const record = one.replica.table.read(one.replica.find(recordFor("2")));
    assert.deepEqual(
      [record.state, record.reason],
      [InstanceState.removed, RemovalReason.orphaned],
    );
    assert.equal(one.leases.count, 0);
  });

  it("a client that comes back elsewhere beats it, and is off the adopter's lease", () => {
    const one = observe(chosen());
    kill(one);
    roundsUntil(one, ORPHAN_SUSPECT_MS);
    const origin = originOf("elsewhere", 1, Scope.global);
    const records = [recordFor("1", { origin, stamp: stampOf(1, 2) })];
    one.replica.apply({ origin, from: 0, to: 1, records }, instant(40_000));
    const record = one.replica.table.read(one.replica.find(recordFor("1")));
    assert.ok(!record.isSuspect && record.origin.nodeId === "elsewhere");
    const [lapse] = one.leases.expire({ hasSilentNode: false }, instant(2_000_000)).lapses;
    assert.ok(lapse);
    one.writer.carryOut(lapse, instant(2_000_000));
    assert.equal(one.replica.table.read(one.replica.find(recordFor("1"))).state, InstanceState.up);
  });
});
