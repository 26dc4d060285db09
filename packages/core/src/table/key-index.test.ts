import assert from "node:assert/strict";
import { test } from "node:test";
import { avalanche } from "../hash.js";
import { SeededRandom } from "../random.js";
import { KeyIndex } from "./key-index.js";
import { NIL, RecordRows } from "./record-rows.js";

function check(hashOf: (slot: number) => number, count: number): void {
  const rows = new RecordRows();
  const index = new KeyIndex(rows, hashOf);
  const chain = (hash: number): number[] => {
    const slots: number[] = [];
    for (let slot = index.first(hash); slot !== NIL; slot = rows.chainNext(slot)) slots.push(slot);
    return slots;
  };
  const random = new SeededRandom(count);
  const held = new Set<number>();
  for (let added = 0; added < count; added += 1) {
    const slot = rows.allocate();
    index.add(slot, hashOf(slot));
    held.add(slot);
    const victim = Math.floor(random.next() * count);
    if (!held.has(victim) || random.next() < 0.5) continue;
    index.delete(victim, hashOf(victim));
    held.delete(victim);
  }
  for (let slot = 0; slot < count; slot += 1) {
    assert.equal(chain(hashOf(slot)).includes(slot), held.has(slot), `slot ${slot}`);
  }
}

test("finds what was added and not deleted, through many splits", () => {
  check((slot) => avalanche(slot + 1), 20_000);
});

test("works, if slowly, when every hash is the same", () => {
  check(() => 0x8000_0001, 1_500);
});

test("chains stay short, so that no call is long", () => {
  const rows = new RecordRows();
  const hashOf = (slot: number) => avalanche(slot + 1);
  const index = new KeyIndex(rows, hashOf);
  let longest = 0;
  for (let added = 0; added < 50_000; added += 1) {
    const slot = rows.allocate();
    index.add(slot, hashOf(slot));
    let length = 0;
    for (let at = index.first(hashOf(slot)); at !== NIL; at = rows.chainNext(at)) length += 1;
    longest = Math.max(longest, length);
  }
  assert.ok(longest <= 24, `longest chain ${longest}`);
});
