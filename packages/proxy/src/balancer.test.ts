/** Room that a call leaves is taken at once: no tick is needed. */
import assert from "node:assert/strict";
import { it } from "node:test";
import {
  createRouteTable,
  instant,
  OUTLIER_DEFAULTS,
  RETRY_BUDGET_DEFAULTS,
  SeededRandom,
} from "@fpzk/core";
import { Balancer, isChoice } from "./balancer.js";
import { PENDING_DEFAULTS } from "./pending-requests.js";
import { StaticDirectory } from "./proxy-fixture.test.util.js";
import { SubscriptionTable } from "./subscription-table.js";

it("serves who waits within the end of a call", () => {
  const directory = new StaticDirectory();
  directory.instanceCallCountMax = 1;
  directory.set("echo", { id: "a", port: 1 });
  const subscriptions = new SubscriptionTable({
    ...{ directory, outlier: OUTLIER_DEFAULTS, retryBudget: RETRY_BUDGET_DEFAULTS },
    ...{ onEjection: () => {}, dynamicCountMax: 1, dynamicIdleMs: 1_000 },
  });
  const balancer = new Balancer({
    ...{ subscriptions, pending: PENDING_DEFAULTS, now: () => instant(performance.now()) },
    ...{ onBreaker: () => {}, onRefused: () => {} },
  });
  const match = createRouteTable([{ service: "echo" }], { random: new SeededRandom(1) }).match({
    ...{ method: "GET", host: "x", path: "/", clientAddress: "", header: () => undefined },
  });
  assert.ok(match.type === "target");
  const { target } = match;
  const first = balancer.choose(target, undefined);
  assert.ok(isChoice(first));
  const taken: boolean[] = [];
  const waiting = {
    choose: () => balancer.choose(target, undefined),
    goOn: (chosen: object) => taken.push("picked" in chosen),
  };
  assert.equal(balancer.wait(target, waiting), undefined);
  assert.deepEqual(taken, []);
  balancer.finish(first, "success");
  assert.deepEqual(taken, [true]);
});
