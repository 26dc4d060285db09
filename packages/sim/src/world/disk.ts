/** What of a process survives its end: files, in the forms that servers and clients give them. */
import {
  type DigestEntry,
  hashBytes,
  type RegistryNode,
  type RegistryRecord,
  type SavedView,
} from "@fpzk/core";
import {
  CHECKSUM_BYTES,
  chunkFilePieces,
  decodeSavedView,
  encodeSavedView,
  parseSnapshot,
  readChunkFile,
  snapshotChunks,
} from "@fpzk/protocol";

/** What a disk does to a file. */
export const Damage = { torn: "torn", corrupt: "corrupt" } as const;
export type Damage = (typeof Damage)[keyof typeof Damage];

export class Disk {
  /** The last generation that a node took; 0 before the first. */
  #generation = 0;
  #table: Uint8Array | undefined;
  readonly #views = new Map<string, Uint8Array>();

  /** The next generation, above all earlier ones whatever the wall clock says. */
  takeGeneration(wallMs: number): number {
    this.#generation = Math.max(this.#generation + 1, Math.floor(wallMs));
    return this.#generation;
  }

  saveTable(node: RegistryNode): void {
    const body = concat([
      ...chunkFilePieces(
        map(
          snapshotChunks({ table: node.table, digest: () => node.digest() }),
          (chunk: Uint8Array) => chunk.slice(),
        ),
      ),
    ]);
    this.#table = concat([body, checksumOf(body)]);
  }

  /** What the last save holds, if there is one that checks. */
  loadTable():
    | { readonly records: Iterable<RegistryRecord>; readonly entries: readonly DigestEntry[] }
    | undefined {
    if (this.#table === undefined) return undefined;
    const chunks = readChunkFile(this.#table, checksumOf);
    const snapshot = typeof chunks === "string" ? chunks : parseSnapshot(chunks);
    return typeof snapshot === "string" ? undefined : snapshot;
  }

  saveView(service: string, view: SavedView): void {
    this.#views.set(service, encodeSavedView(view, checksumOf));
  }

  loadView(service: string): SavedView | undefined {
    const bytes = this.#views.get(service);
    if (bytes === undefined) return undefined;
    try {
      return decodeSavedView(bytes, checksumOf);
    } catch {
      return undefined;
    }
  }

  /** Damages every file but the generation; `place`, 0 to 1, says where. */
  damage(kind: Damage, place: number): void {
    const spoil = (bytes: Uint8Array): Uint8Array => {
      const at = Math.floor(place * bytes.length);
      if (kind === Damage.torn) return bytes.slice(0, at);
      const spoilt = bytes.slice();
      spoilt[at] = (spoilt[at] ?? 0) ^ 0x10;
      return spoilt;
    };
    if (this.#table !== undefined) this.#table = spoil(this.#table);
    for (const [service, bytes] of this.#views) this.#views.set(service, spoil(bytes));
  }

  /** Nothing is left. */
  wipe(): void {
    this.#generation = 0;
    this.#table = undefined;
    this.#views.clear();
  }
}

/** Stands for SHA-256, which a browser has only asynchronously. */
function checksumOf(bytes: Uint8Array): Uint8Array {
  const checksum = new Uint8Array(CHECKSUM_BYTES);
  const words = new DataView(checksum.buffer);
  words.setUint32(0, hashBytes(bytes, 1));
  words.setUint32(4, hashBytes(bytes, 2));
  return checksum;
}

function* map<Value, Result>(
  values: Iterable<Value>,
  change: (value: Value) => Result,
): Generator<Result> {
  for (const value of values) yield change(value);
}

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const byteCount = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const bytes = new Uint8Array(byteCount);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
