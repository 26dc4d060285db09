import assert from "node:assert/strict";
import { test } from "node:test";
import { recordFor } from "../record.fixture.js";
import { instant, NEVER } from "../time.js";
import { TombstoneQueue } from "./tombstone-queue.js";

function queueOf(...dues: number[]): TombstoneQueue {
  const queue = new TombstoneQueue();
  dues.forEach((due, index) => {
    queue.add({
      key: recordFor(`${index}`),
      slot: index,
      origin: 0,
      version: index + 1,
      due: instant(due),
    });
  });
  return queue;
}

test("gives the oldest first, at its time and not before", () => {
  const queue = queueOf(100, 100, 200);
  assert.equal(queue.nextDue(), 100);
  assert.equal(queue.takeDue(instant(99)), undefined);
  assert.equal(queue.takeDue(instant(100))?.slot, 0);
  assert.equal(queue.takeDue(instant(100))?.slot, 1);
  assert.equal(queue.takeDue(instant(100)), undefined);
  assert.equal(queue.nextDue(), 200);
  assert.equal(queue.count, 1);
  assert.equal(queue.takeDue(instant(5_000))?.slot, 2);
  assert.equal(queue.nextDue(), NEVER);
});

test("keeps order and count over many, while taken entries are let go", () => {
  const queue = queueOf(...Array.from({ length: 5_000 }, (_, index) => index));
  for (let index = 0; index < 5_000; index += 1) {
    assert.equal(queue.count, 5_000 - index);
    assert.equal(queue.takeDue(instant(9_999))?.slot, index);
  }
  assert.equal(queue.takeDue(instant(9_999)), undefined);
});
