/** The sections of docs/deploys.md that runs write. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const PAGE = fileURLToPath(new URL("../../../docs/deploys.md", import.meta.url));

/** Replaces what stands between the section's two markers. */
export function writeSection(name: "deploys" | "faults", text: string): void {
  const page = readFileSync(PAGE, "utf8");
  const begin = `<!-- ${name}:begin -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf(`<!-- ${name}:end -->`);
  if (from < 0 || to < from) throw new Error(`${PAGE} lacks ${begin} and its end`);
  writeFileSync(PAGE, `${page.slice(0, from + begin.length)}\n${text}\n${page.slice(to)}`);
}
