import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFuzzArguments } from "./arguments.js";
import { progressText, replaceTable, reportTable } from "./report.js";

const RESULT = {
  target: "peer-message",
  executionCount: 1_234_567,
  elapsedMs: 60_000,
  corpusCount: 12,
  reachedCount: 3_000,
  findingCount: 0,
  findings: [],
  heapGrowthBytes: -1,
};

test("the table goes between its markers, and nothing else changes", () => {
  const table = reportTable([RESULT], { seed: 7, nodeVersion: "20.0.0", commit: "abc" });
  const document = "a\n<!-- fuzz:begin -->\nold\n<!-- fuzz:end -->\nb\n";
  const replaced = replaceTable(document, table);
  assert.match(replaced, /^a\n<!-- fuzz:begin -->\n\| target [\s\S]*\n<!-- fuzz:end -->\nb\n$/);
  assert.match(replaced, /`peer-message` \| 1\.0 \| 1,234,567 \| 12 \| 3,000 \| 0\.0 MiB \| 0 \|/);
  assert.match(replaced, /1,234,567 inputs in 1\.0 minutes, 0 findings; seed 7/);
  assert.throws(() => replaceTable("no markers", table), /must hold/);
  assert.match(progressText(RESULT), /1234567 inputs +20576\/s/);
});

test("arguments are read, and refused with what is right", () => {
  const known = ["a", "b"];
  const { minutes, targets, seed } = parseFuzzArguments(
    ["--minutes", "2", "--target", "a", "--seed", "5"],
    known,
  );
  assert.deepEqual({ minutes, targets, seed }, { minutes: 2, targets: ["a"], seed: 5 });
  assert.throws(() => parseFuzzArguments(["--minutes", "0"], known), /--minutes 0 must be > 0/);
  assert.throws(() => parseFuzzArguments(["--target", "c"], known), /must be one of a, b/);
  assert.throws(() => parseFuzzArguments(["--replay", "f"], known), /needs one --target/);
});
