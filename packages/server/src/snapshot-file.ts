/**
 * A file of chunks that is either whole or not there.
 *
 * A chunk file with a SHA-256, written to a temporary name, synced and renamed, so that a crash
 * leaves the old file. What is in a chunk is the caller's business.
 */
import { createHash } from "node:crypto";
import { type FileHandle, open, readFile, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { CHECKSUM_BYTES, chunkFilePieces, readChunkFile } from "@fpzk/protocol";

export type SnapshotReadResult =
  | { readonly kind: "missing" }
  | { readonly kind: "corrupt"; readonly reason: string; readonly movedTo: string }
  | { readonly kind: "chunks"; readonly chunks: readonly Uint8Array[] };

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

/**
 * Reads and checks the file; a broken one is moved aside, so that the next start is not harmed.
 *
 * So is one of 2 GiB or more, which Node.js does not read at once.
 */
export async function readSnapshotFile(path: string, wallMs: number): Promise<SnapshotReadResult> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { kind: "missing" };
    return setAside(path, wallMs, error instanceof Error ? error.message : String(error));
  }
  const parsed = readChunkFile(bytes, sha256);
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
  for (const piece of chunkFilePieces(chunks)) {
    hash.update(piece);
    byteCount += piece.length;
    await file.writeFile(piece);
  }
  await file.writeFile(hash.digest());
  return byteCount + CHECKSUM_BYTES;
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}

/** Makes the rename itself durable; not every file system lets a directory be synced. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r").catch(() => undefined);
  await directory?.sync().catch(() => {});
  await directory?.close().catch(() => {});
}
