import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runHistory } from "../run.js";

const PACKAGES = fileURLToPath(new URL("../../../../packages", import.meta.url));
const RECORD_PATH = join(PACKAGES, "sim", "src", "hunt", "trace-hashes.ts");
/** What a history depends on. */
const PLAYED_PACKAGES = ["core", "protocol", "sim"] as const;
/** Not played: tests, and what only hunts. */
const LEFT_OUT = /\.(test|bench|fixture|support)\.ts$|^sim\/src\/(hunt|mutants|scenarios)\//;
export const HASHED_SEEDS = [1, 2, 3] as const;

/** A fingerprint of the sources that histories depend on, equal on every machine. */
export function sourcesFingerprint(): string {
  const hash = createHash("sha256");
  const files = PLAYED_PACKAGES.flatMap((name) => sourcesIn(join(name, "src")));
  for (const file of files.sort()) {
    if (LEFT_OUT.test(file)) continue;
    hash.update(`${file}\n`).update(readFileSync(join(PACKAGES, file), "utf8"));
  }
  return hash.digest("hex").slice(0, 16);
}

/** Writes the trace hashes of the sources as they are. Returns what it wrote. */
export function recordHashes(): string {
  const bySeed = HASHED_SEEDS.map((seed) => `    ${seed}: ${runHistory(seed).traceHash},`);
  const text = readFileSync(RECORD_PATH, "utf8");
  const start = text.indexOf("export const");
  const record = [
    "export const TRACE_HASHES = {",
    `  sources: "${sourcesFingerprint()}",`,
    "  bySeed: {",
    ...bySeed,
    "  } as Readonly<Record<number, number>>,",
    "};",
    "",
  ].join("\n");
  writeFileSync(RECORD_PATH, text.slice(0, start) + record);
  return record;
}

function sourcesIn(folder: string): string[] {
  return readdirSync(join(PACKAGES, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder.replaceAll("\\", "/")}/${entry.name}`;
    if (entry.isDirectory()) return sourcesIn(path);
    return entry.name.endsWith(".ts") ? [path] : [];
  });
}
