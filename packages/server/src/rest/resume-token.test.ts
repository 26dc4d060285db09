import assert from "node:assert/strict";
import { test } from "node:test";
import { RESUME_TOKEN_MAX_BYTES, type Scope } from "@fpzk/core";
import fc from "fast-check";
import { encodeResumeToken, parseResumeToken, type ResumePoint } from "./resume-token.js";

const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const point: fc.Arbitrary<ResumePoint> = fc.record({
  position: fc.array(
    fc.record({
      origin: fc.record({
        nodeId: fc.string({ minLength: 1, maxLength: 20 }),
        generation: fc.maxSafeNat(),
        scope: fc.constantFrom<Scope>(0, 1),
      }),
      version: fc.maxSafeNat(),
    }),
    { maxLength: 8 },
  ),
  digest: fc.record({ high: uint32, low: uint32 }),
});

test("a point survives its token", () => {
  fc.assert(
    fc.property(point, (made) => {
      const original = structuredClone(made);
      const token = encodeResumeToken(original);
      assert.match(token, /^[A-Za-z0-9_-]+$/);
      assert.deepEqual(parseResumeToken(token), original);
    }),
  );
});

test("a position that does not fit is left out, and the digest stays", () => {
  const origin = (index: number) => ({ nodeId: `node-${index}`, generation: 1, scope: 0 as Scope });
  const position = Array.from({ length: 1_000 }, (_, index) => ({
    origin: origin(index),
    version: index,
  }));
  const token = encodeResumeToken({ position, digest: { high: 1, low: 2 } });
  assert.ok(token.length <= RESUME_TOKEN_MAX_BYTES);
  assert.deepEqual(parseResumeToken(token), { position: [], digest: { high: 1, low: 2 } });
});

test("anything else is no token", () => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const wrong: unknown[] = [
    [2, 0, 0, []],
    [1, -1, 0, []],
    [1, 0, 2 ** 32, []],
    [1, 0, 0, {}],
    [1, 0, 0, [["", 1, 0, 1]]],
    [1, 0, 0, [["n", 1, 2, 1]]],
    [1, 0, 0, [["n", 1, 0, 1.5]]],
    [1, 0, 0, [["n", 1, 0]]],
    [1, 0, 0, [], 5],
    null,
  ];
  for (const value of wrong) assert.equal(parseResumeToken(encode(value)), undefined);
  fc.assert(
    fc.property(fc.string(), (text) => {
      assert.equal(parseResumeToken(text), undefined);
      assert.equal(parseResumeToken(encode(text)), undefined);
    }),
  );
});
