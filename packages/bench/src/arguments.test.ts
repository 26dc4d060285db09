import assert from "node:assert/strict";
import { test } from "node:test";
import { parseBenchArguments } from "./arguments.js";

const parse = (...args: string[]) => parseBenchArguments(args, ["push", "storm"]);

test("without arguments everything runs in full, three times", () => {
  assert.deepEqual(parse(), {
    names: [],
    isJson: false,
    scale: "full",
    runCount: 3,
    writesDocs: false,
    profileDirectory: undefined,
  });
});

test("names and options are taken", () => {
  const parsed = parse("storm", "--quick", "--json", "--runs", "7");
  assert.deepEqual(parsed.names, ["storm"]);
  assert.deepEqual([parsed.scale, parsed.isJson, parsed.runCount], ["quick", true, 7]);
  assert.equal(parse("--quick").runCount, 1);
});

test("what is wrong is named", () => {
  assert.throws(() => parse("pull"), /no benchmark is named pull: there are push, storm/);
  for (const runs of ["0", "x", "1.5", "101"]) {
    assert.throws(() => parse("--runs", runs), /must be a whole number, 1 to 100/);
  }
  assert.throws(() => parse("--fast"), /--fast/);
});
