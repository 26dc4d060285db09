import assert from "node:assert/strict";
import { test } from "node:test";
import { type Figure, isMet, numberText, summarize } from "./figure.js";

const figure = (value: number, more: Partial<Figure> = {}): Figure => ({
  bench: "b",
  figure: "f",
  value,
  unit: "ms",
  goal: 10,
  better: "lower",
  ...more,
});

test("runs are summed up by median, lowest and highest", () => {
  const [odd] = summarize([[figure(5)], [figure(1)], [figure(9)]]);
  assert.deepEqual([odd?.value, odd?.lowest, odd?.highest, odd?.runCount], [5, 1, 9, 3]);
  assert.equal(summarize([[figure(1)], [figure(2)]])[0]?.value, 1.5);
  assert.deepEqual(
    summarize([[figure(1), figure(2, { figure: "g" })]]).map((entry) => entry.figure),
    ["f", "g"],
  );
});

test("a goal is met at its bound, in its direction", () => {
  assert.equal(isMet(figure(10)), true);
  assert.equal(isMet(figure(10.1)), false);
  assert.equal(isMet(figure(9, { better: "higher" })), false);
  assert.equal(isMet(figure(99, { goal: null })), true);
});

test("numbers keep three digits", () => {
  assert.deepEqual([123456.7, 12.34, 1.234, 0.01234].map(numberText), [
    "123,457",
    "12.3",
    "1.23",
    "0.012",
  ]);
});
