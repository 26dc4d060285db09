/** Everything that is encoded comes back as it was. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import * as arbitraries from "./arbitraries.fixture.js";
import {
  decodeInstanceDescription,
  decodeNodeDescription,
  decodeOverrideDescription,
  decodePeerMessage,
  decodeSessionMessage,
  decodeSessionRequest,
  encodeInstanceDescription,
  encodeNodeDescription,
  encodeOverrideDescription,
  encodePeerMessage,
  encodeSessionMessage,
  encodeSessionRequest,
} from "./index.js";

/** Buffers and plain byte arrays are the same content; objects without prototype too. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, inner: unknown) => {
      if (inner instanceof Uint8Array) return { bytes: [...inner] };
      // A Buffer's own toJSON ran before this function saw it.
      if (isBufferJson(inner)) return { bytes: inner.data };
      return inner;
    }),
  );
}

function isBufferJson(value: unknown): value is { data: number[] } {
  return typeof value === "object" && value !== null && "type" in value && value.type === "Buffer";
}

function check<Value>(
  arbitrary: fc.Arbitrary<Value>,
  encode: (value: Value) => Uint8Array,
  decode: (bytes: Uint8Array) => { ok: boolean },
): void {
  fc.assert(
    fc.property(arbitrary, (value) => {
      const decoded = decode(encode(value));
      const { ok, ...rest } = decoded;
      assert.ok(ok, JSON.stringify(decoded));
      assert.deepEqual(plain(Object.values(rest)[0]), plain(value));
    }),
    { numRuns: 1_000 },
  );
}

test("every session request comes back as it was", () => {
  check(arbitraries.sessionRequest, encodeSessionRequest, decodeSessionRequest);
});

test("every session message comes back as it was", () => {
  check(arbitraries.sessionMessage, encodeSessionMessage, decodeSessionMessage);
});

test("every peer message comes back as it was", () => {
  check(arbitraries.peerMessage, encodePeerMessage, decodePeerMessage);
});

test("every description comes back as it was", () => {
  check(arbitraries.instanceDescription, encodeInstanceDescription, decodeInstanceDescription);
  check(arbitraries.nodeDescription, encodeNodeDescription, decodeNodeDescription);
  check(arbitraries.overrideDescription, encodeOverrideDescription, decodeOverrideDescription);
});

test("a frame stays as it is when others are encoded after it", () => {
  const message = { type: "query", requestId: 1, service: "orders" } as const;
  const frames = Array.from({ length: 5_000 }, (_, index) =>
    encodeSessionRequest({ ...message, requestId: index }),
  );
  frames.forEach((frame, index) => {
    const decoded = decodeSessionRequest(frame);
    assert.deepEqual(decoded, { ok: true, message: { ...message, requestId: index } });
  });
});
