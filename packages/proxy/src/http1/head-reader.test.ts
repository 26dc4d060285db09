/** Heads read byte by byte, at once, and at every cut between. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { HeadReader, MORE, REFUSED } from "./head-reader.js";

const LIMITS = { headerMaxBytes: 400, headerCountMax: 4 };

interface Outcome {
  readonly result: "whole" | "refused" | "more";
  readonly fault?: string;
  readonly firstLine?: string;
  readonly fields?: readonly string[];
  /** Bytes after the section. */
  readonly restBytes?: number;
}

/** Feeds pieces one after the other, as reads of a socket would. */
function outcomeOf(pieces: readonly Buffer[], hasFirstLine = true): Outcome {
  const reader = new HeadReader(LIMITS, hasFirstLine);
  for (const [index, piece] of pieces.entries()) {
    const end = reader.read(piece, 0);
    if (end === MORE) continue;
    if (end === REFUSED) return { result: "refused", fault: reader.fault };
    const later = pieces.slice(index + 1).reduce((sum, one) => sum + one.length, 0);
    return {
      result: "whole",
      firstLine: reader.firstLine,
      fields: reader.fields(),
      restBytes: piece.length - end + later,
    };
  }
  return { result: "more" };
}

const bytesOf = (text: string) => Buffer.from(text, "latin1");

describe("HeadReader", () => {
  it("reads lines, trims values, and says where the section ends", () => {
    assert.deepEqual(
      outcomeOf([bytesOf("\r\nGET / HTTP/1.1\r\nA:  b c \t\r\nEmpty:\r\n\r\nrest")]),
      {
        result: "whole",
        firstLine: "GET / HTTP/1.1",
        fields: ["A", "b c", "Empty", ""],
        restBytes: 4,
      },
    );
    assert.deepEqual(outcomeOf([bytesOf("\r\n")], false).fields, []);
  });

  const faults: readonly (readonly [string, string])[] = [
    ["GET / HTTP/1.1\n", "line-end"],
    ["GET / HTTP/1.1\r\nA: b\n\r\n", "line-end"],
    ["GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", "line-end"],
    ["GET / HTTP/1.1\r\n\rA: b\r\n\r\n", "line-end"],
    ["GET\u0000/ HTTP/1.1\r\n\r\n", "first-line"],
    ["GET / HTTP/1.1\r\n A: b\r\n\r\n", "fold"],
    ["GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n", "fold"],
    ["GET / HTTP/1.1\r\nA : b\r\n\r\n", "field-name"],
    ["GET / HTTP/1.1\r\n: b\r\n\r\n", "field-name"],
    ["GET / HTTP/1.1\r\nA b\r\n\r\n", "field-name"],
    ["GET / HTTP/1.1\r\nA: b\u0000\r\n\r\n", "field-value"],
    ["GET / HTTP/1.1\r\nA: \u007f\r\n\r\n", "field-value"],
    [`GET / HTTP/1.1\r\nA: ${"b".repeat(500)}\r\n\r\n`, "header-size"],
    [`GET / HTTP/1.1\r\n${"A: b\r\n".repeat(5)}\r\n`, "header-count"],
  ];
  for (const [text, fault] of faults) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))}: ${fault}`, () => {
      assert.deepEqual(outcomeOf([bytesOf(text)]), { result: "refused", fault });
    });
  }

  it("reads the same however the bytes are cut", () => {
    const characters = fc.constantFrom(
      ..."GA/ :\t\r\n\r\nb\u0000é1",
      "\r\n",
      "\r\n",
      "A: b\r\n",
      " HTTP/1.1\r\n",
    );
    const texts = fc.array(characters, { maxLength: 60 }).map((parts) => parts.join(""));
    const cuts = fc.array(fc.nat(120), { maxLength: 12 });
    fc.assert(
      fc.property(fc.boolean(), texts, cuts, (isValidStart, tail, at) => {
        const bytes = bytesOf(isValidStart ? `GET / HTTP/1.1\r\nHost: x\r\n${tail}` : tail);
        const pieces: Buffer[] = [];
        let from = 0;
        for (const to of [...new Set(at)].sort((a, b) => a - b)) {
          if (to <= from || to >= bytes.length) continue;
          pieces.push(bytes.subarray(from, to));
          from = to;
        }
        pieces.push(bytes.subarray(from));
        const whole = outcomeOf([bytes]);
        assert.deepEqual(outcomeOf(pieces), whole);
        const single = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1));
        assert.deepEqual(outcomeOf(single), whole);
      }),
      { numRuns: 500 },
    );
  });
});
