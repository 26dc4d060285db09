/** Whose retries the budget counts. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { refusingPort, startFixture } from "./proxy-fixture.test.util.js";

it("counts retries for each service, and apart where a route has a budget of its own", async (t) => {
  const { proxy, directory, nextEntry } = await startFixture(t, {
    routes: [
      { service: "one", pathPrefix: "/one" },
      { service: "one", pathPrefix: "/own", balancing: { retryBudget: { retryPerSecondMin: 0 } } },
      { service: "two", pathPrefix: "/two" },
    ],
    // One retry in ten seconds, and none for what is asked.
    retryBudget: { retryRatio: 0, retryPerSecondMin: 0.1 },
  });
  const port = await refusingPort();
  for (const service of ["one", "two"]) {
    directory.set(service, { id: "a", port }, { id: "b", port });
  }
  const attemptCounts = [];
  for (const path of ["/own", "/one", "/one", "/own", "/two", "/two"]) {
    assert.equal((await fetch(`${proxy.url}${path}`)).status, 503);
    attemptCounts.push((await nextEntry()).attemptCount);
  }
  assert.deepEqual(attemptCounts, [1, 2, 1, 1, 2, 1]);
});
