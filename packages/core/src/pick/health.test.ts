import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Liveness } from "../instance.js";
import { healthRank, isPanicking } from "./health.js";
import { viewInstance, viewInstances } from "./view-instance.fixture.js";

const LETTERS: Readonly<Record<string, Liveness>> = {
  a: "alive",
  o: "orphaned",
  s: "suspect",
  u: "unreachable",
};

/** `livenesses`: one letter an instance. */
function check(livenesses: string, panicRatio: number, isPanic: boolean): void {
  const instances = [...livenesses].map((letter) =>
    viewInstance({ liveness: LETTERS[letter] ?? "alive" }),
  );
  assert.equal(isPanicking(instances, { panicRatio }), isPanic, `${livenesses} at ${panicRatio}`);
}

describe("isPanicking", () => {
  it("compares the usable share of the reachable with the ratio", () => {
    check("aaaa", 0.5, false);
    check("aass", 0.5, false);
    check("asss", 0.5, true);
    check("ssss", 0.5, true);
    check("aaas", 1, true);
    check("aaaa", 1, false);
  });

  it("counts orphaned as usable", () => {
    check("oooo", 1, false);
    check("ooss", 0.5, false);
  });

  it("does not let a cut region cause it", () => {
    check("auuuuuuuuu", 0.5, false);
    check("asuuuu", 0.6, true);
    check("uuuu", 0.5, false);
  });

  it("never happens at 0 or without instances", () => {
    check("ssss", 0, false);
    check("", 1, false);
  });
});

describe("healthRank", () => {
  it("puts usable first, suspect after them, unreachable last", () => {
    const rank = (liveness: Liveness, isPanic: boolean): number =>
      healthRank(viewInstance({ liveness }), isPanic, undefined);
    const order = Object.values(LETTERS);
    assert.deepEqual(
      order.map((liveness) => rank(liveness, false)),
      [0, 0, 1, 2],
    );
    assert.deepEqual(
      order.map((liveness) => rank(liveness, true)),
      [0, 0, 0, 2],
    );
  });

  it("takes the ejected for suspects", () => {
    const rank = (id: string, isPanic: boolean): number =>
      healthRank(viewInstance({ id }), isPanic, new Set(["a"]));
    assert.deepEqual([rank("a", false), rank("b", false), rank("a", true)], [1, 0, 0]);
    const instances = viewInstances(3);
    const ejected = new Set(["i0", "i1"]);
    assert.equal(isPanicking(instances, { panicRatio: 0.5, ejected }), true);
    assert.equal(isPanicking(instances, { panicRatio: 0.3, ejected }), false);
  });
});
