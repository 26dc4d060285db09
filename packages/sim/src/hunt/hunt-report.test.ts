import assert from "node:assert/strict";
import { test } from "node:test";
import { huntMarkdown } from "./hunt-report.js";
import { Tally } from "./tally.js";

const run = { commit: "abc", first: 5, minutes: 1, workerCount: 2, machine: "2 cores" };

test("the report counts strikes and names the seeds that failed", () => {
  const tally = new Tally(2, 0);
  const strike = { index: 0, at: 10, name: "crash-node", detail: "us-1" };
  tally.add([], [strike, strike]);
  tally.add([{ oracle: "S1", at: 3, text: "seen again" }], [strike]);
  const text = huntMarkdown({ failed: [6], tally: tally.snapshot(60_000) }, run);
  assert.match(text, /\*\*2 histories, 1 failed \(S1 1\): `6`\*\*/);
  assert.match(text, /1 histories a minute and process; 3 strikes:/);
  assert.match(text, /\| crash-node \| 3 \|/);
});

test("where nothing failed, that is said", () => {
  const tally = new Tally(2, 0).snapshot(60_000);
  assert.match(huntMarkdown({ failed: [], tally }, run), /0 histories, none failed/);
});
