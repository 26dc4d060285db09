/**
 * Chunks as the bytes of a file that is either whole or refused.
 *
 * Layout: magic, then chunks (u32 length, bytes), a zero length, and a checksum of all before. What
 * is in a chunk is the caller's business. Where the bytes come from and go to, and which checksum
 * it is (SHA-256 on disks), is the driver's.
 */

/** The checksum of bytes: {@link CHECKSUM_BYTES} of them. */
export type ChecksumOf = (bytes: Uint8Array) => Uint8Array;

export const CHECKSUM_BYTES = 32;
const MAGIC = Uint8Array.from("FPZKSNAP\u0001\n", (letter) => letter.charCodeAt(0));
const LENGTH_BYTES = 4;

/** The bytes of a file but for the checksum of them all, piece by piece. */
export function* chunkFilePieces(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  yield MAGIC;
  for (const chunk of chunks) {
    const piece = new Uint8Array(LENGTH_BYTES + chunk.length);
    new DataView(piece.buffer).setUint32(0, chunk.length);
    piece.set(chunk, LENGTH_BYTES);
    yield piece;
  }
  yield new Uint8Array(LENGTH_BYTES);
}

/** The chunks of a file as views into it, or why there are none. */
export function readChunkFile(bytes: Uint8Array, checksumOf: ChecksumOf): Uint8Array[] | string {
  if (bytes.length < MAGIC.length + LENGTH_BYTES + CHECKSUM_BYTES) {
    return `${bytes.length} bytes are too few`;
  }
  if (!isEqual(bytes.subarray(0, MAGIC.length), MAGIC)) {
    return "the file does not start as a snapshot";
  }
  const bodyEnd = bytes.length - CHECKSUM_BYTES;
  if (!isEqual(checksumOf(bytes.subarray(0, bodyEnd)), bytes.subarray(bodyEnd))) {
    return "the checksum does not match";
  }
  const heads = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Uint8Array[] = [];
  let at = MAGIC.length;
  while (at + LENGTH_BYTES <= bodyEnd) {
    const length = heads.getUint32(at);
    at += LENGTH_BYTES;
    if (length === 0) return at === bodyEnd ? chunks : `bytes after the end mark at ${at}`;
    if (at + length > bodyEnd) return `chunk of ${length} bytes at ${at} ends after the file`;
    chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return "the end mark is missing";
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
