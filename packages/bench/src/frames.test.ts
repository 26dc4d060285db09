import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameReader, maskedFrame } from "./frames.js";

/** A server's frame: not masked. */
function plainFrame(payload: Buffer): Buffer {
  const head =
    payload.length < 126
      ? Buffer.from([0x82, payload.length])
      : payload.length < 65_536
        ? Buffer.from([0x82, 126, payload.length >>> 8, payload.length & 255])
        : Buffer.concat([Buffer.from([0x82, 127]), uint64(payload.length)]);
  return Buffer.concat([head, payload]);
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(value, 4);
  return bytes;
}

test("frames come out as they went in, wherever the stream is cut", () => {
  const payloads = [0, 1, 125, 126, 300, 65_535, 65_536, 100_000, 3].map((length, index) =>
    Buffer.alloc(length, index + 1),
  );
  const stream = Buffer.concat(payloads.map(plainFrame));
  for (const step of [1, 7, 1_000, 65_536, stream.length]) {
    const seen: Buffer[] = [];
    const reader = new FrameReader((_, payload) => seen.push(Buffer.from(payload)));
    for (let at = 0; at < stream.length; at += step) reader.push(stream.subarray(at, at + step));
    assert.deepEqual(seen, payloads, `cut each ${step} bytes`);
  }
});

test("a client's frame is masked and unmasks to its payload", () => {
  for (const length of [5, 200, 70_000]) {
    const payload = Buffer.alloc(length, 7);
    const frame = maskedFrame(payload);
    const headBytes = length < 126 ? 2 : length < 65_536 ? 4 : 10;
    const mask = frame.subarray(headBytes, headBytes + 4);
    const unmasked = frame.subarray(headBytes + 4).map((byte, index) => byte ^ mask[index & 3]!);
    assert.deepEqual(Buffer.from(unmasked), payload);
    assert.equal(frame[1]! & 0x80, 0x80);
  }
});
