import assert from "node:assert/strict";
import { test } from "node:test";
import { HybridClock } from "../hlc.js";
import { DEAD_TTL_MS, Membership } from "../membership/membership.js";
import { originOf } from "../record.fixture.js";
import { InstanceState, RecordKind, type RegistryRecord, RemovalReason, Scope } from "../record.js";
import { Replica } from "../replica/replica.js";
import { MapRecordTable } from "../table/map-record-table.js";
import { after, instant, type WallTime } from "../time.js";
import { describeNode, NodeBench, notes } from "./node.fixture.js";
import { NodeRecords } from "./node-records.js";
import { Outbox } from "./outbox.js";
import type { PeerDesk } from "./peer-desk.js";

const NOW = instant(1_000);
const TOMBSTONE_TTL_MS = 10_000;

/** A node `a` that knows `b` (dead for a day) and `c` (alive). */
function afterADay() {
  const membership = new Membership({ nodeId: "a", region: "r" });
  const outbox = new Outbox();
  const listener = {
    recordChanged: () => {},
    recordCollected: () => {},
    refutes: () => false,
    buried: () => {},
  };
  const table = new MapRecordTable();
  const copy = { table, nodeId: "a", generation: 1, tombstoneTtlMs: TOMBSTONE_TTL_MS, listener };
  const replica = new Replica(copy);
  const description = describeNode("r", "a");
  for (const nodeId of ["a", "b", "c"]) {
    membership.announced(nodeId, { generation: 7, description, now: NOW });
  }
  const hearing = { direct: new Set(["c"]), vouched: new Set<string>() };
  membership.evaluate(hearing, NOW);
  membership.refused("b", NOW);
  membership.evaluate(hearing, after(NOW, 10_000));
  membership.evaluate(hearing, after(NOW, 20_000));
  assert.equal(membership.get("b")?.status, "dead");
  const records = (nodeId: string) =>
    new NodeRecords({
      ...{ nodeId, region: "r", description, encodedDescription: new Uint8Array([1]) },
      ...{ replica, membership, outbox, decodeNodeDescription: () => description },
      peers: { noteMembersChanged: () => {} } as PeerDesk,
      clock: new HybridClock({ wallNow: () => 1_000 as WallTime, now: () => NOW, name: nodeId }),
    });
  const goodbyes = () =>
    [...table.slots()].map((slot) => table.read(slot)).filter((one) => one.id === "b");
  return { records, membership, outbox, goodbyes };
}

test("a node that was dead for a day is buried, by one of the living", () => {
  const { records, membership, outbox, goodbyes } = afterADay();
  const day = after(NOW, 20_000 + DEAD_TTL_MS);
  records("a").buryDead(TOMBSTONE_TTL_MS, after(NOW, DEAD_TTL_MS));
  assert.equal(goodbyes().length, 0, "not before");
  const other = ["a", "c"].filter((nodeId) => {
    const before = goodbyes().length;
    if (before === 0) records(nodeId).buryDead(TOMBSTONE_TTL_MS, day);
    return goodbyes().length > before;
  });
  assert.equal(other.length, 1);
  const [goodbye] = goodbyes();
  assert.deepEqual(
    [goodbye?.state, goodbye?.reason, goodbye?.stamp],
    [InstanceState.removed, RemovalReason.left, { incarnation: 7, session: 0, claim: 1 }],
  );
  assert.deepEqual(notes(outbox.take()), ["node.buried"]);
  assert.equal(membership.get("b")?.status, "left");
});

test("an operator's word buries a node that is dead, and none that may live", () => {
  const { records, membership, outbox, goodbyes } = afterADay();
  const desk = records("a");
  assert.equal(desk.forget("x", NOW)?.code, "not_found");
  assert.match(desk.forget("c", NOW)?.message ?? "", /node c: it is alive, and must be dead/);
  assert.equal(desk.forget("a", NOW)?.code, "failed_precondition");
  assert.equal(membership.get("c")?.status, "alive");
  assert.deepEqual(goodbyes(), []);
  assert.equal(desk.forget("b", NOW), undefined);
  assert.equal(desk.forget("b", NOW), undefined, "twice is once");
  assert.deepEqual(
    goodbyes().map(({ state, reason, stamp }) => [state, reason, stamp.incarnation]),
    [[InstanceState.removed, RemovalReason.left, 7]],
  );
  assert.deepEqual(notes(outbox.take()), ["node.forgotten"]);
  assert.equal(membership.get("b")?.status, "left");
});

// Without the word, a lost host holds removals for the long ttl and is named by each drain.
test("a node that was unreachable and is forgotten holds nothing any more", () => {
  const bench = new NodeBench();
  bench.link(1, "b");
  const origin = originOf("b");
  const self: RegistryRecord = {
    ...{ kind: RecordKind.node, scope: Scope.global, namespace: "", service: "", id: "b" },
    ...{ origin, version: 1, stamp: { incarnation: 1, session: 0, claim: 0 } },
    ...{ state: InstanceState.up, isSuspect: false, reason: RemovalReason.none, since: 0 },
    body: new Uint8Array([1]),
  };
  bench.hear(1, { type: "delta", groups: [{ origin, from: 0, to: 1, records: [self] }] });
  bench.openSession(1);
  bench.register(1, "x");
  assert.equal(
    bench.run({ kind: "forget-node", nodeId: "b" })?.refusal?.code,
    "failed_precondition",
  );
  bench.step({ type: "link-close", link: 1 });
  bench.runUntil(20_000);
  const statusOf = () => bench.node.members().find(({ nodeId }) => nodeId === "b")?.status;
  assert.equal(statusOf(), "unreachable");
  assert.equal(bench.seen("x"), "suspect", "its client may be there");
  assert.equal(bench.run({ kind: "forget-node", nodeId: "b" })?.refusal, undefined);
  assert.equal(statusOf(), "left");
  bench.runUntil(22_000);
  assert.match(bench.seen("x"), /^removed/);
});

// It stayed `left` in everybody's eyes until it was started again, and its instances were adopted.
test("a node that was buried alive begins a higher generation", () => {
  const bench = new NodeBench();
  bench.openSession(1);
  bench.register(1, "x", 1);
  bench.link(1, "b");
  const origin = originOf("b");
  const goodbye: RegistryRecord = {
    ...{ kind: RecordKind.node, scope: Scope.global, namespace: "", service: "", id: "a" },
    ...{ origin, version: 1, stamp: { incarnation: 5, session: 0, claim: 1 } },
    ...{ state: InstanceState.removed, isSuspect: false, reason: RemovalReason.left, since: 0 },
    body: new Uint8Array(0),
  };
  const effects = bench.hear(1, {
    type: "delta",
    groups: [{ origin, from: 0, to: 1, records: [goodbye] }],
  });
  assert.ok(notes(effects).includes("node.generation-raised"));
  const { generation } = bench.node;
  assert.ok(generation > 5);
  assert.deepEqual(
    [bench.seen("x"), bench.instance("x")?.origin.generation],
    ["alive", generation],
  );
  const { table } = bench.node;
  const self = table.read(table.find({ ...goodbye, scope: Scope.global }));
  assert.deepEqual([self.state, self.stamp.incarnation], [InstanceState.up, generation]);
});
