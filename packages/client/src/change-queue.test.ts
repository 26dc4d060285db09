import assert from "node:assert/strict";
import { test } from "node:test";
import { ChangeQueue } from "./change-queue.js";

test("gathers from its making, in order, and ends after what was gathered", async () => {
  let endCount = 0;
  const queue = new ChangeQueue<number>(10, () => {
    endCount += 1;
  });
  queue.push(1);
  queue.push(2);
  queue.end();
  queue.end();
  queue.push(3);
  const read: number[] = [];
  for await (const item of queue) read.push(item);
  assert.deepEqual(read, [1, 2]);
  assert.equal(endCount, 1);
});

test("a reader that waits gets the next item, or the end", async () => {
  const queue = new ChangeQueue<number>(10, () => {});
  const first = queue.next();
  const second = queue.next();
  queue.push(1);
  assert.deepEqual(await first, { value: 1, done: false });
  queue.end();
  assert.deepEqual(await second, { value: undefined, done: true });
});

test("P10 a reader that lags more than the bound gets an error, once, and then the end", async () => {
  const queue = new ChangeQueue<number>(2, () => {});
  for (const item of [1, 2, 3]) queue.push(item);
  await assert.rejects(queue.next(), { code: "resource_exhausted", message: /must be <= 2/ });
  assert.deepEqual(await queue.next(), { value: undefined, done: true });
});

test("a loop that is left ends the queue", async () => {
  let isEnded = false;
  const queue = new ChangeQueue<number>(10, () => {
    isEnded = true;
  });
  queue.push(1);
  for await (const item of queue) {
    assert.equal(item, 1);
    break;
  }
  assert.equal(isEnded, true);
});
