import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSimArguments } from "./arguments.js";

test("arguments name one task", () => {
  const check = (text: string, expected: unknown) =>
    assert.deepEqual(parseSimArguments(text.split(" ")).task, expected);
  const replay = { kind: "replay", seed: 7, strikes: undefined, isShrunk: false };
  check("--seed 7", replay);
  check("--seed 7 --strikes 3,7 --log", { ...replay, strikes: [3, 7] });
  check("--seed 7 --shrink", { ...replay, isShrunk: true });
  check("--seeds 5-90", { kind: "seeds", first: 5, last: 90 });
  const minutes = { kind: "minutes", minutes: 0.5, first: 9, writesDocs: false };
  check("--minutes 0.5 --from 9", minutes);
  check("--minutes 0.5 --from 9 --markdown", { ...minutes, writesDocs: true });
  check("--scenario a,b", { kind: "scenarios", names: ["a", "b"] });
  const mutants = { kind: "mutants", names: ["x"], seedCountMax: 20, writesDocs: true };
  check("--mutants --only x --seeds-max 20 --markdown", mutants);
  check("--record-hashes --workers 3", { kind: "record-hashes" });
});

test("what makes no sense is refused with what is wrong", () => {
  const check = (args: readonly string[], expected: RegExp) =>
    assert.throws(() => parseSimArguments(args), expected);
  check([], /say one thing/);
  check(["--seed", "1", "--mutants"], /say one thing/);
  check(["--seed", "x"], /--seed x must be a whole number/);
  check(["--seeds", "9-3"], /--seeds 9-3 must be A-B/);
  check(["--minutes", "0"], /--minutes 0 must be/);
  check(["--seed", "1", "--workers", "0"], /--workers must be >= 1/);
  check(["--sead", "1"], /sead/);
});
