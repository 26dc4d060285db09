import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OldestPolicy } from "./oldest-policy.js";
import { viewInstance } from "./view-instance.fixture.js";

describe("OldestPolicy", () => {
  const policy = new OldestPolicy([
    viewInstance({ id: "c", since: 5 }),
    viewInstance({ id: "b", since: 2 }),
    viewInstance({ id: "a", since: 5 }),
  ]);

  it("picks by age, then id", () => {
    assert.equal(policy.pick("", undefined)?.id, "b");
    assert.equal(policy.pick("any key", new Set(["b"]))?.id, "a");
    assert.equal(policy.pick("", new Set(["a", "b"]))?.id, "c");
  });

  it("has nothing left when all are excluded", () => {
    assert.equal(policy.pick("", new Set(["a", "b", "c"])), undefined);
  });
});
