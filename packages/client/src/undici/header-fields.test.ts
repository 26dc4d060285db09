import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fieldOf, withField } from "./header-fields.js";

const NAME = "x-fpzk-timeout-ms";

describe("withField", () => {
  const check = (headers: Parameters<typeof withField>[0], expected: unknown): void => {
    const written = withField(headers, NAME, "7");
    assert.deepEqual(written, expected);
    assert.equal(fieldOf(written, NAME), "7");
  };

  it("writes into an object, and into none", () => {
    check(undefined, { [NAME]: "7" });
    check(null, { [NAME]: "7" });
    check({ a: "1", b: ["2", "3"] }, { a: "1", b: ["2", "3"], [NAME]: "7" });
    check({ "X-Fpzk-Timeout-Ms": "9", a: "1" }, { a: "1", [NAME]: "7" });
  });

  it("writes into pairs and entries", () => {
    check([], [NAME, "7"]);
    check(["a", "1", "X-FPZK-timeout-ms", "9", "b", "2"], ["a", "1", "b", "2", NAME, "7"]);
    check(new Map([["a", "1"]]), ["a", "1", NAME, "7"]);
    check(new Map([["b", ["2", "3"]]]), ["b", ["2", "3"], NAME, "7"]);
  });
});
