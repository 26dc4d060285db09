import assert from "node:assert/strict";
import { test } from "node:test";
import { RemovalReason } from "@fpzk/core";
import { Evidence } from "./evidence.js";
import {
  forgedClient,
  forgedNode,
  forgedRecord,
  stampOf,
  Trial,
  tombstone,
  viewChange,
} from "./forged.fixture.js";
import { WrittenRecords } from "./written-records.js";

function newOracle() {
  const trial = new Trial();
  const written = new WrittenRecords(() => trial.now());
  return { trial, written, oracle: new Evidence(trial, written) };
}

test("S2 sees a view that shrinks though nobody removed anything", () => {
  const { trial, oracle } = newOracle();
  oracle.viewChanged(forgedClient("p1"), viewChange("removed", forgedRecord("us-1", 1)));
  assert.deepEqual(trial.complaints, ["S2"]);
});

test("S2 wants evidence over the stamp that was shown, by the one who wrote it", () => {
  const { trial, written, oracle } = newOracle();
  const shown = forgedRecord("us-1", 3, { stamp: stampOf(2) });
  written.stored(forgedNode("us-1"), tombstone("us-1", 2, { stamp: stampOf(1) }));
  oracle.viewChanged(forgedClient("p1"), viewChange("removed", shown));
  assert.deepEqual(trial.complaints, ["S2"], "an older stamp proves nothing");
  written.stored(forgedNode("eu-1"), tombstone("us-1", 4, { stamp: stampOf(2) }));
  oracle.viewChanged(forgedClient("p2"), viewChange("removed", shown));
  assert.deepEqual(trial.complaints, ["S2", "S2"], "a copy of what nobody wrote proves nothing");
  written.stored(forgedNode("us-1"), tombstone("us-1", 4, { stamp: stampOf(2) }));
  oracle.viewChanged(forgedClient("p3"), viewChange("removed", shown));
  assert.equal(trial.complaints.length, 2);
});

test("S2 wants a reason, and the one that the tombstone gives", () => {
  const { trial, written, oracle } = newOracle();
  const record = forgedRecord("us-1", 1);
  written.stored(forgedNode("us-1"), tombstone("us-1", 2));
  oracle.viewChanged(forgedClient("p1"), viewChange("removed", record, RemovalReason.collected));
  assert.deepEqual(trial.complaints, []);
  oracle.viewChanged(forgedClient("p1"), viewChange("removed", record, RemovalReason.silent));
  assert.deepEqual(trial.complaints, ["S2"]);
  oracle.viewChanged(forgedClient("p1"), viewChange("removed", record, RemovalReason.none));
  assert.ok(trial.text.includes("without a reason"), trial.text);
});

test("S2 sees a node that drops a live record", () => {
  const { trial, written, oracle } = newOracle();
  const record = forgedRecord("us-1", 1);
  oracle.dropped(forgedNode("eu-1"), tombstone("us-1", 2));
  oracle.dropped(forgedNode("eu-1"), record);
  assert.deepEqual(trial.complaints, ["S2"]);
  written.stored(forgedNode("us-1"), tombstone("us-1", 2));
  oracle.dropped(forgedNode("eu-1"), record);
  assert.equal(trial.complaints.length, 1);
});
