import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText, parseAddress, parseSeed, SEED_MAX } from "./address.js";

function check(hash: string, expected: ReturnType<typeof parseAddress>): void {
  assert.deepEqual(parseAddress(hash), expected, hash);
}

test("an address names a scene, the free world, or a history, and a moment", () => {
  check("#scene=kill&at=1040", { show: { type: "scene", id: "kill" }, at: 1_040 });
  check("#free", { show: { type: "free" }, at: undefined });
  check("#seed=7", { show: { type: "seed", seed: 7, strikes: undefined }, at: undefined });
  check("#seed=7&strikes=3,12&at=5", {
    show: { type: "seed", seed: 7, strikes: [3, 12] },
    at: 5,
  });
});

test("what says nothing that the page knows is left alone", () => {
  check("", undefined);
  check("#seed=x", undefined);
  check(`#seed=${SEED_MAX + 1}`, undefined);
  check("#at=5", undefined);
  check("#free&at=-5", { show: { type: "free" }, at: undefined });
  check("#seed=7&strikes=a", {
    show: { type: "seed", seed: 7, strikes: undefined },
    at: undefined,
  });
});

test("an address that is written is read as what it was", () => {
  check(addressText("scene=kill", 0), { show: { type: "scene", id: "kill" }, at: undefined });
  check(addressText("free", 12), { show: { type: "free" }, at: 12 });
});

test("a seed is what a person types: a whole number of 32 bits", () => {
  for (const text of ["", "-1", "1.5", "1e3", "0x10", "99999999999"]) {
    assert.equal(parseSeed(text), undefined, text);
  }
  assert.equal(parseSeed(" 42 "), 42);
});
