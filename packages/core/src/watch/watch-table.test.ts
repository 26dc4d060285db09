import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EMPTY_DIGEST } from "../hash.js";
import { DELTA_MAX_BYTES } from "../limits.js";
import type { OriginVersion, SnapshotMessage } from "../messages.js";
import { originOf, recordFor, stampOf, tombstoneFor } from "../record.fixture.js";
import type { RegistryRecord } from "../record.js";
import { Replica } from "../replica/replica.js";
import { MapRecordTable } from "../table/map-record-table.js";
import { instant } from "../time.js";
import { serviceName, WatchTable } from "./watch-table.js";

const TOMBSTONE_TTL_MS = 1_000;
const CART = serviceName("default", "cart");

class WatchBench {
  readonly replica: Replica;
  readonly watches: WatchTable;
  readonly #versions = new Map<string, number>();

  constructor() {
    this.replica = new Replica({
      ...{ table: new MapRecordTable(), nodeId: "n", generation: 1 },
      tombstoneTtlMs: TOMBSTONE_TTL_MS,
      listener: {
        recordChanged: (slot) => this.watches.changed(this.#serviceOf(slot), slot),
        refutes: () => false,
        buried: () => {},
        recordCollected: (gone) =>
          this.watches.collected(serviceName(gone.namespace, gone.service), gone),
      },
    });
    this.watches = new WatchTable(this.replica);
  }

  /** A record arrives as its origin's next version. */
  take(record: RegistryRecord, now = 0): void {
    const { nodeId } = record.origin;
    const from = this.#versions.get(nodeId) ?? 0;
    this.#versions.set(nodeId, from + 1);
    const records = [{ ...record, version: from + 1 }];
    this.replica.apply({ origin: record.origin, from, to: from + 1, records }, instant(now));
  }

  /** The answer to a holder of a position; `digest` left out differs from the node's. */
  answer(position: readonly OriginVersion[], digest = { high: 1, low: 1 }): SnapshotMessage[] {
    const name = { namespace: "default", service: "cart" };
    return this.watches.answer({ requestId: 5, ...name, position, digest });
  }

  digest() {
    const { table } = this.replica;
    const index = table.findService("default", "cart");
    return index < 0 ? EMPTY_DIGEST : table.digestOf(index);
  }

  #serviceOf(slot: number) {
    const { table } = this.replica;
    const { namespace, service } = table.serviceName(table.serviceOf(slot));
    return serviceName(namespace, service);
  }
}

function idsOf(parts: readonly Pick<SnapshotMessage, "groups">[]): string[] {
  return parts.flatMap((part) => part.groups.flatMap((one) => one.records.map((r) => r.id))).sort();
}

describe("changes", () => {
  it("a turn's changes of a service are one message for all its watchers, told once (P3)", () => {
    const bench = new WatchBench();
    for (const session of [1, 2, 3]) bench.watches.watch(session, CART);
    bench.watches.watch(4, serviceName("default", "other"));
    bench.watches.watch(5, serviceName("elsewhere", "cart"));
    bench.take(recordFor("1"));
    bench.take(recordFor("2"));
    bench.take(tombstoneFor("1"));
    const [change, ...more] = bench.watches.takeChanges();
    assert.deepEqual(more, []);
    assert.deepEqual(change?.sessions, [1, 2, 3]);
    const [message] = change.messages;
    assert.deepEqual(change.messages.length, 1);
    assert.deepEqual(
      message?.groups[0]?.records.map((one) => [one.id, one.version]),
      [
        ["2", 2],
        ["1", 3],
      ],
      "the latest of each key, in the order of its origin",
    );
    assert.deepEqual(message.digest, bench.digest());
    assert.deepEqual(bench.watches.takeChanges(), []);
    assert.ok(!bench.watches.hasNews);
  });

  it("what nobody watches is not gathered, and who stopped watching is not told", () => {
    const bench = new WatchBench();
    bench.take(recordFor("1"));
    assert.ok(!bench.watches.hasNews);
    bench.watches.watch(1, CART);
    bench.watches.watch(2, CART);
    bench.take(recordFor("2"));
    bench.watches.unwatch(1, CART);
    bench.watches.dropSession(2, [CART]);
    assert.deepEqual(bench.watches.takeChanges(), []);
    assert.equal(bench.watches.watchedServiceCount, 0);
  });

  it("what is gone without a tombstone in the table is told as collected", () => {
    const bench = new WatchBench();
    bench.take(recordFor("1"));
    bench.watches.watch(1, CART);
    bench.replica.collect(bench.replica.find(recordFor("1")));
    const [change] = bench.watches.takeChanges();
    const [message] = change?.messages ?? [];
    assert.deepEqual(
      message?.groups[0]?.records.map((one) => [one.id, one.state, one.reason]),
      [["1", 3, 9]],
    );
    assert.deepEqual(message.digest, EMPTY_DIGEST);
  });

  it("many changes go out within the byte budget, none missing", () => {
    const bench = new WatchBench();
    bench.watches.watch(1, CART);
    const body = new Uint8Array(16_000);
    for (let id = 0; id < 50; id += 1) bench.take(recordFor(`${id}`, { body }));
    const [change] = bench.watches.takeChanges();
    const messages = change?.messages ?? [];
    assert.ok(messages.length >= 4);
    for (const message of messages) assert.ok(bytesOf(message) <= DELTA_MAX_BYTES);
    assert.equal(idsOf(messages).length, 50);
  });
});

describe("a slow reader (P10)", () => {
  it("gets nothing while it cannot read, then each missed service once; others wait for nobody", () => {
    const bench = new WatchBench();
    bench.watches.watch(1, CART);
    bench.watches.watch(2, CART);
    bench.watches.congested(1);
    for (let round = 0; round < 100; round += 1) {
      bench.take(recordFor("1", { stamp: stampOf(round + 1) }));
      assert.deepEqual(bench.watches.takeChanges()[0]?.sessions, [2]);
    }
    assert.equal(bench.watches.dropCount, 100);
    assert.deepEqual(bench.watches.writable(1), [CART]);
    assert.deepEqual(bench.watches.writable(1), []);
    bench.take(recordFor("2"));
    assert.deepEqual(bench.watches.takeChanges()[0]?.sessions, [2], "the answer is yet to begin");
    bench.watches.caughtUp(1, CART);
    bench.take(recordFor("3"));
    assert.deepEqual(bench.watches.takeChanges()[0]?.sessions, [1, 2]);
  });

  it("that missed nothing, or stopped watching, needs no snapshot", () => {
    const bench = new WatchBench();
    bench.watches.watch(1, CART);
    bench.watches.congested(1);
    assert.deepEqual(bench.watches.writable(1), []);
    bench.watches.congested(1);
    bench.take(recordFor("1"));
    bench.watches.takeChanges();
    bench.watches.unwatch(1, CART);
    assert.deepEqual(bench.watches.writable(1), []);
  });
});

describe("an answer", () => {
  const a = originOf("a");
  const at = (version: number, origin = a): OriginVersion => ({ origin, version });

  it("to one who holds nothing is full, without tombstones, complete at its final part", () => {
    const bench = new WatchBench();
    bench.take(recordFor("1"));
    bench.take(tombstoneFor("2"));
    const [part, ...more] = bench.answer([]);
    assert.deepEqual(more, []);
    assert.deepEqual([part?.kind, part?.isFinal, part?.requestId], ["full", true, 5]);
    assert.deepEqual(idsOf(bench.answer([])), ["1"]);
    assert.deepEqual(part?.position, [at(2)]);
    assert.deepEqual(part.digest, bench.digest());
  });

  it("is unchanged for an equal digest, a delta above the position, tombstones included", () => {
    const bench = new WatchBench();
    bench.take(recordFor("1"));
    bench.take(recordFor("2"));
    const [same] = bench.answer([at(2)], bench.digest());
    assert.deepEqual([same?.kind, idsOf([same ?? { groups: [] }])], ["unchanged", []]);
    bench.take(tombstoneFor("1"));
    bench.take(recordFor("3", { origin: originOf("b") }));
    const parts = bench.answer([at(2)]);
    assert.deepEqual([parts[0]?.kind, idsOf(parts)], ["delta", ["1", "3"]]);
  });

  it("is full below a watermark, so that what was forgotten shows by its absence (P5)", () => {
    const bench = new WatchBench();
    bench.take(recordFor("1"));
    bench.take(recordFor("2"));
    bench.take(tombstoneFor("1"));
    bench.replica.collectTombstones(instant(TOMBSTONE_TTL_MS), 10);
    const parts = bench.answer([at(2)]);
    assert.deepEqual([parts[0]?.kind, idsOf(parts)], ["full", ["2"]]);
    assert.deepEqual(bench.answer([at(3)])[0]?.kind, "delta");
  });

  it("is full for a holder of a collected origin, and its position proves what is gone", () => {
    const bench = new WatchBench();
    bench.take(recordFor("1"));
    bench.take(recordFor("2", { origin: originOf("b") }));
    bench.replica.raiseFloor("a", 1);
    const parts = bench.answer([at(1), at(1, originOf("b"))]);
    assert.deepEqual([parts[0]?.kind, idsOf(parts)], ["full", ["2"]]);
    assert.ok(parts.at(-1)?.position.some((one) => one.origin.nodeId === "a" && one.version === 1));
    assert.equal(bench.answer([at(1, originOf("b"))])[0]?.kind, "delta");
  });

  it("about a service that nobody ever registered is complete too", () => {
    const [part] = new WatchBench().answer([]);
    assert.deepEqual([part?.kind, part?.isFinal, part?.digest], ["full", true, EMPTY_DIGEST]);
  });

  it("comes in parts within the byte budget; only the last is final and has the position", () => {
    const bench = new WatchBench();
    const body = new Uint8Array(16_000);
    for (let id = 0; id < 50; id += 1) bench.take(recordFor(`${id}`, { body }));
    const parts = bench.answer([]);
    assert.ok(parts.length >= 4);
    for (const part of parts) assert.ok(bytesOf(part) <= DELTA_MAX_BYTES);
    assert.equal(idsOf(parts).length, 50);
    const [last, ...before] = parts.toReversed();
    assert.ok(last?.isFinal && last.position.length === 1);
    assert.ok(before.every((part) => !part.isFinal && part.position.length === 0));
  });
});

function bytesOf(part: Pick<SnapshotMessage, "groups">): number {
  return part.groups.flatMap((one) => one.records).reduce((sum, one) => sum + one.body.length, 0);
}
