/** What a node keeps on disk: its generation and, from time to time, its table. */
import { mkdir, readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import {
  parseSnapshot,
  type SnapshotSource,
  snapshotChunks,
  type TableSnapshot,
} from "@fpzk/protocol";
import { nextGeneration } from "./generation-file.js";
import type { Logger } from "./logger.js";
import type { ServerCounters } from "./server-counters.js";
import { readSnapshotFile, setAside, writeSnapshotFile } from "./snapshot-file.js";

const GENERATION_FILE = "generation.json";
const SNAPSHOT_FILE = "table.snapshot";
/** Broken snapshots that are kept for people to look at: the newest. */
const SET_ASIDE_COUNT_MAX = 3;
/** Pause after a snapshot per time it took: snapshots of a full table must not fill a core. */
const REST_RATIO = 20;

/** What a start finds. */
export interface StoredState {
  readonly generation: number;
  readonly snapshot: TableSnapshot | undefined;
}

/** Takes the next generation and reads the last snapshot; a broken one is set aside. */
export async function openDataDirectory(
  directory: string | undefined,
  wallMs: number,
  logger: Logger,
): Promise<StoredState> {
  if (directory === undefined) return { generation: wallMs, snapshot: undefined };
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await removeLeftovers(directory);
  const generation = await nextGeneration(join(directory, GENERATION_FILE), wallMs, logger);
  const path = join(directory, SNAPSHOT_FILE);
  const result = await readSnapshotFile(path, wallMs);
  if (result.kind === "missing") return { generation, snapshot: undefined };
  if (result.kind === "corrupt") {
    logger.warn("snapshot.corrupt", { path, reason: result.reason, movedTo: result.movedTo });
    return { generation, snapshot: undefined };
  }
  const snapshot = parseSnapshot(result.chunks);
  if (typeof snapshot === "string") {
    await setAside(path, wallMs, snapshot);
    logger.warn("snapshot.corrupt", { path, reason: snapshot });
    return { generation, snapshot: undefined };
  }
  return { generation, snapshot };
}

/** Removes what earlier lives were killed in the middle of, and all but the newest set aside. */
async function removeLeftovers(directory: string): Promise<void> {
  const names = await readdir(directory);
  const unfinished = names.filter((name) =>
    [GENERATION_FILE, SNAPSHOT_FILE].some((file) => name.startsWith(`${file}.tmp-`)),
  );
  const setAsides = names.filter((name) => name.startsWith(`${SNAPSHOT_FILE}.corrupt-`)).sort();
  // The one that this start may set aside comes on top.
  const surplus = setAsides.slice(0, Math.max(0, setAsides.length - SET_ASIDE_COUNT_MAX + 1));
  for (const name of [...unfinished, ...surplus]) {
    // What cannot be removed is no harm to this start.
    await unlink(join(directory, name)).catch(() => {});
  }
}

/** Writes snapshots while the node runs, one at a time. */
export class SnapshotWriter {
  readonly #path: string;
  readonly #source: SnapshotSource;
  readonly #counters: ServerCounters;
  readonly #logger: Logger;
  readonly #intervalMs: number;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #isAbandoned = false;
  #running: Promise<void> | undefined;

  constructor(
    directory: string,
    intervalMs: number,
    source: SnapshotSource,
    counters: ServerCounters,
    logger: Logger,
  ) {
    this.#path = join(directory, SNAPSHOT_FILE);
    this.#source = source;
    this.#counters = counters;
    this.#logger = logger;
    this.#intervalMs = intervalMs;
    this.#plan(intervalMs);
  }

  /** Never rejects: a disk that fails costs the snapshot, not the node. */
  write(): Promise<void> {
    this.#running ??= this.#write().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Writes no more: what the table holds is not to be trusted. */
  abandon(): void {
    this.#isClosed = true;
    this.#isAbandoned = true;
    clearTimeout(this.#timer);
  }

  /** Writes a last one. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#running;
    if (this.#isAbandoned) return;
    await this.write();
  }

  async #write(): Promise<void> {
    const startMs = performance.now();
    try {
      const byteCount = await writeSnapshotFile(this.#path, snapshotChunks(this.#source));
      this.#counters.snapshotCount += 1;
      const elapsedMs = Math.round(performance.now() - startMs);
      this.#logger.debug("snapshot.written", { byteCount, elapsedMs });
    } catch (error) {
      this.#counters.snapshotFailureCount += 1;
      const detail = error instanceof Error ? error.message : String(error);
      this.#logger.error("snapshot.failed", { path: this.#path, error: detail });
    }
    this.#plan(Math.max(this.#intervalMs, (performance.now() - startMs) * REST_RATIO));
  }

  #plan(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.write(), delayMs);
    this.#timer.unref();
  }
}
