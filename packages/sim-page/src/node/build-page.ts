/** Makes the static files of the page: one HTML file, one style sheet, one script. */
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ASSETS_FOLDER = fileURLToPath(new URL("../../assets", import.meta.url));
const ENTRY_FILE = fileURLToPath(new URL("../main.js", import.meta.url));
/** Where the page is built to. */
export const SITE_FOLDER = fileURLToPath(new URL("../../site", import.meta.url));

/** Builds the page from compiled sources; it can be opened from the folder or served anywhere. */
export async function buildPage(folder = SITE_FOLDER): Promise<void> {
  // Only when it is needed: whoever serves the page may never be asked for it.
  const { build } = await import("esbuild");
  await mkdir(folder, { recursive: true });
  await Promise.all([
    cp(ASSETS_FOLDER, folder, { recursive: true }),
    build({
      entryPoints: [ENTRY_FILE],
      outfile: join(folder, "simulator.js"),
      bundle: true,
      minify: true,
      // A classic script: browsers refuse modules from file:// addresses.
      format: "iife",
      platform: "browser",
      target: "es2022",
      legalComments: "inline",
      logLevel: "silent",
    }),
  ]);
}
