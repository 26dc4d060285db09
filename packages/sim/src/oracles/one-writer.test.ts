import assert from "node:assert/strict";
import { test } from "node:test";
import { forgedNode, forgedRecord, stampOf, Trial } from "./forged.fixture.js";
import { OneWriter } from "./one-writer.js";
import { WrittenRecords } from "./written-records.js";

test("R1 sees a copy that differs from what its origin wrote, or that nobody wrote", () => {
  const trial = new Trial();
  const written = new WrittenRecords(() => trial.now());
  const oracle = new OneWriter(trial, written);
  const record = forgedRecord("us-1", 1);
  written.stored(forgedNode("us-1"), record);
  oracle.stored(forgedNode("us-1"), record);
  oracle.stored(forgedNode("eu-1"), record);
  assert.deepEqual(trial.complaints, []);
  const forgeries = [
    { ...record, version: 2 },
    { ...record, stamp: stampOf(2) },
    { ...record, isSuspect: true },
    { ...record, body: new Uint8Array([2]) },
    { ...record, id: "o-2" },
  ];
  for (const forgery of forgeries) oracle.stored(forgedNode("eu-1"), forgery);
  assert.deepEqual(trial.complaints, ["R1", "R1", "R1", "R1", "R1"]);
});
