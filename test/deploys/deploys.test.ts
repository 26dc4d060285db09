/** A short run of deploys: two regions, every process replaced, no call fails, none is repeated. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { outcomeText } from "./deploy-text.js";
import { runDeploys } from "./run-deploys.js";

test("no request fails while everything is replaced", { timeout: 240_000 }, async (t) => {
  const outcome = await runDeploys({
    regions: ["us", "eu"],
    requestCount: 1_500,
    deployCount: 3,
    ratePerSecond: 200,
    rampMs: 0,
    instancesPerRegion: 2,
    serversPerRegion: 2,
    seed: 1,
    onProgress: () => {},
    onFailure: () => {},
  });
  t.diagnostic(outcomeText(outcome));
  assert.deepEqual(outcome.failures, []);
  assert.deepEqual(outcome.faults, []);
  assert.equal(outcome.doneCount, outcome.sentCount);
  assert.ok(outcome.sentCount >= 1_500);
  assert.ok(outcome.paths.every(({ count }) => count > 0));
  assert.deepEqual(outcome.deployCounts, { instances: 1, servers: 1, proxies: 1 });
});
