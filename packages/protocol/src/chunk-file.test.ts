import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { chunkFilePieces, readChunkFile } from "./chunk-file.js";

const checksumOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();

function fileOf(chunks: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat([...chunkFilePieces(chunks)]);
  return Buffer.concat([body, checksumOf(body)]);
}

test("chunks come back as they were", () => {
  const chunk = fc.uint8Array({ minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 20 }), (chunks) => {
      const read = readChunkFile(fileOf(chunks), checksumOf);
      assert.ok(typeof read !== "string");
      assert.deepEqual(
        read.map((each) => [...each]),
        chunks.map((each) => [...each]),
      );
    }),
  );
});

test("any cut and any flipped bit is noticed", () => {
  const good = fileOf([Buffer.from("hello"), Buffer.from("world")]);
  for (let at = 0; at < good.length; at += 1) {
    const flipped = Buffer.from(good);
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    assert.equal(typeof readChunkFile(flipped, checksumOf), "string", `byte ${at}`);
    assert.equal(typeof readChunkFile(good.subarray(0, at), checksumOf), "string", `cut ${at}`);
  }
});

test("a good checksum over a bad layout is refused with its offset", () => {
  const withChecksum = (body: Buffer) => Buffer.concat([body, checksumOf(body)]);
  const body = Buffer.concat([...chunkFilePieces([Buffer.from("hello")])]);
  const withoutEnd = withChecksum(body.subarray(0, -4));
  assert.equal(readChunkFile(withoutEnd, checksumOf), "the end mark is missing");
  const withMore = withChecksum(Buffer.concat([body, Buffer.alloc(1)]));
  assert.match(String(readChunkFile(withMore, checksumOf)), /^bytes after the end mark at \d+$/);
  body.writeUInt32BE(1_000, 10);
  const tooLong = readChunkFile(withChecksum(body), checksumOf);
  assert.match(String(tooLong), /^chunk of 1000 bytes at \d+ ends after the file$/);
});
