/** Findings as files, each with the command that replays it; and the corpus of old ones. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Finding } from "./engine/campaign.js";

/** What was found once and is mended: replayed by `npm test`, and where campaigns begin. */
const CORPUS = fileURLToPath(new URL("../corpus", import.meta.url));

export interface CorpusEntry {
  readonly name: string;
  readonly input: Uint8Array;
}

/** Inputs of a target that once failed. */
export function corpusOf(target: string): CorpusEntry[] {
  const folder = join(CORPUS, target);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => ({ name, input: Uint8Array.from(readFileSync(join(folder, name))) }));
}

/** Names of targets that have a corpus. */
export function corpusTargets(): string[] {
  return existsSync(CORPUS) ? readdirSync(CORPUS).sort() : [];
}

/** Writes a finding; returns the command that replays it. */
export function writeFinding(folder: string, finding: Finding): string {
  mkdirSync(folder, { recursive: true });
  const hash = createHash("sha256").update(finding.input).digest("hex").slice(0, 8);
  const path = join(folder, `${finding.target}-${hash}.bin`);
  writeFileSync(path, finding.input);
  const command = `npm run fuzz -- --target ${finding.target} --replay ${path}`;
  writeFileSync(`${path}.txt`, `${finding.kind}\n${finding.message}\n\n${command}\n`);
  return command;
}
