import assert from "node:assert/strict";
import { test } from "node:test";
import { HTTP_JSON_DEPTH_MAX } from "@fpzk/core";
import fc from "fast-check";
import { nestingDepth, parseJsonBody } from "./json-body.js";

const bytes = (text: string) => new TextEncoder().encode(text);

test("reads what JSON says", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5, noUnicodeString: false }), (text) => {
      fc.pre(!text.includes("__proto__"));
      assert.deepEqual(parseJsonBody(bytes(text)), JSON.parse(text));
    }),
  );
});

test("measures depth outside of strings alone", () => {
  const check = (text: string, expected: number) =>
    assert.equal(nestingDepth(text), expected, text);
  check("1", 0);
  check('{"a":[1]}', 2);
  check("[[],[[]]]", 3);
  check('["[[[\\"[["]', 1);
});

test("refuses depth, broken text and bytes that are no UTF-8", () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  assert.equal(parseJsonBody(bytes("")), undefined);
  assert.ok(parseJsonBody(bytes(nested(HTTP_JSON_DEPTH_MAX))));
  const wrong = [
    bytes(nested(HTTP_JSON_DEPTH_MAX + 1)),
    bytes("{"),
    bytes('{"a":{"__proto__":1}}'),
    bytes('{"__pro\\u0074o__":1}'),
    new Uint8Array([0x22, 0xff, 0x22]),
  ];
  for (const body of wrong) assert.throws(() => parseJsonBody(body), { code: "invalid_argument" });
});
