/**
 * The page in a real headless Chromium, from its files and from a server.
 *
 * Without a Chromium these tests are skipped, unless REQUIRE_BROWSER is set: CI sets it.
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { runHistory } from "@fpzk/sim";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { traceText } from "../scenes/show.js";
import { findBrowser, NO_BROWSER_TEXT, startBrowser } from "./browser.js";
import { buildPage } from "./build-page.js";
import { type PageServer, servePage } from "./serve-page.js";

const file = findBrowser();
const isRequired = (process.env["REQUIRE_BROWSER"] ?? "") !== "";
const skip = file === undefined && !isRequired ? NO_BROWSER_TEXT : false;
const SEED = 3;
const TIMEOUT_MS = 60_000;
const AXE_OPTIONS = {
  // It would fetch the style sheet again, which the page's policy forbids.
  preload: false,
  // The drawn text of a node, its digits and its name, is no sentence: its label is.
  rules: { "label-content-name-mismatch": { enabled: false } },
};

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}

describe("the simulator's page in a browser", { skip, timeout: 280_000 }, () => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let server: PageServer;
  let folder: string;
  let fileUrl: string;
  const complaints: string[] = [];
  const outside: string[] = [];

  before(async () => {
    assert.ok(file !== undefined, NO_BROWSER_TEXT);
    folder = await mkdtemp(join(tmpdir(), "fpzk-page-"));
    await buildPage(folder);
    fileUrl = pathToFileURL(join(folder, "index.html")).href;
    server = await servePage();
    browser = await startBrowser(file);
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    context.setDefaultTimeout(TIMEOUT_MS);
    page = await context.newPage();
    page.on("console", (message) => {
      if (message.type() !== "log") complaints.push(`${message.type()}: ${message.text()}`);
    });
    page.on("pageerror", (error) => complaints.push(String(error.stack)));
    page.on("request", (request) => {
      const url = request.url();
      const isOurs = [fileUrl.slice(0, -"index.html".length), server.url, "data:"].some((start) =>
        url.startsWith(start),
      );
      if (!isOurs) outside.push(url);
    });
  });

  after(async () => {
    await browser?.close();
    await server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Opens the page at an address anew. */
  async function open(address: string, base = fileUrl): Promise<void> {
    await page.goto("about:blank");
    await page.goto(`${base}${address}`);
    await page.locator("#show-title").filter({ hasNotText: "…" }).waitFor();
  }

  const actor = (key: string) => page.locator(`g.actor[aria-label^="node ${key},"]`);
  const client = (key: string) => page.locator(`g.client[aria-label*=" ${key},"]`);

  /** Waits until a fact of the page holds. */
  async function until(fact: () => Promise<boolean>, what: string): Promise<void> {
    const deadlineMs = Date.now() + TIMEOUT_MS;
    while (!(await fact())) {
      assert.ok(Date.now() < deadlineMs, `not within ${TIMEOUT_MS} ms: ${what}`);
      await page.waitForTimeout(50);
    }
  }

  const digests = async (): Promise<string[]> =>
    page.locator("g.node:not(.down) .digest").allTextContents();
  const digestCount = async () => new Set(await digests()).size;
  const setSpeed = (speed: string) => page.locator("#speed").selectOption(speed);
  const play = () => page.locator("#play[data-state=play]").click();

  it("plays a seed to its end with the trace that Node gives", async () => {
    const expected = traceText(runHistory(SEED).traceHash);
    for (const base of [fileUrl, server.url]) {
      await open(`#seed=${SEED}&at=${999_999}`, base);
      await page.locator('html[data-over="true"]').waitFor({ state: "attached" });
      assert.equal(await page.locator("html").getAttribute("data-trace"), expected, base);
    }
  });

  it("gives the same trace when it is played piece by piece", async () => {
    await open(`#seed=${SEED}&at=70000`);
    await setSpeed("10");
    await play();
    await page.locator('html[data-over="true"]').waitFor({ state: "attached" });
    const expected = traceText(runHistory(SEED).traceHash);
    assert.equal(await page.locator("html").getAttribute("data-trace"), expected);
  });

  it("steps by 100 ms and to the next event", async () => {
    await open("#scene=registration&at=1000");
    const time = page.locator("#time");
    assert.equal(await time.textContent(), "1.00 s");
    await page.locator("#step-time").click();
    assert.equal(await time.textContent(), "1.10 s");
    await page.locator("#step-event").click();
    assert.equal(await time.textContent(), "1.20 s");
    assert.match((await page.locator("#log").textContent()) ?? "", /A registers its instance/);
    assert.match(page.url(), /#scene=registration&at=1200$/);
  });

  it("moves the sessions of a node that is killed by a click", async () => {
    await open("#free&at=500");
    const before_ = await page
      .locator("g.client")
      .evaluateAll((all) => all.map((each) => each.getAttribute("aria-label") ?? ""));
    const victim = /session at (us-\d)/.exec(before_.join())?.[1];
    assert.ok(victim !== undefined, before_.join("\n"));
    await actor(victim).click();
    await page.getByRole("button", { name: "kill -9", exact: true }).click();
    await page.locator(`g.node.down[aria-label^="node ${victim},"]`).waitFor();
    await setSpeed("1");
    await play();
    await until(async () => {
      const labels = await page
        .locator("g.client")
        .evaluateAll((all) => all.map((each) => each.getAttribute("aria-label") ?? ""));
      return labels.every((label) => label.includes("session at") && !label.includes(victim));
    }, `everybody has a session elsewhere than at ${victim}`);
  });

  it("shows digests part when a region is cut off, and agree when it is mended", async () => {
    await open("#free&at=500");
    assert.equal(await digestCount(), 1);
    await page.locator("#cut-regions button", { hasText: "ap" }).click();
    await client("A").click();
    await page.getByRole("button", { name: "deregister" }).click();
    await setSpeed("1");
    await play();
    await until(async () => (await digestCount()) === 2, "two different contents");
    await page.locator("#mend").click();
    await until(async () => (await digestCount()) === 1, "one content");
    await page.locator("#digests.same").waitFor();
  });

  it("cuts one way of a line, and mends it", async () => {
    await open("#free&at=500");
    const line = page.locator("g.way.link").first();
    const name = (await line.getAttribute("aria-label")) ?? "";
    const [, a = "", b = ""] = /link (\S+) to (\S+), open/.exec(name) ?? [];
    await line.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: `cut ${a} → ${b}` }).click();
    const cut = page.locator(`g.way.cut[aria-label="link ${a} to ${b}, cut from ${a} to ${b}"]`);
    await cut.waitFor();
    await cut.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "mend", exact: true }).click();
    await page.locator(`g.way[aria-label="link ${a} to ${b}, open"]`).waitFor();
  });

  it("goes back in time to the same world", async () => {
    await open("#scene=kill&at=1500");
    const trace = () => page.locator("html").getAttribute("data-trace");
    const before_ = await trace();
    await page.locator("#line").fill("4000");
    assert.notEqual(await trace(), before_);
    await page.locator("#line").fill("1500");
    assert.equal(await trace(), before_);
  });

  it("can be used with the keyboard alone", async () => {
    await open("#free&at=500");
    const reached: string[] = [];
    for (let count = 0; count < 36; count += 1) {
      await page.keyboard.press("Tab");
      const name = await page.evaluate(() => {
        const element = document.activeElement;
        return element?.closest("#map") != null ? "map" : (element?.id ?? "");
      });
      reached.push(name);
    }
    const order = ["free", "seed", "map", "play", "line", "speed", "slow", "mend"];
    const found = order.filter((name) => reached.includes(name));
    assert.deepEqual(found, order, `reached ${reached.join()}`);
    await actor("us-1").focus();
    await page.keyboard.press("ArrowRight");
    const next = await page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
    assert.ok(next != null && !next.startsWith("node us-1"), String(next));
    await page.keyboard.press("Enter");
    await page.locator("#popover").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("#popover").waitFor({ state: "hidden" });
    const back = await page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
    assert.equal(back, next);
  });

  it("keeps nobody out: names, contrast, roles, in light and dark", async () => {
    const axeFile = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
    const axe = await readFile(axeFile, "utf8");
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await open("#scene=heal&at=1100");
      await page.evaluate(axe);
      const found = await page.evaluate(async (options) => {
        const global = globalThis as unknown as { axe: { run(o: object): Promise<AxeResult> } };
        const { violations } = await global.axe.run(options);
        return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 200)}`);
      }, AXE_OPTIONS);
      assert.deepEqual(found, [], colorScheme);
    }
    await page.emulateMedia({ colorScheme: "light" });
  });

  it("fits a phone, and a window of 1280 by 800", async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await open("#scene=kill&at=1040");
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 390, `${width} px wide`);
    await page.setViewportSize({ width: 1280, height: 800 });
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    assert.ok(height <= 800, `${height} px high`);
  });

  it("asked nobody outside, and complained of nothing", () => {
    assert.deepEqual(outside, []);
    assert.deepEqual(complaints, []);
  });
});
