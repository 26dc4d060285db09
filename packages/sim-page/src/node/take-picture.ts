/** A picture of one moment of the page, for documents. */
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { findBrowser, NO_BROWSER_TEXT, startBrowser } from "./browser.js";
import { buildPage, SITE_FOLDER } from "./build-page.js";

const WINDOW = { width: 1280, height: 800 } as const;

/**
 * Builds the page, opens it and writes what it shows as a PNG file.
 *
 * @param address - What the page shows, for example `#scene=kill&at=1040`; with a moment it stands
 *   still, so that equal code gives equal pictures on one machine.
 */
export async function takePicture(address: string, pictureFile: string): Promise<void> {
  const browserFile = findBrowser();
  if (browserFile === undefined) throw new Error(NO_BROWSER_TEXT);
  await buildPage();
  await mkdir(dirname(pictureFile), { recursive: true });
  const browser = await startBrowser(browserFile);
  try {
    const page = await browser.newPage({ viewport: WINDOW, colorScheme: "light" });
    await page.goto(`${pathToFileURL(join(SITE_FOLDER, "index.html")).href}${address}`);
    await page.locator("g.node").first().waitFor();
    await page.locator("#log li").first().waitFor();
    await page.screenshot({ path: pictureFile });
  } finally {
    await browser.close();
  }
}
