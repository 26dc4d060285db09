/** The number that rises at each start of a node, also when the wall clock was set back. */
import { mkdir, open, readFile, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import type { Logger } from "./logger.js";

/**
 * Takes the next generation and stores it before it is used.
 *
 * Without a file the wall clock alone decides. A file that cannot be read or written counts as
 * none, and the log says so: the wall clock is above any earlier start's unless it was set back,
 * and even then the node finds out by its peers. A full disk keeps no node from serving.
 */
export async function nextGeneration(
  path: string | undefined,
  wallMs: number,
  logger: Logger,
): Promise<number> {
  if (path === undefined) return wallMs;
  const stored = await readStored(path, logger);
  const generation = Math.max(stored + 1, wallMs);
  try {
    await store(path, generation);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    logger.error("generation.not-stored", { path, generation, error: detail });
  }
  return generation;
}

async function store(path: string, generation: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.tmp-${process.pid}`;
  const file = await open(temporary, "w", 0o600);
  try {
    try {
      await file.writeFile(`${JSON.stringify({ generation })}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
}

async function readStored(path: string, logger: Logger): Promise<number> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    const generation = (value as { generation?: unknown } | null)?.generation;
    if (typeof generation === "number" && Number.isSafeInteger(generation) && generation >= 0) {
      return generation;
    }
    throw new Error("the file holds no generation");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    const detail = error instanceof Error ? error.message : String(error);
    logger.warn("generation.unreadable", { path, error: detail });
    return 0;
  }
}
