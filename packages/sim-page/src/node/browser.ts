/** The headless Chromium that tests and the picture use. */
import { existsSync } from "node:fs";
import type { Browser } from "playwright-core";

/** Where Debian and others put it; CHROMIUM names another one. */
const KNOWN_FILES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** It must ask nobody anything: no updates, no synchronisation. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The program file of a Chromium on this machine; undefined when there is none. */
export function findBrowser(): string | undefined {
  const named = process.env["CHROMIUM"];
  return (named === undefined ? KNOWN_FILES : [named]).find((file) => existsSync(file));
}

/** What to do where {@link findBrowser} finds nothing. */
export const NO_BROWSER_TEXT =
  "no Chromium: install one (Debian: apt-get install chromium), or name its program file in CHROMIUM";

/** Starts a browser with a profile of its own that is thrown away. */
export async function startBrowser(executablePath: string): Promise<Browser> {
  // Only when it is needed: the demo asks this package for a server alone.
  const { chromium } = await import("playwright-core");
  return chromium.launch({ executablePath, args: FLAGS });
}
