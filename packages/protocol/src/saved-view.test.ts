import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { InstanceState, RecordKind, RemovalReason, type SavedView, Scope } from "@fpzk/core";
import { CHECKSUM_BYTES } from "./chunk-file.js";
import { packFrame } from "./frame.js";
import { decodeSavedView, encodeSavedView } from "./saved-view.js";

const checksumOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();

function view(service: string, count: number): SavedView {
  const origin = { nodeId: "n1", generation: 1, scope: Scope.global };
  const records = Array.from({ length: count }, (_, index) => ({
    ...{ kind: RecordKind.instance, scope: Scope.global, namespace: "default", service },
    ...{ id: `i${index}`, origin, version: index + 1, state: InstanceState.up, isSuspect: false },
    stamp: { incarnation: 1, session: 1, claim: 0 },
    ...{ reason: RemovalReason.none, since: 1, body: new Uint8Array(200).fill(7) },
  }));
  return {
    region: "eu",
    ...{ type: "snapshot", requestId: 0, service, kind: "full", isFinal: true },
    groups: [{ origin, records }],
    position: [{ origin, version: count }],
    digest: { high: 1, low: 2 },
  };
}

function ids(saved: SavedView | undefined): string[] {
  return saved?.groups.flatMap((group) => group.records.map((record) => record.id)) ?? [];
}

test("a view of many parts comes back whole", () => {
  const saved = view("orders", 3_000);
  const read = decodeSavedView(encodeSavedView(saved, checksumOf), checksumOf);
  assert.deepEqual(ids(read), ids(saved));
  assert.deepEqual(read.position, saved.position);
  assert.deepEqual(read.digest, saved.digest);
  assert.equal(read.isFinal, true);
  assert.equal(read.region, "eu");
});

/** Gives a changed file the checksum of what it holds. */
function sealed(file: Uint8Array): Buffer {
  const headBytes = "FPZK view 1\n".length + CHECKSUM_BYTES;
  const bytes = Buffer.from(file);
  bytes.set(checksumOf(bytes.subarray(headBytes)), headBytes - CHECKSUM_BYTES);
  return bytes;
}

test("a file of before regions were saved names none; what follows the name is refused", () => {
  const bytes = encodeSavedView(view("orders", 1), checksumOf);
  const regionBytes = 4 + packFrame(["eu"]).length;
  const read = decodeSavedView(sealed(bytes.subarray(0, -regionBytes)), checksumOf);
  assert.deepEqual(ids(read), ["i0"]);
  assert.equal(read.region, "");
  const longer = Buffer.concat([bytes, Buffer.of(0)]);
  assert.throws(() => decodeSavedView(sealed(longer), checksumOf), /must end the file/);
  const nameless = Buffer.from(bytes);
  nameless[nameless.length - 1] = 0x07;
  assert.throws(() => decodeSavedView(sealed(nameless), checksumOf), /region/);
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
