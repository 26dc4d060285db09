import assert from "node:assert/strict";
import { test } from "node:test";
import { replaceSection } from "./reliability-page.js";

test("a section goes between its markers, and nothing else changes", () => {
  const page = "a\n<!-- hunt:begin -->\nold\n<!-- hunt:end -->\nb\n";
  const replaced = replaceSection(page, "hunt", "new");
  assert.equal(replaced, "a\n<!-- hunt:begin -->\nnew\n<!-- hunt:end -->\nb\n");
  assert.throws(() => replaceSection("a", "hunt", "new"), /must hold the lines <!-- hunt:begin/);
});
