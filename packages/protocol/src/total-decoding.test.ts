/** Whatever bytes come: a message or a refusal, quickly, never an exception. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { Packr } from "msgpackr/pack";
import * as arbitraries from "./arbitraries.fixture.js";
import { findFrameFault } from "./frame.js";
import {
  decodeInstanceDescription,
  decodeNodeDescription,
  decodeOverrideDescription,
  decodePeerMessage,
  decodeSessionMessage,
  decodeSessionRequest,
  encodeInstanceDescription,
  encodePeerMessage,
  encodeSessionMessage,
  encodeSessionRequest,
} from "./index.js";

type Outcome = { readonly ok: boolean; readonly refusal?: { code: string; message: string } };

const DECODERS: readonly ((bytes: Uint8Array) => Outcome)[] = [
  decodeSessionRequest,
  decodeSessionMessage,
  decodePeerMessage,
  decodeInstanceDescription,
  decodeNodeDescription,
  decodeOverrideDescription,
];

/** Decodes with everything; a refusal must be about the input, not about a bug of a decoder. */
function check(bytes: Uint8Array): void {
  for (const decode of DECODERS) {
    const outcome = decode(bytes);
    if (outcome.ok) continue;
    assert.notEqual(outcome.refusal?.code, "internal", outcome.refusal?.message);
    assert.ok((outcome.refusal?.message.length ?? 0) < 1_000);
  }
}

function refusalOf(bytes: Uint8Array, decode = DECODERS[0]!): string {
  const outcome = decode(bytes);
  assert.equal(outcome.ok, false);
  return outcome.refusal?.message ?? "";
}

test("random bytes are refused or read", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), check), { numRuns: 3_000 });
});

test("random values in an array with a known type number are refused or read", () => {
  const packr = new Packr({ useRecords: false });
  const value = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    maxDepth: 4,
  });
  const type = fc.constantFrom(...range(1, 10), ...range(32, 42), ...range(64, 67), 96, 97, 98);
  fc.assert(
    fc.property(type, fc.array(value, { maxLength: 9 }), (number, values) => {
      let bytes: Uint8Array;
      try {
        bytes = packr.pack([number, ...values]);
      } catch {
        return; // msgpackr cannot write every value: a symbol, a bigint beyond 64 bits
      }
      check(bytes);
    }),
    { numRuns: 3_000 },
  );
});

test("valid frames with changed, lost and added bytes are refused or read", () => {
  const frame = fc.oneof(
    arbitraries.sessionRequest.map(encodeSessionRequest),
    arbitraries.sessionMessage.map(encodeSessionMessage),
    arbitraries.peerMessage.map(encodePeerMessage),
    arbitraries.instanceDescription.map(encodeInstanceDescription),
  );
  const change = fc.record({
    at: fc.nat(),
    byte: fc.nat({ max: 255 }),
    kind: fc.constantFrom("set", "cut", "insert"),
  });
  fc.assert(
    fc.property(frame, fc.array(change, { minLength: 1, maxLength: 4 }), (valid, changes) => {
      let bytes = [...valid];
      for (const { at, byte, kind } of changes) {
        const position = at % (bytes.length + 1);
        if (kind === "set") bytes[position] = byte;
        else if (kind === "cut") bytes = bytes.slice(0, position);
        else bytes.splice(position, 0, byte);
      }
      check(Uint8Array.from(bytes));
    }),
    { numRuns: 5_000 },
  );
});

test("every prefix of a frame is refused", () => {
  fc.assert(
    fc.property(arbitraries.peerMessage.map(encodePeerMessage), fc.nat(), (bytes, cut) => {
      const outcome = decodePeerMessage(bytes.slice(0, cut % bytes.length));
      assert.equal(outcome.ok, false);
      assert.match(outcome.refusal.message, /offset \d+/);
    }),
  );
});

test("texts that are no UTF-8 do not shift what follows", () => {
  const invalid = fc.uint8Array({ minLength: 1, maxLength: 90 });
  fc.assert(
    fc.property(invalid, fc.nat(), (text, requestId) => {
      const head = text.length < 32 ? [0xa0 | text.length] : [0xd9, text.length];
      const bytes = Uint8Array.from([0x95, 36, 7, 2, ...head, ...text, 0xcd, 0x80, 0x80]);
      const outcome = decodeSessionMessage(bytes);
      if (!outcome.ok) assert.doesNotMatch(outcome.refusal.message, /cannot be read/);
      assert.ok(outcome.ok && outcome.message.type === "refused");
      const name = Uint8Array.from([0x93, 7, requestId % 128, ...head, ...text]);
      const query = decodeSessionRequest(name);
      // What is read as a name is a name: it comes back when it is written.
      if (!query.ok) return;
      const again = decodeSessionRequest(encodeSessionRequest(query.message));
      assert.deepEqual(again, query);
    }),
    { numRuns: 2_000 },
  );
});

test("additions at the end of a message are ignored", () => {
  const packr = new Packr({ useRecords: false });
  const bytes = packr.pack([7, 1, "orders", "added", [1, [2]], null]);
  assert.deepEqual(decodeSessionRequest(bytes), {
    ok: true,
    message: { type: "query", requestId: 1, service: "orders" },
  });
});

test("missing values at the end take their defaults", () => {
  const packr = new Packr({ useRecords: false });
  const decoded = decodeSessionRequest(packr.pack([5, 1, "orders"]));
  assert.deepEqual(decoded, {
    ok: true,
    message: {
      type: "watch",
      requestId: 1,
      service: "orders",
      position: [],
      digest: { high: 0, low: 0 },
    },
  });
  assert.match(refusalOf(packr.pack([5, 1])), /watch: service undefined must be a text/);
});

test("hostile shapes are refused with their offset before they are decoded", () => {
  const cases: readonly [string, readonly number[], RegExp][] = [
    ["nothing", [], /offset 0: the frame is empty/],
    ["a map", [0x81, 0xa1, 0x61, 0x01], /offset 0: byte 0x81 must begin an array/],
    ["a map within", [0x92, 7, 0x80], /offset 2: byte 0x80 is a map/],
    ["map 32", [0x92, 7, 0xdf, 0xff, 0xff, 0xff, 0xff], /offset 2: byte 0xdf is a map/],
    ["an array of 2^32-1", [0xdd, 0xff, 0xff, 0xff, 0xff], /array length 4294967295/],
    ["an array of 2^16-1", [0x92, 7, 0xdc, 0xff, 0xff], /offset 2: array length 65535/],
    ["a text of 4 GB", [0x92, 7, 0xdb, 0xff, 0xff, 0xff, 0xff], /goes beyond/],
    ["bytes of 4 GB", [0x92, 7, 0xc6, 0xff, 0xff, 0xff, 0xff], /goes beyond/],
    ["a length that is cut", [0x92, 7, 0xdb, 0xff], /goes beyond/],
    ["an array length that is cut", [0x92, 7, 0xdd, 0x00], /goes beyond/],
    ["a timestamp", [0x92, 7, 0xd6, 0xff, 0, 0, 0, 0], /0xd6 is a map, an extension/],
    ["a record definition", [0x92, 7, 0xd4, 0x72, 0x40], /0xd4/],
    ["ext 8", [0x92, 7, 0xc7, 0, 1], /0xc7/],
    ["the byte that is never used", [0x92, 7, 0xc1], /0xc1/],
    ["an integer above 2^53", [0x92, 7, 0xcf, 0, 0x20, 0, 0, 0, 0, 0, 0], /9007199254740991/],
    ["a negative int 64", [0x92, 7, 0xd3, 255, 255, 255, 255, 255, 255, 255, 255], /integer/],
    ["arrays within arrays", [...Array<number>(9).fill(0x91), 0xc0], /offset 8: array depth 9/],
    ["two values", [0x91, 10, 0x91, 10], /offset 2: bytes after/],
    ["too few values", [0x93, 7, 0xcd, 0, 0], /offset 5: the frame ends/],
  ];
  for (const [name, bytes, expected] of cases) {
    const frame = Uint8Array.from(bytes);
    assert.match(findFrameFault(frame) ?? "accepted", expected, name);
    for (const decode of DECODERS) assert.match(refusalOf(frame, decode), expected, name);
  }
});

test("a megabyte of nested arrays costs no recursion and no memory", () => {
  const bytes = new Uint8Array(1024 * 1024).fill(0x91);
  assert.match(refusalOf(bytes), /array depth/);
  const flat = new Uint8Array(4 * 1024 * 1024).fill(0xc0);
  flat.set([0xdd, 0x00, 0x3f, 0xff, 0xfb]);
  assert.match(refusalOf(flat), /more than 65536 values in one frame/);
});

test("a frame above the bound is refused by its size alone", () => {
  const outcome = decodeSessionRequest(new Uint8Array(101), 100);
  assert.deepEqual(outcome, {
    ok: false,
    refusal: {
      code: "resource_exhausted",
      message: "session request: 101 bytes must be <= 100",
    },
  });
});

test("integers decode to numbers however they are written", () => {
  const forms = [
    [0x07],
    [0xcc, 7],
    [0xcd, 0, 7],
    [0xce, 0, 0, 0, 7],
    [0xcf, 0, 0, 0, 0, 0, 0, 0, 7],
    [0xd0, 7],
    [0xd1, 0, 7],
    [0xd2, 0, 0, 0, 7],
    [0xd3, 0, 0, 0, 0, 0, 0, 0, 7],
    [0xca, 0x40, 0xe0, 0, 0],
    [0xcb, 0x40, 0x1c, 0, 0, 0, 0, 0, 0],
  ];
  for (const form of forms) {
    const outcome = decodeSessionMessage(Uint8Array.from([0x92, 35, ...form]));
    assert.deepEqual(outcome, { ok: true, message: { type: "done", requestId: 7 } });
  }
  const largest = [0xcf, 0, 0x1f, 255, 255, 255, 255, 255, 255];
  const outcome = decodeSessionMessage(Uint8Array.from([0x92, 35, ...largest]));
  assert.equal(
    outcome.ok && outcome.message.type === "done" && outcome.message.requestId,
    2 ** 53 - 1,
  );
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
