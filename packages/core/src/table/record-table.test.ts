import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { AssertionError } from "../assert.js";
import { EMPTY_DIGEST } from "../hash.js";
import { BODY_MAX_BYTES, NAME_MAX_BYTES } from "../limits.js";
import { InstanceState, RecordKind, type RegistryRecord, recordDigest } from "../record.js";
import { ColumnRecordTable } from "./column-record-table.js";
import { MapRecordTable } from "./map-record-table.js";
import { NO_SLOT, type RecordTable } from "./record-table.js";

const origin = { nodeId: "n1", generation: 1, scope: 0 } as const;

function sample(fields: Partial<RegistryRecord> = {}): RegistryRecord {
  return {
    kind: RecordKind.instance,
    scope: fields.origin?.scope ?? 0,
    namespace: "default",
    service: "orders",
    id: "i1",
    origin,
    version: 1,
    stamp: { incarnation: 1, session: 1, claim: 0 },
    state: InstanceState.up,
    isSuspect: false,
    reason: 0,
    since: 7,
    body: new Uint8Array([1, 2, 3]),
    ...fields,
  };
}

const tables: Record<string, () => RecordTable> = {
  MapRecordTable: () => new MapRecordTable(),
  ColumnRecordTable: () => new ColumnRecordTable(),
};

for (const [name, create] of Object.entries(tables)) {
  describe(`${name} keeps the contract of RecordTable`, () => {
    test("an empty table holds nothing", () => {
      const table = create();
      assert.equal(table.find(sample()), NO_SLOT);
      assert.equal(table.findService("default", "orders"), -1);
      assert.deepEqual([table.liveCount, table.tombstoneCount, table.serviceCount], [0, 0, 0]);
      assert.deepEqual([...table.slots()], []);
    });

    test("gives back what was put, at the extremes of every field", () => {
      const table = create();
      const records = [
        sample(),
        sample({
          kind: RecordKind.canary,
          id: "extreme",
          namespace: "",
          service: "",
          origin: { nodeId: "n2", generation: 2 ** 53 - 1, scope: 1 },
          version: 2 ** 53 - 1,
          stamp: { incarnation: 2 ** 53 - 1, session: 2 ** 32 - 1, claim: 65_535 },
          state: InstanceState.removed,
          isSuspect: true,
          reason: 9,
          since: 2 ** 53 - 1,
          body: new Uint8Array(0),
        }),
        sample({ id: "high", version: 2 ** 32, since: 2 ** 32, body: new Uint8Array(1) }),
        sample({ id: "", version: 2 ** 32 + 1, since: 0 }),
      ];
      const slots = records.map((record) => table.put(record));
      assert.equal(new Set(slots).size, records.length);
      for (const [index, record] of records.entries()) {
        const slot = slots[index]!;
        assert.deepEqual(plain(table.read(slot)), record);
        assert.deepEqual(table.stamp(slot), record.stamp);
        assert.equal(table.version(slot), record.version);
        assert.equal(table.kind(slot), record.kind);
        assert.equal(table.state(slot), record.state);
        assert.equal(table.isSuspect(slot), record.isSuspect);
        assert.deepEqual(table.origin(table.originOf(slot)), record.origin);
        const { namespace, service } = record;
        assert.deepEqual(table.serviceName(table.serviceOf(slot)), { namespace, service });
        assert.equal(table.find(record), slot);
      }
    });

    test("tells keys apart by each of their parts", () => {
      const table = create();
      const keys = [
        sample(),
        sample({ kind: RecordKind.override }),
        sample({ origin: { ...origin, scope: 1 } }),
        sample({ namespace: "other" }),
        sample({ service: "other" }),
        sample({ id: "i2" }),
      ];
      const slots = keys.map((key, index) => table.put({ ...key, version: index + 1 }));
      assert.equal(new Set(slots).size, keys.length);
      for (const [index, key] of keys.entries()) assert.equal(table.find(key), slots[index]);
      assert.equal(table.serviceCount, 3);
    });

    test("tells many keys apart that differ in kind or scope only", () => {
      const table = create();
      const kinds = [RecordKind.instance, RecordKind.override];
      const slots = new Set<number>();
      let version = 0;
      for (let at = 0; at < 3_000; at += 1) {
        for (const kind of kinds) {
          for (const scope of [0, 1] as const) {
            version += 1;
            const record = sample({ id: `i${at}`, kind, origin: { ...origin, scope }, version });
            slots.add(table.put(record));
          }
        }
      }
      assert.equal(slots.size, 12_000);
      assert.equal(table.liveCount, 12_000);
    });

    test("tells origins apart by each of their parts", () => {
      const table = create();
      const origins = [
        origin,
        { ...origin, nodeId: "n2" },
        { ...origin, generation: 2 },
        { ...origin, scope: 1 as const },
      ];
      const indexes = origins.map((one) => table.originIndex(one));
      assert.deepEqual(indexes, [0, 1, 2, 3]);
      for (const first of indexes) {
        for (const second of indexes) {
          assert.equal(table.originIndex({ ...origins[first]! }), first);
          assert.equal(table.originIndex({ ...origins[second]! }), second);
        }
      }
      assert.equal(table.originCount, 4);
    });

    test("replacing keeps the slot and the tag, and moves the record to the end", () => {
      const table = create();
      const first = table.put(sample({ id: "a", version: 1 }));
      const second = table.put(sample({ id: "b", version: 2 }));
      table.setTag(first, 2 ** 32 - 1);
      assert.equal(table.put(sample({ id: "a", version: 3, body: new Uint8Array(9) })), first);
      const index = table.originIndex(origin);
      assert.deepEqual([...table.slotsAfter(index, 0)], [second, first]);
      assert.deepEqual([...table.slotsAfter(index, 2)], [first]);
      assert.deepEqual([...table.slotsAfter(index, 3)], []);
      assert.deepEqual([table.tag(first), table.tag(second)], [2 ** 32 - 1, 0]);
    });

    test("removing forgets the key and its tag", () => {
      const table = create();
      const slot = table.put(sample());
      table.setTag(slot, 5);
      table.remove(slot);
      assert.equal(table.find(sample()), NO_SLOT);
      assert.deepEqual([...table.slots()], []);
      assert.equal(table.tag(table.put(sample())), 0);
    });

    test("another origin may take a key over, and the key's old origin may begin again", () => {
      const table = create();
      const other = { nodeId: "n2", generation: 4, scope: 0 } as const;
      const slot = table.put(sample({ version: 9 }));
      assert.equal(table.put(sample({ version: 1, origin: other })), slot);
      assert.equal(table.recordCountOfOrigin(table.originIndex(origin)), 0);
      assert.equal(table.recordCountOfOrigin(table.originIndex(other)), 1);
      assert.deepEqual(table.digestOfOrigin(table.originIndex(origin)), EMPTY_DIGEST);
      table.put(sample({ version: 1, id: "again" }));
    });

    test("counts and digests cover live records only", () => {
      const table = create();
      const record = sample();
      const slot = table.put(record);
      const service = table.serviceOf(slot);
      const index = table.originOf(slot);
      assert.deepEqual(table.digestOf(service), recordDigest(record));
      assert.deepEqual(table.digestOfOrigin(index), recordDigest(record));
      table.put({ ...record, version: 2, state: InstanceState.removed, body: new Uint8Array() });
      assert.deepEqual([table.liveCount, table.tombstoneCount], [0, 1]);
      assert.deepEqual([table.liveCountOf(service), table.liveCountOfOrigin(index)], [0, 0]);
      assert.equal(table.recordCountOfOrigin(index), 1);
      assert.deepEqual(table.digestOf(service), EMPTY_DIGEST);
      assert.deepEqual([...table.slotsOf(service)], [slot]);
    });

    test("a record read may be put again with its body as a view", () => {
      const table = create();
      const slot = table.put(sample({ body: new Uint8Array([5, 6, 7]) }));
      table.put({ ...table.read(slot), version: 2, isSuspect: true });
      assert.deepEqual([...table.read(slot).body], [5, 6, 7]);
      const longer = table.read(slot);
      table.put({ ...longer, version: 3, body: longer.body.subarray(1) });
      assert.deepEqual([...table.read(slot).body], [6, 7]);
      const expected = sample({ isSuspect: true, body: new Uint8Array([6, 7]) });
      assert.deepEqual(table.digestOf(0), recordDigest(expected));
    });

    test("the caller's bytes are copied", () => {
      const table = create();
      const body = new Uint8Array([1]);
      const slot = table.put(sample({ body }));
      body[0] = 2;
      assert.deepEqual([...table.read(slot).body], [1]);
    });

    test("the slot just given may be removed or put again while iterating", () => {
      const table = create();
      for (let version = 1; version <= 9; version += 1)
        table.put(sample({ id: `${version}`, version }));
      const seen: string[] = [];
      let version = 10;
      for (const slot of table.slotsAfter(0, 0)) {
        const record = table.read(slot);
        seen.push(record.id);
        if (version % 2 === 0) table.put({ ...record, version });
        else table.remove(slot);
        version += 1;
      }
      assert.equal(seen.join(""), "123456789");
      for (const slot of table.slotsOf(0)) table.remove(slot);
      assert.deepEqual([...table.slots()], []);
      assert.deepEqual([...table.slotsAfter(0, 0)], []);
    });

    test("hostile ids stay apart and come back unchanged", () => {
      const table = create();
      const ids = [
        "",
        "\ud800",
        "\udc00",
        "\ud800\udc00",
        "\udc00\ud800",
        "a\ud83d",
        "😀",
        "é",
        "e\u0301",
        "\ufffd",
        "\u0000",
        "__proto__",
        "x".repeat(NAME_MAX_BYTES),
        "é".repeat(NAME_MAX_BYTES / 2),
        "😀".repeat(NAME_MAX_BYTES / 4),
      ];
      const slots = ids.map((id, index) => table.put(sample({ id, version: index + 1 })));
      assert.equal(new Set(slots).size, ids.length);
      for (const [index, id] of ids.entries()) {
        assert.equal(table.find(sample({ id })), slots[index]);
        assert.equal(table.read(slots[index]!).id, id);
      }
    });

    test("looking for an id longer than any finds nothing, putting one is a bug", () => {
      const table = create();
      for (const id of ["x".repeat(NAME_MAX_BYTES + 1), "é".repeat(NAME_MAX_BYTES / 2 + 1)]) {
        assert.equal(table.find(sample({ id })), NO_SLOT);
        assert.throws(() => table.put(sample({ id })), AssertionError);
      }
      assert.deepEqual([...table.slots()], []);
    });

    test("bodies of every encoded length come back", () => {
      const table = create();
      const lengths = [0, 1, 127, 128, 16_383, 16_384];
      assert.equal(lengths.at(-1), BODY_MAX_BYTES);
      const bodyOf = (length: number) => new Uint8Array(length).map((_, at) => at * 7 + length);
      for (const [index, length] of lengths.entries()) {
        table.put(sample({ id: `b${length}`, version: index + 1, body: bodyOf(length) }));
      }
      for (const length of lengths) {
        const slot = table.find(sample({ id: `b${length}` }));
        assert.deepEqual(new Uint8Array(table.read(slot).body), bodyOf(length));
      }
      const body = new Uint8Array(BODY_MAX_BYTES + 1);
      assert.throws(() => table.put(sample({ version: 99, body })), AssertionError);
    });

    test("an older version takes its place in its origin's order", () => {
      const table = create();
      const versions = [5, 9, 1, 7, 8, 2, 6, 3, 12, 4, 11, 10];
      const slots = new Map<number, number>();
      for (const version of versions) {
        slots.set(version, table.put(sample({ id: `v${version}`, version })));
        const walked = [...table.slotsAfter(0, 0)].map((slot) => table.version(slot));
        assert.deepEqual(
          walked,
          [...slots.keys()].sort((a, b) => a - b),
        );
      }
      assert.equal(table.firstOf(0), slots.get(1));
      for (const version of versions) {
        assert.equal(table.nextOf(slots.get(version)!), slots.get(version + 1) ?? NO_SLOT);
      }
      assert.equal(table.firstOf(table.originIndex({ ...origin, nodeId: "n2" })), NO_SLOT);
    });

    test("asking for an origin or a slot creates neither", () => {
      const table = create();
      assert.equal(table.findOrigin(origin), -1);
      assert.equal(table.originCount, 0);
      assert.ok(!table.isUsed(0) && !table.isUsed(NO_SLOT));
      const slot = table.put(sample());
      assert.equal(table.findOrigin({ ...origin }), table.originOf(slot));
      assert.ok(table.isUsed(slot) && !table.isUsed(slot + 1));
    });

    test("a version that cannot be one is a bug", () => {
      const table = create();
      for (const version of [0, -1, 1.5, 2 ** 53, Number.NaN]) {
        assert.throws(() => table.put(sample({ version })), AssertionError);
      }
      assert.equal(table.liveCount, 0);
    });

    test("fields beyond their range are a bug, and change nothing", () => {
      const table = create();
      const stamp = { incarnation: 1, session: 1, claim: 0 };
      const wrong: Partial<RegistryRecord>[] = [
        { kind: 0 as RecordKind },
        { kind: 8 as RecordKind },
        { scope: 1 },
        { stamp: { ...stamp, incarnation: -1 } },
        { stamp: { ...stamp, incarnation: 2 ** 53 } },
        { stamp: { ...stamp, session: 2 ** 32 } },
        { stamp: { ...stamp, claim: 65_536 } },
        { state: 4 as InstanceState },
        { reason: 16 as RegistryRecord["reason"] },
        { since: -1 },
      ];
      for (const fields of wrong) {
        assert.throws(() => table.put(sample(fields)), AssertionError, JSON.stringify(fields));
      }
      assert.equal(table.liveCount + table.tombstoneCount, 0);
    });

    test("a slot without a record is a bug", () => {
      const table = create();
      const slot = table.put(sample());
      table.remove(slot);
      for (const wrong of [slot, NO_SLOT, 1, 0.5, Number.NaN, 2 ** 22]) {
        assert.throws(() => table.read(wrong), AssertionError);
        assert.throws(() => table.remove(wrong), AssertionError);
        assert.throws(() => table.stamp(wrong), AssertionError);
        assert.throws(() => table.setTag(wrong, 1), AssertionError);
      }
      assert.throws(() => table.origin(1), AssertionError);
      assert.throws(() => table.serviceName(1), AssertionError);
      assert.throws(() => table.setTag(table.put(sample()), 2 ** 32), AssertionError);
    });
  });
}

describe("ColumnRecordTable equals MapRecordTable", () => {
  const ids = fc.oneof(
    fc.constantFrom("a", "b", "c", "d", "\ud800", "😀"),
    fc.string({ unit: "binary", maxLength: 40 }),
  );
  const operation = fc.record({
    what: fc.constantFrom("put", "put", "put", "remove", "tag", "part"),
    kind: fc.constantFrom(...Object.values(RecordKind)),
    service: fc.constantFrom("", "s1", "s2"),
    id: ids,
    node: fc.constantFrom("n1", "n2"),
    scope: fc.constantFrom(0 as const, 1 as const),
    version: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 2 ** 53 - 1 })),
    incarnation: fc.oneof(fc.nat(3), fc.maxSafeNat()),
    session: fc.oneof(fc.nat(3), fc.constant(2 ** 32 - 1)),
    claim: fc.constantFrom(0, 0, 1, 65_535),
    state: fc.constantFrom(...Object.values(InstanceState)),
    isSuspect: fc.boolean(),
    since: fc.maxSafeNat(),
    body: fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.constant(new Uint8Array(BODY_MAX_BYTES))),
    pick: fc.nat(),
  });

  test("after any writes, in everything that can be asked", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), fc.nat(), (operations, hashSeed) => {
        const model = new MapRecordTable();
        const table = new ColumnRecordTable({ hashSeed });
        const ids = new Map<number, number>();
        for (const one of operations) {
          const { what, pick } = one;
          const slots = [...model.slots()];
          if (what === "put") {
            const record = recordOf(one);
            ids.set(model.put(record), table.put(record));
          } else if (slots.length > 0) {
            const slot = slots[pick % slots.length]!;
            const same = ids.get(slot)!;
            if (what === "remove") {
              model.remove(slot);
              table.remove(same);
            } else if (what === "tag") {
              model.setTag(slot, pick);
              table.setTag(same, pick);
            } else {
              // A reader that stops early leaves a bookmark, which must not change any answer.
              for (const _ of table.slotsAfter(table.originOf(same), pick % 50)) break;
            }
          }
        }
        assert.deepEqual(describeTable(table), describeTable(model));
      }),
      { numRuns: 300 },
    );
  });

  test("over many records, through the growth of every part", () => {
    const model = new MapRecordTable();
    const table = new ColumnRecordTable();
    let version = 0;
    for (let round = 0; round < 3; round += 1) {
      for (let at = 0; at < 6_000; at += 1) {
        if (at % 3 === round) continue;
        version += 1;
        const body = new Uint8Array((at * 31 + round) % 90).fill(at);
        const record = sample({ id: `instance-${at}`, service: `s${at % 5}`, version, body });
        model.put(record);
        table.put(record);
      }
      for (let at = round; at < 6_000; at += 7) {
        const key = sample({ id: `instance-${at}`, service: `s${at % 5}` });
        const slot = model.find(key);
        assert.equal(table.find(key) === NO_SLOT, slot === NO_SLOT);
        if (slot === NO_SLOT) continue;
        model.remove(slot);
        table.remove(table.find(key));
      }
    }
    assert.deepEqual(describeTable(table), describeTable(model));
  });

  function recordOf(one: { service: string; node: string } & Record<string, unknown>) {
    const { incarnation, session, claim } = one as Record<string, number>;
    const scope = one.scope as 0 | 1;
    return sample({
      ...(one as Partial<RegistryRecord>),
      namespace: one.service === "" ? "" : "default",
      origin: { nodeId: one.node, generation: 1, scope },
      stamp: { incarnation: incarnation!, session: session!, claim: claim! },
    });
  }
});

function plain(record: RegistryRecord): RegistryRecord {
  const { kind, scope, namespace, service, id, version, stamp, state, isSuspect } = record;
  return {
    kind,
    scope,
    namespace,
    service,
    id,
    origin: { ...record.origin },
    version,
    stamp,
    state,
    isSuspect,
    reason: record.reason,
    since: record.since,
    body: new Uint8Array(record.body),
  };
}

/** Everything that a table says of itself, without its slot numbers. */
function describeTable(table: RecordTable): unknown {
  const at = (slot: number) => ({ ...plain(table.read(slot)), tag: table.tag(slot) });
  const keyOf = (slot: number) => {
    const { kind, scope, namespace, service, id } = table.read(slot);
    assert.equal(table.find(table.read(slot)), slot);
    return JSON.stringify([kind, scope, namespace, service, id]);
  };
  const indexes = (count: number) => Array.from({ length: count }, (_, index) => index);
  return {
    counts: [table.liveCount, table.tombstoneCount],
    records: [...table.slots()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)).map(at),
    origins: indexes(table.originCount).map((index) => {
      const versions = [...table.slotsAfter(index, 0)].map((slot) => table.version(slot));
      return {
        origin: { ...table.origin(index) },
        keys: [...table.slotsAfter(index, 0)].map(keyOf),
        // The model takes a whole list apart for each step.
        walk: versions.length > 500 ? [] : walkOf(table, index).map(keyOf),
        parts: versions.map((version) => [...table.slotsAfter(index, version)].length),
        counts: [table.liveCountOfOrigin(index), table.recordCountOfOrigin(index)],
        digest: table.digestOfOrigin(index),
      };
    }),
    services: serviceIndexes(table).map((index) => {
      const { namespace, service } = table.serviceName(index);
      assert.equal(table.findService(namespace, service), index);
      return {
        namespace,
        service,
        keys: [...table.slotsOf(index)].map(keyOf).sort(),
        liveCount: table.liveCountOf(index),
        digest: table.digestOf(index),
      };
    }),
  };
}

/** Services that have records, by name: a service without is forgotten and its index reused. */
function serviceIndexes(table: RecordTable): number[] {
  const namespaces = new Set([...table.slots()].map((slot) => table.read(slot).namespace));
  const found = [...namespaces].flatMap((namespace) => {
    const indexes = [...table.servicesOf(namespace)];
    assert.equal(table.serviceCountOf(namespace), indexes.length);
    return indexes;
  });
  assert.equal(table.serviceCount, found.length);
  const nameOf = (index: number) => JSON.stringify(table.serviceName(index));
  return found.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

function walkOf(table: RecordTable, origin: number): number[] {
  const slots: number[] = [];
  for (let slot = table.firstOf(origin); slot !== NO_SLOT; slot = table.nextOf(slot)) {
    slots.push(slot);
  }
  return slots;
}
