import assert from "node:assert/strict";
import { test } from "node:test";
import { LINE_COUNT_MAX, LogBook, witnessText } from "./log-book.js";

test("what many see within a while is one line", () => {
  const book = new LogBook();
  book.tell(1_000, "warn", "C is suspect", "caller-us");
  book.tell(1_080, "warn", "C is suspect", "caller-ap");
  book.tell(1_080, "warn", "C is suspect", "caller-ap");
  const [line] = book.lines;
  assert.equal(book.lines.length, 1);
  assert.equal(line && witnessText(line), "seen by 2, the last 80 ms later");
  book.tell(9_000, "warn", "C is suspect", "caller-us");
  assert.equal(book.lines.length, 2, "that was another time");
});

test("what happens to all is told each time", () => {
  const book = new LogBook();
  book.tell(1, "deed", "kill -9 C");
  book.tell(2, "deed", "kill -9 C");
  assert.deepEqual(
    book.lines.map((line) => witnessText(line)),
    ["", ""],
  );
});

test("old lines are forgotten, and what they said may be told again", () => {
  const book = new LogBook();
  for (let number = 0; number <= LINE_COUNT_MAX; number += 1) {
    book.tell(number, "plain", `line ${number}`, "somebody");
  }
  assert.equal(book.lines.length, LINE_COUNT_MAX);
  assert.equal(book.lines[0]?.text, "line 1");
  book.tell(LINE_COUNT_MAX, "plain", "line 0", "somebody");
  assert.equal(book.lines.at(-1)?.text, "line 0");
});
