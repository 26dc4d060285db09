/**
 * A real headless Chromium through the proxy, in clear and over TLS (where it chooses HTTP/2).
 *
 * Without a Chromium these tests are skipped, unless REQUIRE_BROWSER is set: CI sets it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { findBrowser, NO_BROWSER_TEXT, startBrowser } from "@fpzk/sim-page/browser";
import { startStage } from "./stage.js";
import { bytesOf, sumOf } from "./web-instance.js";

const file = findBrowser();
const isRequired = (process.env["REQUIRE_BROWSER"] ?? "") !== "";
const skip = file === undefined && !isRequired ? NO_BROWSER_TEXT : false;

test("a browser", { skip, timeout: 120_000 }, async (t) => {
  assert.ok(file !== undefined, NO_BROWSER_TEXT);
  const { clear, secured } = await startStage(t);
  const browser = await startBrowser(file);
  t.after(() => browser.close());
  for (const { url, protocol } of [
    { url: clear.url, protocol: "http/1.1" },
    { url: secured.url, protocol: "h2" },
  ]) {
    await t.test(`by ${protocol}`, async (t) => {
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      t.after(() => context.close());
      const page = await context.newPage();
      await page.goto(`${url}/page`);
      assert.equal(await page.textContent("h1"), "Through the proxy");
      const seen = await page.evaluate(SCRIPT);
      assert.deepEqual(seen, {
        protocol,
        redirected: [true, "hello"],
        cookie: "user=ada",
        upload: sumOf(bytesOf(300_000)),
        downloadBytes: 1_048_576,
        events: ["first", "second"],
        socket: ["echoed", 4_002, "as you wish"],
        parallel: 20,
      });
    });
  }
});

/** What the page does; a text, for it is compiled for another world. */
const SCRIPT = `(async () => {
  const textOf = async (path, options) => (await fetch(path, options)).text();
  const moved = await fetch("/moved");
  const redirected = [moved.redirected, await moved.text()];
  await fetch("/login", { method: "POST" });
  const cookie = await textOf("/me");
  const body = new Uint8Array(300000).map((_, index) => (index * 31 + (index >> 8)) & 255);
  const upload = await textOf("/sum", { method: "POST", body });
  const downloadBytes = (await (await fetch("/chunks/1048576")).arrayBuffer()).byteLength;
  const events = await new Promise((resolve, reject) => {
    const source = new EventSource("/events");
    const seen = [];
    source.onerror = () => reject(new Error("the stream of events broke"));
    source.onmessage = ({ data }) => {
      seen.push(data);
      // The second is sent only when the first has arrived.
      if (seen.length === 1) void fetch("/more", { method: "POST" });
      else resolve((source.close(), seen));
    };
  });
  const socket = await new Promise((resolve) => {
    const opened = new WebSocket(location.origin.replace("http", "ws") + "/");
    let echo;
    opened.onopen = () => opened.send("echoed");
    opened.onmessage = ({ data }) => {
      echo = data;
      opened.send("close me");
    };
    opened.onclose = ({ code, reason }) => resolve([echo, code, reason]);
  });
  const all = await Promise.all(Array.from({ length: 20 }, () => textOf("/hello")));
  const parallel = all.filter((text) => text === "hello").length;
  const [entry] = performance.getEntriesByType("navigation");
  const protocol = entry.nextHopProtocol;
  return { protocol, redirected, cookie, upload, downloadBytes, events, socket, parallel };
})()`;
