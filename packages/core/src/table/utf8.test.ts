import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AssertionError } from "../assert.js";
import { decodeUtf8, encodeUtf8, utf8ByteLength } from "./utf8.js";

function encode(text: string): Uint8Array {
  const target = new Uint8Array(utf8ByteLength(text));
  assert.equal(encodeUtf8(text, target, 0), target.length);
  return target;
}

test("well-formed text gives the bytes of the platform's encoder", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      assert.deepEqual(encode(text), new TextEncoder().encode(text));
    }),
  );
});

test("every string comes back, lone surrogates included", () => {
  const unit = fc.oneof(fc.nat(0xffff), fc.integer({ min: 0xd800, max: 0xdfff }), fc.nat(0x7f));
  fc.assert(
    fc.property(fc.array(unit), fc.nat(9), (units, offset) => {
      const text = String.fromCharCode(...units);
      const target = new Uint8Array(offset + utf8ByteLength(text) + 3);
      const end = encodeUtf8(text, target, offset);
      assert.equal(end, offset + utf8ByteLength(text));
      assert.equal(decodeUtf8(target, offset, end), text);
    }),
  );
});

test("a lone surrogate is the three bytes of its code unit", () => {
  assert.deepEqual([...encode("\ud800")], [0xed, 0xa0, 0x80]);
  assert.deepEqual([...encode("\udfff")], [0xed, 0xbf, 0xbf]);
});

test("a target without room is a bug", () => {
  assert.throws(() => encodeUtf8("abc", new Uint8Array(2), 0), AssertionError);
});
