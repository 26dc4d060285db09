import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { InstanceState, RecordKind, RemovalReason, Scope, type SnapshotMessage } from "@fpzk/core";
import { decodeSavedView, encodeSavedView } from "./saved-view.js";

const checksumOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();

function view(service: string, count: number): SnapshotMessage {
  const origin = { nodeId: "n1", generation: 1, scope: Scope.global };
  const records = Array.from({ length: count }, (_, index) => ({
    ...{ kind: RecordKind.instance, scope: Scope.global, namespace: "default", service },
    ...{ id: `i${index}`, origin, version: index + 1, state: InstanceState.up, isSuspect: false },
    stamp: { incarnation: 1, session: 1, claim: 0 },
    ...{ reason: RemovalReason.none, since: 1, body: new Uint8Array(200).fill(7) },
  }));
  return {
    ...{ type: "snapshot", requestId: 0, service, kind: "full", isFinal: true },
    groups: [{ origin, records }],
    position: [{ origin, version: count }],
    digest: { high: 1, low: 2 },
  };
}

function ids(saved: SnapshotMessage | undefined): string[] {
  return saved?.groups.flatMap((group) => group.records.map((record) => record.id)) ?? [];
}

test("a view of many parts comes back whole", () => {
  const saved = view("orders", 3_000);
  const read = decodeSavedView(encodeSavedView(saved, checksumOf), checksumOf);
  assert.deepEqual(ids(read), ids(saved));
  assert.deepEqual(read.position, saved.position);
  assert.deepEqual(read.digest, saved.digest);
  assert.equal(read.isFinal, true);
});

test("every damaged byte is noticed", () => {
  const bytes = encodeSavedView(view("orders", 1), checksumOf);
  for (let index = 0; index < bytes.length; index += 1) {
    const damaged = Buffer.from(bytes);
    damaged[index] = (damaged[index] ?? 0) ^ 1;
    assert.throws(() => decodeSavedView(damaged, checksumOf), `byte ${index}`);
  }
  for (let length = 0; length < bytes.length; length += 7) {
    assert.throws(() => decodeSavedView(bytes.subarray(0, length), checksumOf), `cut to ${length}`);
  }
});
