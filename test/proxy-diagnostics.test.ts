/**
 * The diagnostics of a real proxy over a real registry: as a document, and as a page in a real
 * headless Chromium (skipped without one, unless REQUIRE_BROWSER is set).
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { FpzkClient } from "@fpzk/client";
import { type Diagnostics, directoryFromClient, type RunningProxy, startProxy } from "@fpzk/proxy";
import { findBrowser, NO_BROWSER_TEXT, startBrowser } from "@fpzk/sim-page/browser";
import { Registry, seen } from "./integrations/registry.js";

const HOSTILE_ID = `<script>document.title="taken"</script><img src=x onerror="alert(1)">`;
const SECRET = "s3cr3t";

async function startFrom(client: FpzkClient, t: TestContext): Promise<RunningProxy> {
  const proxy = await startProxy({
    port: 0,
    admin: { port: 0 },
    directory: directoryFromClient(client, { balancing: { slowStartMs: 0 } }),
    routes: [
      { name: "shop", host: "shop.test", service: "shop" },
      { pathPrefix: "/", service: "shop", headers: [{ name: "x-key", exact: SECRET }] },
      { pathPrefix: "/", service: "nobody" },
    ],
    worker: 2,
    // However slow the machine is, who is ejected stays so to the end of the test.
    outlier: { ejectionBaseMs: 300_000 },
  });
  t.after(() => proxy.close({ drainMs: 0 }));
  await proxy.ready();
  return proxy;
}

async function look(proxy: RunningProxy): Promise<{ text: string; document: Diagnostics }> {
  const answer = await fetch(`http://127.0.0.1:${proxy.adminPort}/v1/diagnostics`);
  assert.equal(answer.status, 200);
  const text = await answer.text();
  return { text, document: JSON.parse(text) as Diagnostics };
}

/** Three instances: one works and has a hostile name, one fails and is ejected, one drains. */
async function startStage(t: TestContext): Promise<RunningProxy> {
  const registry = await Registry.start(t);
  const service = "shop";
  await registry.http(t, { service, id: HOSTILE_ID, listener: (_, answer) => answer.end("ok") });
  await registry.http(t, {
    ...{ service, id: "failing" },
    listener: (_, answer) => answer.writeHead(500).end(SECRET),
  });
  const leaving = await registry.http(t, {
    ...{ service, id: "leaving" },
    listener: (_, answer) => answer.end("ok"),
  });
  const client = await registry.connect();
  const proxy = await startFrom(client, t);
  await seen(client, service, 3);
  await leaving.handle.drain();
  for (let count = 0; count < 20; count += 1) {
    const headers = { "x-key": SECRET };
    await (await fetch(`${proxy.url}/a?token=${SECRET}`, { headers })).text();
  }
  assert.equal((await fetch(`${proxy.url}/b?token=${SECRET}`)).status, 503);
  return proxy;
}

test("the diagnostics show instances, routes and failures as they are, and no secret", async (t) => {
  const proxy = await startStage(t);
  const { text, document } = await look(proxy);
  assert.ok(!text.includes(SECRET), "a header's value, a query or an answer was shown");
  assert.equal(document.worker, 2);
  assert.match(document.registry[0]?.nodeId ?? "", /./);
  assert.equal(document.unreadyReason, null);
  const shop = document.services.find(({ service }) => service === "shop");
  assert.ok(shop !== undefined);
  assert.ok(shop.view.isCurrent && shop.view.ageMs === 0 && shop.isPinned);
  assert.deepEqual([shop.instanceCount, shop.ejectedCount, shop.omittedCount], [3, 1, 0]);
  const [good, failing, leaving] = shop.instances;
  assert.ok(good !== undefined && failing !== undefined && leaving !== undefined);
  assert.equal(good.id, HOSTILE_ID);
  assert.deepEqual([good.state, good.liveness, good.failedCount], ["up", "alive", 0]);
  assert.ok(good.latencyMs > 0 && good.latencyP50Ms !== null && good.latencyP99Ms !== null);
  assert.deepEqual([failing.id, failing.failedCount], ["failing", 5]);
  assert.equal(failing.ejection?.reason, "errors");
  assert.ok((failing.ejection?.remainingMs ?? 0) > 0);
  assert.deepEqual([leaving.id, leaving.state, leaving.endedCount], ["leaving", "draining", 0]);
  assert.equal(good.endedCount + failing.endedCount, 20);
  assert.equal(good.callRatio, 0.75);
  const [latest, earlier] = document.failures.recent;
  assert.equal(document.failures.count, 6);
  assert.deepEqual([latest?.service, latest?.reason], ["nobody", "unavailable"]);
  assert.deepEqual([earlier?.instanceId, earlier?.reason], ["failing", "status-500"]);
  assert.deepEqual(document.routes.own[1]?.headerNames, ["x-key"]);
});

const file = findBrowser();
const isRequired = (process.env["REQUIRE_BROWSER"] ?? "") !== "";
const skip = file === undefined && !isRequired ? NO_BROWSER_TEXT : false;

test("the page shows them to people, names as text, and follows", { skip }, async (t) => {
  assert.ok(file !== undefined, NO_BROWSER_TEXT);
  const proxy = await startStage(t);
  const browser = await startBrowser(file);
  t.after(() => browser.close());
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  const origin = `http://127.0.0.1:${proxy.adminPort}`;
  page.on("request", (request) => {
    if (!request.url().startsWith(origin)) complaints.push(request.url());
  });
  const answer = await page.goto(`${origin}/`);
  const policy = answer?.headers()["content-security-policy"] ?? "";
  assert.ok(policy.startsWith("default-src 'none'; script-src 'sha256-"), policy);
  assert.ok(!policy.includes("unsafe"));
  await page.getByRole("cell", { name: HOSTILE_ID, exact: true }).first().waitFor();
  assert.equal(await page.title(), "FPZKProxy");
  assert.equal(await page.locator("img").count(), 0);
  assert.equal(await page.locator("script").count(), 1);
  const failing = page.locator("#services tr.bad", { hasText: "errors, " });
  assert.match((await failing.textContent()) ?? "", /^failing/);
  assert.equal(await page.locator("#services tr.dim td").first().textContent(), "leaving");
  assert.match((await page.locator("#facts").textContent()) ?? "", /worker 2/);
  // It asks again by itself.
  const refusedCount = proxy.diagnostics().failures.count;
  assert.equal((await fetch(`${proxy.url}/b`)).status, 503);
  await page.getByText(`${refusedCount + 1} since the start`).waitFor();
  assert.deepEqual(complaints, []);
});
