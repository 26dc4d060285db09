/**
 * The last good views on disk, so that a process that starts while no server answers finds its
 * services all the same (P8).
 *
 * A folder per namespace, a file per service: processes that share the folder replace each other's
 * files whole and never half. A file is a saved view with a SHA-256. Written beside and renamed; a
 * file that does not check is set aside and said, never believed.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { RegistryError, type SavedView, SESSION_WATCH_COUNT_MAX } from "@fpzk/core";
import { decodeSavedView, encodeSavedView } from "@fpzk/protocol";
import type { ClientNote } from "./api.js";

const FILE_SUFFIX = ".view";

type Note = (note: ClientNote) => void;

export class ViewFiles {
  readonly #folder: string;
  readonly #note: Note;
  /** The newest content to write per service; a service that is in `#writing` is being written. */
  readonly #wanted = new Map<string, SavedView>();
  readonly #writing = new Map<string, Promise<void>>();

  constructor(directory: string, namespace: string, note: Note) {
    this.#folder = join(directory, `ns-${fileNameOf(namespace)}`);
    this.#note = note;
  }

  /** Every saved view by service. Files that do not check are set aside. */
  async load(): Promise<Map<string, SavedView>> {
    const views = new Map<string, SavedView>();
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
        const view = decodeSavedView(await readFile(path), sha256);
        views.set(view.service, view);
      } catch (fault) {
        await this.#setAside(path, fault);
      }
    }
    return views;
  }

  /** Writes the view; while one is being written only the newest waits. Never rejects. */
  save(view: SavedView): void {
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

  async #write(view: SavedView): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const path = join(this.#folder, `${fileNameOf(view.service)}${FILE_SUFFIX}`);
    const besides = `${path}.${randomBytes(6).toString("hex")}.tmp`;
    try {
      const file = await open(besides, "wx", 0o600);
      try {
        await file.writeFile(encodeSavedView(view, sha256));
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

/** A name as a file name: readable where it can be, its hash where it is too long. */
function fileNameOf(name: string): string {
  const encoded = encodeURIComponent(name).replaceAll("*", "%2A").replaceAll(".", "%2E");
  if (encoded.length <= 150) return encoded;
  return `sha256-${createHash("sha256").update(name).digest("hex")}`;
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}
