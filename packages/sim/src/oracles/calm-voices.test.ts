import assert from "node:assert/strict";
import { test } from "node:test";
import { CalmVoices } from "./calm-voices.js";
import { forgedClient, Trial } from "./forged.fixture.js";

test("an alarm counts in calm alone", () => {
  const trial = new Trial();
  const oracle = new CalmVoices(trial, 6_000);
  const node = forgedClient("us-1");
  const diverged = { event: "replica.diverged", fields: { peer: "us-2" } };
  oracle.noted(node, diverged);
  oracle.calm();
  oracle.noted(node, { event: "link.open", fields: {} });
  assert.deepEqual(trial.complaints, []);
  oracle.noted(node, diverged);
  oracle.noted(node, { event: "member.suspect", fields: {} });
  oracle.storm();
  oracle.noted(node, diverged);
  assert.deepEqual(trial.complaints, ["L1", "P6"]);
});

test("removals of before a calm are counted for a window longer", () => {
  const trial = new Trial();
  const oracle = new CalmVoices(trial, 6_000);
  const paused = (reason: string) =>
    oracle.noted(forgedClient("us-1"), { event: "lease.expiry-paused", fields: { reason } });
  trial.at = 50_000;
  oracle.calm();
  trial.at = 55_999;
  paused("many-removed");
  assert.deepEqual(trial.complaints, []);
  paused("many-silent");
  assert.deepEqual(trial.complaints, ["P6"]);
  trial.at = 56_000;
  paused("many-removed");
  assert.deepEqual(trial.complaints, ["P6", "P6"]);
});
