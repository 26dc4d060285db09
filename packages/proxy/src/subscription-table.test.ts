import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant, OUTLIER_DEFAULTS, RETRY_BUDGET_DEFAULTS, RegistryError } from "@fpzk/core";
import { StaticDirectory } from "./proxy-fixture.test.util.js";
import { isWatched, SubscriptionTable } from "./subscription-table.js";

function request(service: string, isDynamic = true) {
  const chosen = { isDynamic, isVersionChosen: false };
  return {
    service,
    namespace: "",
    policy: undefined,
    filter: undefined,
    balancing: undefined,
    ...chosen,
  };
}

function createTable(directory: StaticDirectory, dynamicCountMax = 3): SubscriptionTable {
  return new SubscriptionTable({
    directory,
    outlier: OUTLIER_DEFAULTS,
    retryBudget: RETRY_BUDGET_DEFAULTS,
    onEjection: () => {},
    dynamicCountMax,
    dynamicIdleMs: 600_000,
  });
}

describe("SubscriptionTable", () => {
  it("watches a service once for each policy and filter", () => {
    const directory = new StaticDirectory();
    const table = createTable(directory);
    table.get(request("a"), instant(0));
    table.get(request("a"), instant(1));
    table.get({ ...request("a"), policy: "oldest" }, instant(2));
    assert.equal(directory.openCount, 2);
    table.close();
    assert.equal(directory.openCount, 0);
  });

  it("forgets idle services, empty ones early, pinned ones never", () => {
    const directory = new StaticDirectory();
    directory.set("full", { id: "i", port: 1 });
    const table = createTable(directory);
    table.get(request("pinned", false), instant(0));
    table.get(request("full"), instant(0));
    table.get(request("empty"), instant(0));
    table.sweep(instant(29_999));
    assert.equal(table.size, 3);
    table.sweep(instant(30_000));
    assert.equal(table.size, 2);
    table.get(request("full"), instant(100_000));
    table.sweep(instant(699_999));
    assert.equal(table.size, 2);
    table.sweep(instant(700_000));
    assert.equal(table.size, 1);
    assert.equal(directory.openCount, 1);
  });

  it("makes room by forgetting empty names, and refuses when there are none", () => {
    const directory = new StaticDirectory();
    for (const service of ["a", "b", "c", "d"]) directory.set(service, { id: "i", port: 1 });
    const table = createTable(directory);
    for (let index = 0; index < 100; index += 1) table.get(request(`scan${index}`), instant(index));
    assert.equal(directory.openCount, 3);
    for (const service of ["a", "b", "c"]) {
      assert.ok(isWatched(table.get(request(service), instant(200))));
    }
    const refused = table.get(request("d"), instant(201));
    assert.ok(!isWatched(refused));
    assert.equal(refused.code, "resource_exhausted");
    assert.ok(isWatched(table.get(request("pinned", false), instant(202))), "no limit on routes");
  });

  it("tells why a watch cannot begin", () => {
    const directory = new StaticDirectory();
    directory.subscribe = () => {
      throw new RegistryError("not_found", "no such namespace");
    };
    const refused = createTable(directory).get(request("a"), instant(0));
    assert.ok(!isWatched(refused));
    assert.deepEqual([refused.code, refused.statusCode], ["not_found", 503]);
  });
});
