/** `docs/proxy.md` and the code name the same metrics. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { it } from "node:test";
import { ProxyMetrics } from "./metrics.js";

it("documents every metric and no other", async () => {
  const page = readFileSync(new URL("../../../docs/proxy.md", import.meta.url), "utf8");
  const documented = [...page.matchAll(/^\| `(proxy_\w+)` \|/gm)].map(([, name]) => name);
  const metrics = await new ProxyMetrics().registry.getMetricsAsJSON();
  assert.deepEqual(documented.sort(), metrics.map(({ name }) => name).sort());
});
