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
  const isPanickingNow = isPanicking(instances, { panicRatio }, 1, () => 0);
  assert.equal(isPanickingNow, isPanic, `${livenesses} at ${panicRatio}`);
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

  it("does not happen while one place has enough", () => {
    const near = viewInstances(8).map((one) => ({ ...one, liveness: "suspect" as const }));
    const far = viewInstances(4).map((one, index) => ({ ...one, id: `far-${index}` }));
    const options = { panicRatio: 0.5, ejected: new Set<string>() };
    const isPanic = () =>
      isPanicking([...near, ...far], options, 2, ({ id }) => (id.startsWith("far-") ? 1 : 0));
    assert.equal(isPanic(), false);
    options.ejected = new Set(["far-0", "far-1"]);
    assert.equal(isPanic(), false);
    options.ejected.add("far-2");
    assert.equal(isPanic(), true);
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
    const isPanic = (panicRatio: number) =>
      isPanicking(instances, { panicRatio, ejected }, 1, () => 0);
    assert.deepEqual([isPanic(0.5), isPanic(0.3)], [true, false]);
  });
});
