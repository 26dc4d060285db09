import assert from "node:assert/strict";
import { test } from "node:test";
import { CalmVoices } from "./calm-voices.js";
import { forgedClient, Trial } from "./forged.fixture.js";

test("an alarm counts in calm alone", () => {
  const trial = new Trial();
  const oracle = new CalmVoices(trial);
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
