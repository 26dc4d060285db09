import assert from "node:assert/strict";
import { test } from "node:test";
import { randomBelow, SeededRandom } from "./random.js";

function draw(random: SeededRandom, count: number): number[] {
  return Array.from({ length: count }, () => Math.floor(random.next() * 4_294_967_296));
}

test("equal seeds give equal sequences on every machine: known values of mulberry32", () => {
  assert.deepEqual(draw(new SeededRandom(0), 3), [1144304738, 1416247, 958946056]);
  assert.deepEqual(draw(new SeededRandom(1), 3), [2693262067, 11749833, 2265367787]);
  assert.deepEqual(draw(new SeededRandom(2 ** 32 + 1), 3), draw(new SeededRandom(1), 3));
});

test("a fork is a generator of its own: drawing more there shifts nobody else", () => {
  const [left, right] = [new SeededRandom(7), new SeededRandom(7)];
  const fork = left.fork();
  right.fork();
  draw(fork, 100);
  assert.deepEqual(draw(left, 5), draw(right, 5));
  assert.notDeepEqual(draw(new SeededRandom(7).fork(), 5), draw(new SeededRandom(7), 5));
});

test("draws are in [0, 1) and fall evenly", () => {
  const random = new SeededRandom(42);
  const counts = new Array<number>(10).fill(0);
  for (let index = 0; index < 100_000; index += 1) {
    const value = random.next();
    assert.ok(value >= 0 && value < 1);
    counts[Math.floor(value * 10)] = (counts[Math.floor(value * 10)] ?? 0) + 1;
  }
  for (const count of counts) assert.ok(Math.abs(count - 10_000) < 500, `${counts}`);
});

test("randomBelow reaches every value below its bound and none above", () => {
  const random = new SeededRandom(3);
  const seen = new Set(Array.from({ length: 200 }, () => randomBelow(random, 3)));
  assert.deepEqual([...seen].sort(), [0, 1, 2]);
  assert.equal(randomBelow(random, 1), 0);
});
