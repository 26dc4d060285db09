import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionError } from "../assert.js";
import { ARENA_CHUNK_BYTES, NO_REFERENCE, RecordArena } from "./record-arena.js";

const id = new Uint8Array([97, 98, 99]);

test("an entry gives its id and body back, and compares ids by every byte", () => {
  const arena = new RecordArena();
  for (const length of [0, 1, 127, 128, 16_383, 16_384]) {
    const body = new Uint8Array(length).fill(length);
    const at = arena.append(0x3f_fffe, id, id.length, body);
    assert.equal(arena.id(at), "abc");
    assert.deepEqual(new Uint8Array(arena.body(at)), body);
    assert.ok(arena.isId(at, id, 3));
    assert.ok(!arena.isId(at, id, 2));
    assert.ok(!arena.isId(at, new Uint8Array([97, 98, 100]), 3));
  }
});

test("a body is replaced in place only by one of its length", () => {
  const arena = new RecordArena();
  const at = arena.append(1, id, 3, new Uint8Array([1, 2]));
  const after = arena.append(2, id, 3, new Uint8Array([9]));
  assert.ok(arena.replaceBody(at, new Uint8Array([3, 4])));
  assert.ok(!arena.replaceBody(at, new Uint8Array([3])));
  assert.ok(!arena.replaceBody(at, new Uint8Array([3, 4, 5])));
  assert.deepEqual([...arena.body(at)], [3, 4]);
  assert.deepEqual([...arena.body(after)], [9]);
});

test("cleaning moves what lives, tells its holder, and lowers what is held", () => {
  const arena = new RecordArena();
  const references = new Map<number, number>();
  const holder = {
    reference: (slot: number) => references.get(slot) ?? NO_REFERENCE,
    setReference: (slot: number, to: number) => void references.set(slot, to),
  };
  const body = (slot: number) => new Uint8Array(1_000).fill(slot);
  const count = 4_000;
  for (let slot = 0; slot < count; slot += 1) {
    references.set(slot, arena.append(slot, id, 3, body(slot)));
  }
  const before = arena.byteCount;
  for (let slot = 0; slot < count; slot += 1) {
    if (slot % 10 === 0) continue;
    const at = references.get(slot)!;
    references.delete(slot);
    arena.free(at);
    arena.clean(holder);
  }
  const liveBytes = 1_010 * (count / 10);
  assert.ok(arena.byteCount < before / 3, `${arena.byteCount} of ${before}`);
  assert.ok(arena.byteCount <= liveBytes + 5 * ARENA_CHUNK_BYTES, `${arena.byteCount}`);
  assert.ok(arena.movedBytes > 0);
  for (const [slot, at] of references) {
    assert.equal(slot % 10, 0);
    assert.deepEqual(new Uint8Array(arena.body(at)), body(slot));
  }
});

test("the chunk that is written to is never moved, however dead it is", () => {
  const arena = new RecordArena();
  const references = new Map<number, number>();
  const holder = {
    reference: (slot: number) => references.get(slot) ?? NO_REFERENCE,
    setReference: (slot: number, to: number) => void references.set(slot, to),
  };
  const put = (slot: number, length: number) => {
    const old = references.get(slot);
    references.set(slot, arena.append(slot, id, 3, new Uint8Array(length).fill(slot)));
    if (old !== undefined) arena.free(old);
    arena.clean(holder);
  };
  const count = 10_000;
  for (let slot = 0; slot < count; slot += 1) put(slot, 500);
  // A fifth of all is dead, evenly; then one slot fills the newest chunk with its dead versions.
  for (let slot = 0; slot < count; slot += 5) {
    arena.free(references.get(slot)!);
    references.delete(slot);
  }
  assert.equal(arena.movedBytes, 0);
  for (let turn = 0; turn < 5_000; turn += 1) put(1, 100 + (turn % 50));
  assert.ok(arena.movedBytes > 0);
  for (const [slot, at] of references) assert.equal(arena.body(at)[0], slot & 0xff);
});

test("one cleaning call moves at most two chunks", () => {
  const arena = new RecordArena();
  const references = new Map<number, number>();
  const holder = {
    reference: (slot: number) => references.get(slot) ?? NO_REFERENCE,
    setReference: (slot: number, to: number) => void references.set(slot, to),
  };
  for (let slot = 0; slot < 20_000; slot += 1) {
    references.set(slot, arena.append(slot, id, 3, new Uint8Array(500)));
  }
  for (let slot = 0; slot < 20_000; slot += 2) {
    arena.free(references.get(slot)!);
    references.delete(slot);
  }
  arena.clean(holder);
  assert.ok(arena.movedBytes > 0 && arena.movedBytes <= 2 * ARENA_CHUNK_BYTES);
});

test("freeing an entry's whole chunk twice is a bug", () => {
  const arena = new RecordArena();
  const at = arena.append(0, id, 3, new Uint8Array(16_000));
  assert.throws(() => {
    for (let time = 0; time < 20; time += 1) arena.free(at);
  }, AssertionError);
});
