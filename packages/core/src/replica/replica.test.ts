import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FLOOR_COUNT_MAX, ORIGIN_COUNT_MAX } from "../limits.js";
import type { DeltaGroup } from "../messages.js";
import {
  InstanceState,
  type Origin,
  RecordKind,
  type RegistryRecord,
  RemovalReason,
  Scope,
} from "../record.js";
import { MapRecordTable } from "../table/map-record-table.js";
import { NO_SLOT } from "../table/record-table.js";
import { instant } from "../time.js";
import { Replica } from "./replica.js";

const NOW = instant(1_000);
const TOMBSTONE_TTL_MS = 10_000;
const NO_BYTES = new Uint8Array(0);

function createReplica(
  nodeId: string,
  collected: RegistryRecord[] = [],
  refutes: (slot: number) => boolean = () => false,
  buried: number[] = [],
): Replica {
  return new Replica({
    table: new MapRecordTable(),
    nodeId,
    generation: 1,
    tombstoneTtlMs: TOMBSTONE_TTL_MS,
    listener: {
      recordChanged: () => {},
      recordCollected: (record) => collected.push(record),
      refutes,
      buried: (generation) => buried.push(generation),
    },
  });
}

function originOf(nodeId: string, generation = 1): Origin {
  return { nodeId, generation, scope: Scope.global };
}

function record(
  origin: Origin,
  version: number,
  id: string,
  incarnation: number,
  state: InstanceState = InstanceState.up,
): RegistryRecord {
  const isRemoved = state === InstanceState.removed;
  return {
    kind: RecordKind.instance,
    ...{ scope: Scope.global, namespace: "default", service: "orders", id, origin, version },
    stamp: { incarnation, session: 0, claim: 0 },
    ...{ state, isSuspect: false, since: 0, body: NO_BYTES },
    reason: isRemoved ? RemovalReason.deregistered : RemovalReason.none,
  };
}

function delta(from: number, records: readonly RegistryRecord[], to?: number): DeltaGroup {
  const [first] = records;
  assert.ok(first !== undefined);
  return { origin: first.origin, from, to: to ?? records.at(-1)?.version ?? from, records };
}

function liveContent(replica: Replica): string[] {
  return [...replica.table.slots()]
    .map((slot) => replica.table.read(slot))
    .map((each) => `${each.id} ${each.stamp.incarnation} ${each.state} of ${each.origin.nodeId}`)
    .sort();
}

/** The writes of some nodes on a few keys, as each node numbers them. */
const histories = fc
  .array(
    fc.record({
      nodeId: fc.constantFrom("a", "b", "c"),
      id: fc.constantFrom("x", "y", "z"),
      incarnation: fc.integer({ min: 1, max: 5 }),
      state: fc.constantFrom(InstanceState.up, InstanceState.offline, InstanceState.removed),
    }),
    { maxLength: 40 },
  )
  .map((writes) => {
    const versions = new Map<string, number>();
    return writes.map(({ nodeId, id, incarnation, state }) => {
      const version = (versions.get(nodeId) ?? 0) + 1;
      versions.set(nodeId, version);
      return record(originOf(nodeId), version, id, incarnation, state);
    });
  });

test("deltas of different origins commute, and one may come twice", () => {
  fc.assert(
    fc.property(
      histories,
      fc.array(fc.nat(), { minLength: 60, maxLength: 60 }),
      (writes, draws) => {
        const inOrder = createReplica("inOrder");
        for (const each of writes) inOrder.apply(delta(each.version - 1, [each]), NOW);
        const shuffled = createReplica("shuffled");
        const queues = ["a", "b", "c"].map((id) => writes.filter((w) => w.origin.nodeId === id));
        for (const draw of [...draws, 0, 1, 2]) {
          const queue = queues[draw % 3] ?? [];
          const countMax = draw >= 3 ? 1 + (draw % 4) : queue.length;
          const batch = queue.splice(0, countMax);
          const [first] = batch;
          if (first === undefined) continue;
          const group = delta(first.version - 1, batch);
          assert.equal(shuffled.apply(group, NOW), "applied");
          if (draw % 2 === 0) assert.equal(shuffled.apply(group, NOW), "applied");
        }
        for (const [index, queue] of queues.entries()) {
          const [first] = queue;
          if (first === undefined) continue;
          assert.equal(shuffled.apply(delta(first.version - 1, queue), NOW), "applied", `${index}`);
        }
        assert.deepEqual(liveContent(shuffled), liveContent(inOrder));
        assert.deepEqual(shuffled.digest(true), inOrder.digest(true));
      },
    ),
  );
});

test("a delta that does not attach changes nothing", () => {
  const replica = createReplica("n");
  const origin = originOf("a");
  assert.equal(replica.apply(delta(1, [record(origin, 2, "x", 1)]), NOW), "gap");
  assert.equal(replica.table.liveCount, 0);
  assert.equal(replica.apply(delta(0, [record(origin, 1, "y", 1)]), NOW), "applied");
  assert.equal(replica.apply(delta(1, [record(origin, 2, "x", 1)]), NOW), "applied");
  assert.equal(replica.table.liveCount, 2);
});

test("a node's own stream is not taken from others", () => {
  const replica = createReplica("n");
  assert.equal(replica.apply(delta(0, [record(originOf("n"), 1, "x", 1)]), NOW), "refused");
});

test("nothing removed returns, whatever arrives late (P5)", () => {
  const replica = createReplica("n");
  const [a, b] = [originOf("a"), originOf("b")];
  replica.apply(delta(0, [record(a, 1, "x", 1, InstanceState.removed)]), NOW);
  // An equal stamp of an origin with a greater name: chosen where nobody knew of the first.
  replica.apply(delta(0, [record(b, 1, "x", 1)]), NOW);
  assert.equal(replica.table.liveCount, 0);
  replica.apply(delta(1, [record(b, 2, "x", 2)]), NOW);
  assert.equal(replica.table.liveCount, 1);
});

test("a forgotten tombstone raises the watermark", () => {
  const replica = createReplica("n");
  const origin = originOf("a");
  replica.apply(delta(0, [record(origin, 1, "x", 1, InstanceState.removed)]), NOW);
  assert.equal(replica.collectTombstones(instant(1_000 + TOMBSTONE_TTL_MS - 1), 10), 0);
  assert.equal(replica.collectTombstones(instant(1_000 + TOMBSTONE_TTL_MS), 10), 1);
  const index = replica.table.findOrigin(origin);
  assert.equal(replica.watermark(index), 1);
  assert.equal(replica.table.tombstoneCount, 0);
  // The same delta again is below what was seen.
  replica.apply(delta(0, [record(origin, 1, "x", 1)]), NOW);
  assert.equal(replica.table.liveCount, 0);
});

test("an origin that was collected does not come back, and its records are proven gone", () => {
  const collected: RegistryRecord[] = [];
  const replica = createReplica("n", collected);
  const old = originOf("a", 1);
  replica.apply(delta(0, [record(old, 1, "x", 1)]), NOW);
  replica.raiseFloor("a", 1);
  assert.deepEqual(
    collected.map((each) => [each.id, each.reason]),
    [["x", RemovalReason.collected]],
  );
  assert.equal(replica.apply(delta(1, [record(old, 2, "y", 1)]), NOW), "refused");
  assert.equal(replica.apply(delta(0, [record(originOf("a", 2), 1, "y", 1)]), NOW), "applied");
});

test("an origin is collected only after it held nothing for a tombstone's time", () => {
  const replica = createReplica("n");
  const old = originOf("a", 1);
  replica.apply(delta(0, [record(old, 1, "x", 1)]), NOW);
  const generations = () => 2;
  replica.collectOrigins(instant(2_000), generations);
  replica.apply(delta(0, [record(originOf("b"), 1, "x", 2)]), NOW);
  replica.collectOrigins(instant(3_000), generations);
  replica.collectOrigins(instant(3_000 + TOMBSTONE_TTL_MS - 1), generations);
  assert.equal(replica.floorOf("a"), 0);
  replica.collectOrigins(instant(3_000 + TOMBSTONE_TTL_MS), generations);
  assert.equal(replica.floorOf("a"), 1);
  assert.notEqual(replica.find(record(old, 1, "x", 1)), NO_SLOT);
});

// Nodes with ever new names filled the table of origins, until no new node was heard.
test("origins of a node that is none any more are collected, and their names bound nothing", () => {
  const replica = createReplica("n");
  const gone = () => Number.POSITIVE_INFINITY;
  let at = 0;
  for (let start = 0; start < ORIGIN_COUNT_MAX; start += FLOOR_COUNT_MAX) {
    for (let number = start; number < start + FLOOR_COUNT_MAX; number += 1) {
      const origin = originOf(`pod-${number}`);
      replica.apply(delta(0, [record(origin, 1, "x", number, InstanceState.removed)]), instant(at));
    }
    at += TOMBSTONE_TTL_MS;
    replica.collectTombstones(instant(at), ORIGIN_COUNT_MAX);
    replica.collectOrigins(instant(at), gone);
    replica.collectOrigins(instant(at + TOMBSTONE_TTL_MS), gone);
  }
  assert.ok(replica.table.originCount >= ORIGIN_COUNT_MAX);
  assert.equal(replica.hasRoomForOrigin, true);
  assert.equal([...replica.origins(true)].length, 0);
  assert.equal(replica.floors.length, FLOOR_COUNT_MAX);
  // The floor of the first is forgotten: what comes of it is new.
  assert.equal(replica.apply(delta(0, [record(originOf("pod-0"), 1, "y", 1)]), NOW), "applied");
  assert.equal(replica.table.liveCount, 1);
});

test("who hears a floor above its own generation begins a higher one", () => {
  const buried: number[] = [];
  const replica = createReplica("n", [], undefined, buried);
  replica.raiseFloor("n", 0);
  assert.deepEqual(buried, []);
  replica.raiseFloor("n", 1);
  assert.deepEqual(buried, [1]);
});

test("what this node wrote goes by another's proof only when its program is not heard", () => {
  const asked: number[] = [];
  let isHeard = true;
  const replica = createReplica("n", [], (slot) => {
    asked.push(slot);
    return isHeard;
  });
  const { origin: _origin, version: _version, ...draft } = record(originOf("n"), 0, "x", 1);
  const slot = replica.write(draft, NOW);
  replica.collect(slot);
  assert.deepEqual([asked, replica.table.liveCount], [[slot], 1]);
  isHeard = false;
  replica.collect(slot);
  assert.equal(replica.table.liveCount, 0);
});

test("what this node says of itself, and its own tombstones, go by nobody's proof", () => {
  const replica = createReplica("n");
  const { origin: _origin, version: _version, ...draft } = record(originOf("n"), 0, "x", 1);
  const self = { ...draft, kind: RecordKind.node, namespace: "", service: "", id: "n" };
  const slots = [
    replica.write(self, NOW),
    replica.write({ ...draft, state: InstanceState.removed }, NOW),
  ];
  for (const slot of slots) replica.collect(slot);
  assert.deepEqual([replica.table.liveCount, replica.table.tombstoneCount], [1, 1]);
});

test("a node that others bury alive hears of it, and of no earlier life's goodbye", () => {
  const buried: number[] = [];
  const replica = createReplica("n", [], undefined, buried);
  const goodbye = (version: number, generation: number) => {
    const gone = record(originOf("a"), version, "n", generation, InstanceState.removed);
    return { ...gone, kind: RecordKind.node, namespace: "", service: "" };
  };
  replica.apply(delta(0, [goodbye(1, 0)]), NOW);
  assert.deepEqual(buried, []);
  replica.apply(delta(1, [goodbye(2, 1)]), NOW);
  assert.deepEqual(buried, [1]);
});

test("a tombstone lives its whole time, also when it replaced one of an equal version", () => {
  const replica = createReplica("n");
  const later = instant(1_000 + TOMBSTONE_TTL_MS / 2);
  replica.apply(delta(0, [record(originOf("a"), 1, "x", 1, InstanceState.removed)]), NOW);
  replica.apply(delta(0, [record(originOf("b"), 1, "x", 2, InstanceState.removed)]), later);
  replica.collectTombstones(instant(1_000 + TOMBSTONE_TTL_MS), 10);
  assert.equal(replica.table.tombstoneCount, 1);
  replica.collectTombstones(instant(later + TOMBSTONE_TTL_MS), 10);
  assert.equal(replica.table.tombstoneCount, 0);
  assert.equal(replica.watermark(replica.table.findOrigin(originOf("b"))), 1);
  assert.equal(replica.watermark(replica.table.findOrigin(originOf("a"))), 0);
});

test("what comes back from disk is shown, yet proves nothing beyond what was seen", () => {
  const replica = createReplica("n");
  const origin = originOf("a");
  replica.merge(record(origin, 3, "x", 1), NOW);
  const index = replica.table.findOrigin(origin);
  assert.equal(replica.seenVersion(index), 0, "one record alone is no proof of those before it");
  assert.equal(replica.apply(delta(3, [record(origin, 4, "y", 1)]), NOW), "gap");
  replica.raiseSeen({ origin, version: 3, watermark: 9 });
  assert.equal(replica.watermark(index), 3, "a watermark is never above what was seen");
  assert.equal(replica.apply(delta(3, [record(origin, 4, "y", 1)]), NOW), "applied");
  replica.raiseSeen({ origin, version: 2, watermark: 1 });
  assert.deepEqual([replica.seenVersion(index), replica.watermark(index)], [4, 3]);
});

test("a floor of this node's own present life is not believed", () => {
  const replica = createReplica("n");
  const { origin: _origin, version: _version, ...draft } = record(originOf("n"), 0, "x", 1);
  replica.write(draft, NOW);
  replica.raiseFloor("n", 1);
  assert.equal(replica.floorOf("n"), 0);
  assert.equal(replica.table.liveCount, 1);
  replica.raiseGeneration(2);
  replica.raiseFloor("n", 1);
  assert.equal(replica.table.liveCount, 0, "a past life's is");
  assert.throws(() => replica.raiseGeneration(2), /must rise/);
});

test("a write that loses its key is a bug of this node, and stops it", () => {
  const replica = createReplica("n");
  replica.apply(delta(0, [record(originOf("z"), 1, "x", 5)]), NOW);
  const { origin: _origin, version: _version, ...draft } = record(originOf("n"), 0, "x", 4);
  assert.throws(() => replica.write(draft, NOW), /must win its key/);
});
