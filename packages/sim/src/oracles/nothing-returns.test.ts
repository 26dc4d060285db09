import assert from "node:assert/strict";
import { test } from "node:test";
import {
  forgedClient,
  forgedNode,
  forgedRecord,
  stampOf,
  Trial,
  tombstone,
  viewChange,
} from "./forged.fixture.js";
import { NothingReturns } from "./nothing-returns.js";

test("S1 sees a record stored after its tombstone", () => {
  const trial = new Trial();
  const oracle = new NothingReturns(trial);
  const node = forgedNode("us-1");
  oracle.stored(node, forgedRecord("us-2", 1));
  oracle.stored(node, tombstone("us-2", 2));
  oracle.stored(node, forgedRecord("eu-1", 1, { stamp: stampOf(2) }));
  assert.deepEqual(trial.complaints, [], "a later stamp may come");
  oracle.stored(forgedNode("us-1"), forgedRecord("us-2", 1));
  assert.deepEqual(trial.complaints, [], "another life knows nothing of it");
  oracle.stored(node, forgedRecord("us-2", 1));
  assert.deepEqual(trial.complaints, ["S1"]);
});

test("S1 sees a view that shows again what it had removed", () => {
  const trial = new Trial();
  const oracle = new NothingReturns(trial);
  const client = forgedClient("p1");
  const record = forgedRecord("us-1", 1, { stamp: stampOf(3) });
  oracle.viewChanged(client, viewChange("added", record));
  oracle.viewChanged(client, viewChange("removed", record));
  oracle.viewChanged(client, viewChange("added", forgedRecord("us-1", 3, { stamp: stampOf(4) })));
  assert.deepEqual(trial.complaints, []);
  oracle.viewChanged(client, viewChange("added", record));
  assert.deepEqual(trial.complaints, ["S1"]);
});

test("S1 lets a view that was begun anew show what an earlier one had removed", () => {
  const trial = new Trial();
  const oracle = new NothingReturns(trial);
  const client = forgedClient("p1");
  const record = forgedRecord("us-1", 1);
  oracle.viewChanged(client, viewChange("removed", record));
  oracle.asked(client, { type: "unwatch", service: "orders" });
  oracle.viewChanged(client, viewChange("added", record));
  assert.deepEqual(trial.complaints, []);
});
