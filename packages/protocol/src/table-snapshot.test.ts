import assert from "node:assert/strict";
import test from "node:test";
import { EMPTY_DIGEST, MapRecordTable, type Origin, type RegistryRecord } from "@fpzk/core";
import { parseSnapshot, snapshotChunks } from "./table-snapshot.js";

const ORIGINS: readonly Origin[] = [
  { nodeId: "a", generation: 3, scope: 0 },
  { nodeId: "b", generation: 1, scope: 1 },
];

function recordOf(origin: Origin, version: number): RegistryRecord {
  const isRemoved = version % 7 === 0;
  return {
    kind: 1,
    scope: origin.scope,
    namespace: "default",
    service: `s${version % 3}`,
    id: `i${origin.nodeId}${version}`,
    origin,
    version,
    stamp: { incarnation: version, session: 1, claim: 0 },
    state: isRemoved ? 3 : 0,
    isSuspect: false,
    reason: isRemoved ? 1 : 0,
    since: version,
    body: isRemoved ? new Uint8Array() : new Uint8Array(100).fill(version),
  };
}

function entryOf(origin: Origin, version: number) {
  return { origin, version, watermark: 0, content: EMPTY_DIGEST };
}

test("a table goes to chunks and back, in version order of each origin", () => {
  const table = new MapRecordTable();
  for (let version = 1; version <= 1_500; version += 1) {
    for (const origin of ORIGINS) table.put(recordOf(origin, version));
  }
  const digest = () => ORIGINS.map((origin) => entryOf(origin, 1_500));
  const chunks = [...snapshotChunks({ table, digest })];
  assert.ok(chunks.length > 4, `${chunks.length} chunks`);
  assert.ok(chunks.every((chunk) => chunk.length < 128 * 1024));
  const snapshot = parseSnapshot(chunks);
  assert.ok(typeof snapshot !== "string");
  assert.equal(snapshot.recordCount, 3_000);
  assert.deepEqual(snapshot.entries, digest());
  const back = new MapRecordTable();
  for (const record of snapshot.records) back.put(record);
  assert.equal(back.liveCount, table.liveCount);
  assert.equal(back.tombstoneCount, table.tombstoneCount);
  for (const origin of ORIGINS) {
    assert.deepEqual(
      back.digestOfOrigin(back.originIndex(origin)),
      table.digestOfOrigin(table.originIndex(origin)),
    );
  }
});

test("a table that changes between chunks: the snapshot holds what its positions claim", () => {
  const table = new MapRecordTable();
  const [origin] = ORIGINS as [Origin];
  for (let version = 1; version <= 1_200; version += 1) table.put(recordOf(origin, version));
  const chunks: Uint8Array[] = [];
  let version = 1_200;
  for (const chunk of snapshotChunks({ table, digest: () => [entryOf(origin, 1_200)] })) {
    chunks.push(chunk);
    // Rewrite a key that was written out and one that was not.
    for (const id of [1, 1_100 + chunks.length]) {
      version += 1;
      if (version < 1_210) table.put({ ...recordOf(origin, id), version });
    }
  }
  const snapshot = parseSnapshot(chunks);
  assert.ok(typeof snapshot !== "string");
  const held = new Map([...snapshot.records].map((record) => [record.id, record.version]));
  for (let id = 1; id <= 1_200; id += 1) {
    assert.ok((held.get(`ia${id}`) ?? 0) >= id, `i${id}`);
  }
});

test("chunks that are no snapshot are told apart", () => {
  const table = new MapRecordTable();
  const chunks = [...snapshotChunks({ table, digest: () => [] })];
  assert.equal(parseSnapshot([]), "the final chunk is missing");
  assert.match(String(parseSnapshot([Buffer.from("x")])), /^chunk 0: /);
  assert.ok(typeof parseSnapshot(chunks) !== "string");
});
