import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Screen } from "./screen.js";

describe("Screen", () => {
  it("redraws its block on a terminal, cut to its size, below what stays", () => {
    const written: string[] = [];
    const write = (text: string) => written.push(text);
    const screen = new Screen({ isTTY: true, columns: 5, rows: 3, write });
    screen.show(["abcdefgh", "b", "c"]);
    screen.show(["d"]);
    screen.say("stays");
    screen.show(["e"]);
    assert.deepEqual(written, [
      "abcd\nb\n",
      "\u001b[2F\u001b[0Jd\n",
      "\u001b[1F\u001b[0Jstays\nd\n",
      "\u001b[1F\u001b[0Je\n",
    ]);
  });

  it("writes plain lines, and not too often, elsewhere", () => {
    const written: string[] = [];
    let nowMs = 0;
    const screen = new Screen({ write: (text) => written.push(text) }, () => nowMs);
    screen.show(["a"]);
    nowMs = 4_999;
    screen.show(["b"]);
    nowMs = 5_000;
    screen.show(["c"]);
    assert.deepEqual(written, ["a\n", "c\n"]);
  });
});
