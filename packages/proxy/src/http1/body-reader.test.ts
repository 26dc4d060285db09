/** Bodies read however their bytes are cut. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { BodyReader, EXTENSION_MAX_BYTES, MORE, REFUSED } from "./body-reader.js";

const LIMITS = { headerMaxBytes: 200, headerCountMax: 4 };

interface Outcome {
  readonly result: "whole" | "refused" | "more";
  readonly body: string;
  readonly trailers?: readonly string[];
  readonly fault?: string;
  readonly restBytes?: number;
}

function outcomeOf(begin: (reader: BodyReader) => void, pieces: readonly Buffer[]): Outcome {
  let body = "";
  const reader = new BodyReader(LIMITS, (piece) => {
    body += piece.toString("latin1");
  });
  begin(reader);
  for (const [index, piece] of pieces.entries()) {
    const end = reader.read(piece, 0);
    if (end === MORE) continue;
    if (end === REFUSED) return { result: "refused", body, fault: reader.fault };
    const later = pieces.slice(index + 1).reduce((sum, one) => sum + one.length, 0);
    const restBytes = piece.length - end + later;
    return { result: "whole", body, trailers: reader.trailers, restBytes };
  }
  return { result: "more", body };
}

const chunked = (reader: BodyReader): void => reader.beginChunked();
const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");

describe("BodyReader", () => {
  it("reads a length, chunks with extensions and trailers, and to the end", () => {
    const length = outcomeOf((reader) => reader.beginLength(3), [bytesOf("ab"), bytesOf("cde")]);
    assert.deepEqual(length, { result: "whole", body: "abc", trailers: [], restBytes: 2 });
    const text = "4;a=b\r\nabcd\r\nA\r\n0123456789\r\n000\r\nX-A: b\r\n\r\nrest";
    const trailers = ["X-A", "b"];
    const body = "abcd0123456789";
    assert.deepEqual(outcomeOf(chunked, [bytesOf(text)]), {
      ...{ result: "whole", body, trailers, restBytes: 4 },
    });
    const untilClose = outcomeOf((reader) => reader.beginUntilClose(), [bytesOf("abc")]);
    assert.deepEqual(untilClose, { result: "more", body: "abc" });
  });

  it("bounds extensions over the whole body", () => {
    const chunk = `1;${"x".repeat(1_000)}\r\na\r\n`;
    const few = Math.floor(EXTENSION_MAX_BYTES / 1_000);
    assert.equal(outcomeOf(chunked, [bytesOf(`${chunk.repeat(few)}0\r\n\r\n`)]).result, "whole");
    assert.equal(outcomeOf(chunked, [bytesOf(chunk.repeat(few + 1))]).result, "refused");
  });

  it("reads the same however the bytes are cut", () => {
    const parts = fc.constantFrom(
      ...["4\r\nabcd\r\n", "1;x\r\na\r\n", "0\r\n", "\r\n", "X: y\r\n", "a", "\r", "\n", ";", "g"],
    );
    const texts = fc.array(parts, { maxLength: 14 }).map((list) => list.join(""));
    fc.assert(
      fc.property(texts, fc.array(fc.nat(80), { maxLength: 10 }), (text, cuts) => {
        const bytes = bytesOf(text);
        const at = [...new Set(cuts)].filter((cut) => cut < bytes.length).sort((a, b) => a - b);
        const pieces = [0, ...at].map((from, index) => bytes.subarray(from, at[index]));
        const whole = outcomeOf(chunked, [bytes]);
        assert.deepEqual(outcomeOf(chunked, pieces), whole);
        const single = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1));
        assert.deepEqual(outcomeOf(chunked, single), whole);
      }),
      { numRuns: 500 },
    );
  });
});
