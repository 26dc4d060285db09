import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../random.js";
import { RecordKind, type RegistryRecord } from "../record.js";
import { ColumnRecordTable } from "./column-record-table.js";
import { MapRecordTable } from "./map-record-table.js";
import { ARENA_CHUNK_BYTES } from "./record-arena.js";
import { measureTable } from "./record-table.bench.js";

const ROW_SEGMENT_BYTES = 4096 * 52;
const INDEX_SEGMENT_BYTES = 4096 * 4;

let version = 0;

function record(id: number, body: Uint8Array): RegistryRecord {
  version += 1;
  return {
    kind: RecordKind.instance,
    scope: 0,
    namespace: "default",
    service: "orders",
    id: `instance-${id}`,
    origin: { nodeId: "n1", generation: 1, scope: 0 },
    version,
    stamp: { incarnation: 1, session: 1, claim: 0 },
    state: 0,
    isSuspect: false,
    reason: 0,
    since: 0,
    body,
  };
}

/** The bound that `RecordArena` states, over rows and index of so few records. */
function boundBytes(liveBytes: number): number {
  const arena = Math.max((liveBytes * 4) / 3, liveBytes + 2 * ARENA_CHUNK_BYTES);
  return arena + 3 * ARENA_CHUNK_BYTES + ROW_SEGMENT_BYTES + INDEX_SEGMENT_BYTES + 2_000;
}

test("churn with bodies of every size keeps the arena within its bound", () => {
  const random = new SeededRandom(1);
  const table = new ColumnRecordTable();
  const bodyBytes = new Map<number, number>();
  const pool = new Uint8Array(16_384);
  let liveBytes = 0;
  let writtenBytes = 0;
  for (let turn = 0; turn < 60_000; turn += 1) {
    // Small bodies for a while, then large ones: what free lists by size could not reuse.
    const isLarge = Math.floor(turn / 10_000) % 2 === 1;
    const id = Math.floor(random.next() * 1_000);
    const known = bodyBytes.get(id);
    if (known !== undefined && random.next() < 0.2) {
      table.remove(table.find(record(id, pool.subarray(0, 0))));
      bodyBytes.delete(id);
      liveBytes -= known + 24;
    } else {
      const size = Math.floor(random.next() * (isLarge ? 16_385 : 200));
      table.put(record(id, pool.subarray(0, size)));
      bodyBytes.set(id, size);
      liveBytes += size - (known ?? -24);
      writtenBytes += size;
    }
    assert.ok(table.byteCount <= boundBytes(liveBytes), `turn ${turn}: ${table.byteCount}`);
  }
  assert.ok(writtenBytes > 20 * table.byteCount, "the test must churn far more than it keeps");
});

test("contents survive being moved by the cleaning", () => {
  const random = new SeededRandom(2);
  const table = new ColumnRecordTable();
  const bodies = new Map<number, Uint8Array>();
  for (let turn = 0; turn < 40_000; turn += 1) {
    const id = Math.floor(random.next() * 2_000);
    const body = new Uint8Array(Math.floor(random.next() * 1_500)).fill(turn);
    table.put(record(id, body));
    bodies.set(id, body);
  }
  for (const [id, body] of bodies) {
    const slot = table.find(record(id, body));
    assert.deepEqual(new Uint8Array(table.read(slot).body), body);
    assert.equal(table.read(slot).id, `instance-${id}`);
  }
});

test("an emptied table gives its chunks back", () => {
  const table = new ColumnRecordTable();
  const body = new Uint8Array(10_000);
  for (let id = 0; id < 1_000; id += 1) table.put(record(id, body));
  assert.ok(table.byteCount > 10_000_000);
  for (const slot of [...table.slots()]) table.remove(slot);
  assert.ok(table.byteCount <= boundBytes(0), `${table.byteCount}`);
});

test("a table of a few records is small", () => {
  const table = new ColumnRecordTable();
  table.put(record(1, new Uint8Array(50)));
  assert.ok(table.byteCount < 512 * 1024, `${table.byteCount}`);
});

test("readers in parts see every record once, also while the list changes behind them", () => {
  const table = new ColumnRecordTable();
  const body = new Uint8Array(3);
  const first = version + 1;
  for (let id = 0; id < 5_000; id += 1) table.put(record(id, body));
  const end = version;
  let position = first - 1;
  const seen: number[] = [];
  while (position < end) {
    let taken = 0;
    for (const slot of table.slotsAfter(0, position)) {
      if (taken === 100) break;
      taken += 1;
      position = table.version(slot);
      if (position <= end) seen.push(position);
    }
    // Rewrite one record before the reader and the one where it stopped.
    const stopped = seen.at(-1)! - first;
    table.put(record(stopped, body));
    table.put(record(stopped - 50, body));
  }
  assert.equal(seen.length, 5_000);
  assert.deepEqual(
    seen,
    [...seen].sort((a, b) => a - b),
  );
});

test("every position is found from wherever the last reader stopped", () => {
  const table = new ColumnRecordTable();
  const body = new Uint8Array(1);
  // Slot 0 is another origin's, so that a step astray is seen.
  const other = { nodeId: "n0", generation: 1, scope: 0 } as const;
  table.put({ ...record(1_000, body), origin: other, version: 2 ** 40 });
  const first = version + 1;
  for (let id = 0; id < 100; id += 1) table.put(record(id, body));
  const readTo = (stop: number) => {
    for (const at of table.slotsAfter(1, first - 1)) if (table.version(at) >= stop) return at;
    return table.firstOf(1);
  };
  const check = () => {
    const expected = [...table.slotsAfter(1, 0)].map((at) => table.version(at));
    for (const stop of [1, 20, 40, 60, 99]) {
      for (let position = first - 1; position <= first + 100; position += 1) {
        readTo(first + stop);
        const versions = [...table.slotsAfter(1, position)].map((at) => table.version(at));
        assert.deepEqual(
          versions,
          expected.filter((one) => one > position),
        );
      }
    }
  };
  check();
  // The slot where the reader stopped goes away, and is used again elsewhere.
  for (const stop of [90, 70, 50, 51, 49]) {
    const versions = [...table.slotsAfter(1, 0)].map((at) => table.version(at));
    const slot = readTo(first + stop);
    const gone = table.version(slot);
    table.remove(slot);
    const position = first + 45;
    const after = [...table.slotsAfter(1, position)].map((at) => table.version(at));
    assert.deepEqual(
      after,
      versions.filter((one) => one > position && one !== gone),
    );
    check();
  }
});

test("a run of older versions goes in beside newer ones", () => {
  const table = new ColumnRecordTable();
  const body = new Uint8Array(1);
  const count = 50_000;
  const base = version;
  // Newer writes arrive first, then the older half in order, with a newer one in between.
  // Searching from the tail alone would take 2.5 billion steps: minutes, not milliseconds.
  for (let id = 0; id < count; id += 1) {
    table.put({ ...record(id, body), version: base + 2 * count + id });
  }
  for (let id = 0; id < count; id += 1) {
    table.put({ ...record(count + id, body), version: base + id + 1 });
    if (id % 100 !== 0) continue;
    table.put({ ...record(2 * count + id, body), version: base + 4 * count + id });
  }
  const versions = [...table.slotsAfter(0, 0)].map((slot) => table.version(slot));
  assert.equal(versions.length, 2 * count + count / 100);
  assert.deepEqual(
    versions,
    [...versions].sort((a, b) => a - b),
  );
});

test("the benchmark runs, and both tables give the same result", () => {
  const column = measureTable("column", () => new ColumnRecordTable(), 300);
  const map = measureTable("map", () => new MapRecordTable(), 300);
  assert.equal(column.resultHash, map.resultHash);
});
