/**
 * The last good route sets on disk, so that a proxy which starts while no registry answers routes
 * as it did before (P8), also where what came last could not be followed.
 *
 * A file is the SHA-256 of the rest on a line of its own, and JSON. Written beside and renamed, so
 * that processes that share it replace it whole and never half. What does not check is not
 * believed.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { type Route, readRoutes } from "@fpzk/core";

/** A route set that was followed. */
export interface KeptRouteSet {
  readonly name: string;
  readonly routes: readonly Route[];
}

const FILE_MAX_BYTES = 16 * 1024 * 1024;

/** The route sets in a file, none when there is no file, or why it is not believed. */
export async function loadRouteFile(path: string): Promise<readonly KeptRouteSet[] | string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? [] : message;
  }
  if (bytes.length > FILE_MAX_BYTES) return `${path} has more than ${FILE_MAX_BYTES} bytes`;
  const text = bytes.toString();
  const end = text.indexOf("\n");
  const content = text.slice(end + 1);
  if (end < 0 || text.slice(0, end) !== sumOf(content)) return `${path}: its checksum differs`;
  return readSets(content) ?? `${path} is not of this version`;
}

export async function saveRouteFile(path: string, sets: readonly KeptRouteSet[]): Promise<void> {
  const kept = sets.map(({ name, routes }) => ({ name, routes }));
  const content = JSON.stringify({ form: 1, sets: kept });
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const besides = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const file = await open(besides, "wx", 0o600);
    try {
      await file.writeFile(`${sumOf(content)}\n${content}`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(besides, path);
  } catch (error) {
    await rm(besides, { force: true });
    throw error;
  }
}

/** Undefined when a version that knows more, or less, has written it. */
function readSets(content: string): readonly KeptRouteSet[] | undefined {
  try {
    const { form, sets } = JSON.parse(content) as { form: unknown; sets: unknown };
    if (form !== 1 || !Array.isArray(sets)) return undefined;
    const kept = (sets as { name: unknown; routes: unknown }[]).map(({ name, routes: given }) => {
      const { routes, faults } = readRoutes(given, { allowsNamespace: false });
      return faults.length === 0 && typeof name === "string" ? { name, routes } : undefined;
    });
    return kept.every((set) => set !== undefined) ? kept : undefined;
  } catch {
    return undefined;
  }
}

function sumOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
