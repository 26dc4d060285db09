import assert from "node:assert/strict";
import { it } from "node:test";
import { RequestLabelTable } from "./request-labels.js";

it("gives each pair one object, and what comes after the last a common one", () => {
  const table = new RequestLabelTable(2);
  const first = table.get("a", "s");
  assert.deepEqual(first, { route: "a", service: "s" });
  assert.equal(table.get("a", "s"), first);
  assert.deepEqual(table.get("b", "s"), { route: "b", service: "s" });
  const other = table.get("a", "t");
  assert.deepEqual(other, { route: "other", service: "other" });
  assert.equal(table.get("c", "u"), other);
  assert.equal(table.get("a", "s"), first, "what has labels keeps them");
});
