import assert from "node:assert/strict";
import { test } from "node:test";
import type { Bench } from "./bench.js";
import { type MeasuredFigure, summarize } from "./figure.js";
import { benchText, docsText, jsonLine, replaceMeasured } from "./report.js";

const bench: Bench = { name: "b", title: "some load", run: () => Promise.resolve([]) };
const figures: MeasuredFigure[] = summarize([
  [
    { bench: "b", figure: "slow", value: 12, unit: "ms", goal: 10, better: "lower" },
    { bench: "b", figure: "fast", value: 70_000, unit: "/s", goal: 60_000, better: "higher" },
    { bench: "b", figure: "told", value: 1, unit: "s", goal: null, better: "lower" },
  ],
]);

test("the table marks goals that were missed", () => {
  const lines = benchText(bench, figures).split("\n");
  assert.match(lines[2] ?? "", /^slow .*12.*<= 10.*MISSED$/);
  assert.match(lines[3] ?? "", /^fast .*70,000.*>= 60,000.*met$/);
  assert.doesNotMatch(lines[4] ?? "", /met|MISSED/);
});

test("a line of JSON has the six fields", () => {
  assert.deepEqual(JSON.parse(jsonLine(figures[2] as MeasuredFigure)), {
    bench: "b",
    figure: "told",
    value: 1,
    unit: "s",
    goal: null,
    better: "lower",
  });
});

test("the document keeps what stands around the measured part", () => {
  const machine = {
    cpu: "cpu",
    coreCount: 2,
    memoryGibibytes: 1,
    system: "Linux",
    node: "v20",
    commit: "abc",
    loadAverage: 0,
    date: "2026-01-01",
  };
  const before =
    "# Title\n<!-- b: begin (written by `npm run bench -- b --write-docs`) -->\nold\n<!-- b: end -->\nEnd\n";
  const after = replaceMeasured(before, "b", docsText(machine, bench, figures));
  assert.ok(after.startsWith("# Title\n") && after.endsWith("\nEnd\n"));
  assert.doesNotMatch(after, /\nold\n/);
  assert.match(after, /- Missed: b, slow: 12 ms, should be at most 10 ms/);
  assert.throws(() => replaceMeasured(before, "c", "x"), /must have the lines .*c: begin/);
});
