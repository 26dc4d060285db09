/**
 * A file of chunks that is either whole or not there.
 *
 * Layout: magic, then chunks (u32 length, bytes), a zero length, and the SHA-256 of all before.
 * Written to a temporary name, synced and renamed, so that a crash leaves the old file. What is in
 * a chunk is the caller's business.
 */
import { createHash } from "node:crypto";
import { type FileHandle, open, readFile, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";

export type SnapshotReadResult =
  | { readonly kind: "missing" }
  | { readonly kind: "corrupt"; readonly reason: string; readonly movedTo: string }
  | { readonly kind: "chunks"; readonly chunks: readonly Uint8Array[] };

/** More than {@link RECORD_COUNT_MAX} records need, and below what a Buffer may hold. */
export const SNAPSHOT_FILE_MAX_BYTES = 2 * 1024 * 1024 * 1024;
const MAGIC = Buffer.from("FPZKSNAP\u0001\n", "latin1");
const HASH_BYTES = 32;

/**
 * Writes all chunks and puts the file in place.
 *
 * Between two chunks the event loop runs, so chunks are the slices of work: keep them small.
 *
 * @returns Bytes written.
 */
export async function writeSnapshotFile(
  path: string,
  chunks: Iterable<Uint8Array>,
): Promise<number> {
  const temporary = `${path}.tmp-${process.pid}`;
  const file = await open(temporary, "w", 0o600);
  let byteCount: number;
  try {
    byteCount = await writeChunks(file, chunks);
    await file.sync();
    await file.close();
  } catch (error) {
    await file.close().catch(() => {});
    await unlink(temporary).catch(() => {});
    throw error;
  }
  await rename(temporary, path);
  await syncDirectory(dirname(path));
  return byteCount;
}

/** Reads and checks the file; a broken one is moved aside, so that the next start is not harmed. */
export async function readSnapshotFile(path: string, wallMs: number): Promise<SnapshotReadResult> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { kind: "missing" };
    return setAside(path, wallMs, error instanceof Error ? error.message : String(error));
  }
  const parsed = parseChunks(bytes);
  if (typeof parsed === "string") return setAside(path, wallMs, parsed);
  return { kind: "chunks", chunks: parsed };
}

/** Moves a file that cannot be used aside, for people to look at. */
export async function setAside(
  path: string,
  wallMs: number,
  reason: string,
): Promise<SnapshotReadResult> {
  const movedTo = `${path}.corrupt-${wallMs}`;
  await rename(path, movedTo).catch(() => {});
  return { kind: "corrupt", reason, movedTo };
}

async function writeChunks(file: FileHandle, chunks: Iterable<Uint8Array>): Promise<number> {
  const hash = createHash("sha256");
  let byteCount = 0;
  const write = async (bytes: Uint8Array) => {
    hash.update(bytes);
    byteCount += bytes.length;
    await file.writeFile(bytes);
  };
  await write(MAGIC);
  for (const chunk of chunks) {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(chunk.length);
    await write(Buffer.concat([head, chunk]));
  }
  await write(Buffer.alloc(4));
  await file.writeFile(hash.digest());
  return byteCount + HASH_BYTES;
}

/** The chunks, or why there are none. */
function parseChunks(bytes: Buffer): Uint8Array[] | string {
  if (bytes.length < MAGIC.length + 4 + HASH_BYTES) return `${bytes.length} bytes are too few`;
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC))
    return "the file does not start as a snapshot";
  const bodyEnd = bytes.length - HASH_BYTES;
  const hash = createHash("sha256").update(bytes.subarray(0, bodyEnd)).digest();
  if (!hash.equals(bytes.subarray(bodyEnd))) return "the checksum does not match";
  const chunks: Uint8Array[] = [];
  let at = MAGIC.length;
  while (at + 4 <= bodyEnd) {
    const length = bytes.readUInt32BE(at);
    at += 4;
    if (length === 0) return at === bodyEnd ? chunks : `bytes after the end mark at ${at}`;
    if (at + length > bodyEnd) return `chunk of ${length} bytes at ${at} ends after the file`;
    chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return "the end mark is missing";
}

/** Makes the rename itself durable; not every file system lets a directory be synced. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r").catch(() => undefined);
  await directory?.sync().catch(() => {});
  await directory?.close().catch(() => {});
}
