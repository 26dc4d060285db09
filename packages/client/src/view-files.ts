/**
 * The last good views on disk, so that a process that starts while no server answers finds its
 * services all the same (P8).
 *
 * A folder per namespace, a file per service: processes that share the folder replace each other's
 * files whole and never half. A file is a magic line, the SHA-256 of the rest, and snapshot parts
 * as frames of the session protocol, each behind its length (uint32, big endian). Written beside
 * and renamed; a file that does not check is set aside and said, never believed.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  DELTA_MAX_BYTES,
  type RecordGroup,
  RegistryError,
  SESSION_WATCH_COUNT_MAX,
  type SnapshotMessage,
} from "@fpzk/core";
import { decodeSessionMessage, encodeSessionMessage } from "@fpzk/protocol";
import type { ClientNote } from "./api.js";

const MAGIC = Buffer.from("FPZK view 1\n");
const CHECKSUM_BYTES = 32;
const FILE_SUFFIX = ".view";
const FILE_MAX_BYTES = 1024 * 1024 * 1024;
/** Bytes of a record beside its body, about. */
const RECORD_OVERHEAD_BYTES = 100;

type Note = (note: ClientNote) => void;

export class ViewFiles {
  readonly #folder: string;
  readonly #note: Note;
  /** The newest content to write per service; a service that is in `#writing` is being written. */
  readonly #wanted = new Map<string, SnapshotMessage>();
  readonly #writing = new Map<string, Promise<void>>();

  constructor(directory: string, namespace: string, note: Note) {
    this.#folder = join(directory, `ns-${fileNameOf(namespace)}`);
    this.#note = note;
  }

  /** Every saved view by service. Files that do not check are set aside. */
  async load(): Promise<Map<string, SnapshotMessage>> {
    const views = new Map<string, SnapshotMessage>();
    let names: string[];
    try {
      names = await readdir(this.#folder);
    } catch {
      return views;
    }
    const saved = names.filter((name) => name.endsWith(FILE_SUFFIX)).sort();
    for (const name of saved.slice(0, SESSION_WATCH_COUNT_MAX)) {
      const path = join(this.#folder, name);
      try {
        const view = decodeView(await readFile(path));
        views.set(view.service, view);
      } catch (fault) {
        await this.#setAside(path, fault);
      }
    }
    return views;
  }

  /** Writes the view; while one is being written only the newest waits. Never rejects. */
  save(view: SnapshotMessage): void {
    this.#wanted.set(view.service, view);
    if (this.#writing.has(view.service)) return;
    this.#writing.set(view.service, this.#writeWanted(view.service));
  }

  /** Resolves when everything is written. */
  async flush(): Promise<void> {
    await Promise.all(this.#writing.values());
  }

  async #writeWanted(service: string): Promise<void> {
    let view = this.#wanted.get(service);
    while (view !== undefined) {
      this.#wanted.delete(service);
      try {
        await this.#write(view);
      } catch (fault) {
        const fields = { service, cause: RegistryError.from(fault).message };
        this.#note({ level: "warn", event: "client.save-failed", fields });
      }
      view = this.#wanted.get(service);
    }
    // In the same turn as the look above: no save can slip in between.
    this.#writing.delete(service);
  }

  async #write(view: SnapshotMessage): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const path = join(this.#folder, `${fileNameOf(view.service)}${FILE_SUFFIX}`);
    const besides = `${path}.${randomBytes(6).toString("hex")}.tmp`;
    try {
      const file = await open(besides, "wx", 0o600);
      try {
        await file.writeFile(encodeView(view));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(besides, path);
    } catch (fault) {
      await rm(besides, { force: true });
      throw fault;
    }
  }

  async #setAside(path: string, fault: unknown): Promise<void> {
    const cause = RegistryError.from(fault).message;
    this.#note({ level: "warn", event: "client.saved-view-refused", fields: { path, cause } });
    try {
      await rename(path, `${path}.corrupt`);
    } catch {
      // Read-only or gone: it was not believed, and that is all that matters.
    }
  }
}

/** The bytes of a file. */
export function encodeView(view: SnapshotMessage): Buffer {
  const frames = splitParts(view).map((part) => encodeSessionMessage(part));
  const chunks = frames.flatMap((frame) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(frame.length);
    return [length, frame];
  });
  const payload = Buffer.concat(chunks);
  return Buffer.concat([MAGIC, createHash("sha256").update(payload).digest(), payload]);
}

/** The view in a file. Throws for anything that {@link encodeView} did not make. */
export function decodeView(bytes: Buffer): SnapshotMessage {
  const payloadOffset = MAGIC.length + CHECKSUM_BYTES;
  if (bytes.length > FILE_MAX_BYTES) throw new Error(`more than ${FILE_MAX_BYTES} bytes`);
  if (bytes.length < payloadOffset || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new Error("not a saved view of this version");
  }
  const payload = bytes.subarray(payloadOffset);
  const checksum = createHash("sha256").update(payload).digest();
  if (!checksum.equals(bytes.subarray(MAGIC.length, payloadOffset))) {
    throw new Error("checksum differs");
  }
  const groups: RecordGroup[] = [];
  let offset = 0;
  while (offset < payload.length) {
    const length = payload.readUInt32BE(offset);
    const decoded = decodeSessionMessage(payload.subarray(offset + 4, offset + 4 + length));
    offset += 4 + length;
    if (!decoded.ok) throw new Error(decoded.refusal.message);
    const { message } = decoded;
    if (message.type !== "snapshot") throw new Error(`holds a message of type ${message.type}`);
    groups.push(...message.groups);
    if (message.isFinal) return { ...message, groups };
  }
  throw new Error("ends without its final part");
}

/** Parts that each fit a frame; the last one is final. */
function splitParts(view: SnapshotMessage): SnapshotMessage[] {
  const parts: SnapshotMessage[] = [];
  let groups: RecordGroup[] = [];
  let byteCount = 0;
  for (const { origin, records } of view.groups) {
    let from = 0;
    records.forEach((record, index) => {
      byteCount += record.body.length + record.id.length + RECORD_OVERHEAD_BYTES;
      if (byteCount < DELTA_MAX_BYTES) return;
      groups.push({ origin, records: records.slice(from, index + 1) });
      parts.push({ ...view, isFinal: false, groups, position: [] });
      from = index + 1;
      groups = [];
      byteCount = 0;
    });
    if (from < records.length) groups.push({ origin, records: records.slice(from) });
  }
  parts.push({ ...view, isFinal: true, groups });
  return parts;
}

/** A name as a file name: readable where it can be, its hash where it is too long. */
function fileNameOf(name: string): string {
  const encoded = encodeURIComponent(name).replaceAll("*", "%2A").replaceAll(".", "%2E");
  if (encoded.length <= 150) return encoded;
  return `sha256-${createHash("sha256").update(name).digest("hex")}`;
}
