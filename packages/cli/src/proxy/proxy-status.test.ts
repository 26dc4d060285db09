import assert from "node:assert/strict";
import { test } from "node:test";
import { type Directory, startProxy } from "@fpzk/proxy";
import { runInMemory } from "../testing/memory-io.js";

const DIRECTORY: Directory = {
  subscribe: () => ({
    pick: () => undefined,
    standings: () => [],
    isBusy: false,
    hedgeDelayMs: undefined,
    instanceCount: 0,
    status: { isComplete: true, isCurrent: false, isRestored: true, ageMs: 7_000 },
    ready: () => Promise.resolve(),
    close() {},
  }),
  registryConnections: () => [{ namespace: "a\u001bb", nodeId: null }],
};

test("proxy status shows a running proxy to people and to programs", async (t) => {
  const admin = { port: 0 };
  const routes = [{ service: "shop" }];
  const proxy = await startProxy({ port: 0, admin, directory: DIRECTORY, routes });
  t.after(() => proxy.close({ drainMs: 0 }));
  assert.equal((await fetch(`${proxy.url}/a?b=c`)).status, 503);
  const address = String(proxy.adminPort);
  const told = await runInMemory(["proxy", "status", "--admin", address]);
  assert.equal(told.exitCode, 0, told.stderr);
  assert.match(
    told.stdout,
    /^ready, version \d.*, process \d+, up for \d+ s\nregistry: not connected, namespace a\ufffdb\n/,
  );
  assert.match(told.stdout, /\nshop: view 7 s old, \d+ retries left\n {2}no instance\n/);
  assert.match(told.stdout, /failures: 1\n\nFAILED AT.*\n.*unavailable/);
  const environment = { FPZK_PROXY_ADMIN_PORT: address };
  const { stdout } = await runInMemory(["proxy", "status", "--json"], { environment });
  assert.equal(JSON.parse(stdout).failures.recent[0].reason, "unavailable");
});

test("proxy status says what it needs, and that nobody is there", async () => {
  const unsaid = await runInMemory(["proxy", "status"]);
  assert.equal(unsaid.exitCode, 2);
  assert.match(unsaid.stderr, /--admin "" must be a port or "host:port"/);
});
