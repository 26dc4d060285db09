import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const PAGE_PATH = fileURLToPath(new URL("../../../../docs/reliability.md", import.meta.url));

/** Writes a result between the markers of its section of docs/reliability.md. */
export function writeSection(name: string, text: string): void {
  writeFileSync(PAGE_PATH, replaceSection(readFileSync(PAGE_PATH, "utf8"), name, text));
}

/**
 * The page with what stands between `<!-- name:begin -->` and `<!-- name:end -->` replaced.
 *
 * @throws Error when the page lacks one of these lines.
 */
export function replaceSection(page: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) {
    throw new Error(`the page must hold the lines ${begin} and ${end}, in this order`);
  }
  return `${page.slice(0, from + begin.length)}\n${text}\n${page.slice(to)}`;
}
