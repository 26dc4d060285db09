import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";
import { MUTANTS } from "./catalogue.js";
import { applyMutant, mutatedUrl } from "./mutant.js";

/** The promise of docs/reliability.md. */
const MUTANT_COUNT_MIN = 50;

test("there are enough defects, each with a name and a story of its own", () => {
  assert.ok(MUTANTS.length >= MUTANT_COUNT_MIN, `${MUTANTS.length} mutants`);
  assert.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
  assert.equal(new Set(MUTANTS.map(({ story }) => story)).size, MUTANTS.length);
  for (const { name, story } of MUTANTS) {
    assert.match(name, /^[a-z]+(-[a-z]+)*$/);
    assert.ok(
      story.length > 60 && story.length < 300,
      `story of ${name}: ${story.length} characters`,
    );
  }
});

test("each defect fits the compiled core as it is, and leaves a text that parses", () => {
  for (const mutant of MUTANTS) {
    const source = readFileSync(fileURLToPath(mutatedUrl(mutant)), "utf8");
    const patched = applyMutant(mutant, source);
    assert.notEqual(patched, source, mutant.name);
    assert.doesNotThrow(() => new Script(asScript(patched)), mutant.name);
  }
});

test("a defect that no longer fits says so", () => {
  const mutant = { name: "x", file: "x.js", find: "a + b", replace: "a - b" };
  assert.equal(applyMutant(mutant, "return a + b;"), "return a - b;");
  assert.throws(() => applyMutant(mutant, "return c;"), /occurs 0 times/);
  assert.throws(() => applyMutant(mutant, "a + b; a + b"), /occurs 2 times/);
});

test("a text that does not parse is seen", () => {
  assert.throws(() => new Script(asScript("export function f() { return ; ) }")), SyntaxError);
});

/** A module's text without its imports and exports: only a script can be parsed without running. */
function asScript(text: string): string {
  return text
    .replace(/^import [^;]*;$/gm, "")
    .replace(/^export (?=class|const|function|let|async)/gm, "")
    .replace(/^export [^;]*;$/gm, "");
}
