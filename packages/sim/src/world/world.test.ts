import assert from "node:assert/strict";
import { test } from "node:test";
import { InstanceState, Scope } from "@fpzk/core";
import { encodeInstanceDescription } from "@fpzk/protocol";
import type { SimClient } from "./sim-client.js";
import { World } from "./world.js";

const REGIONS = ["us", "eu", "ap"];

function createCluster(seed: number): World {
  const world = new World({ seed });
  for (const region of REGIONS) {
    for (const number of [1, 2]) {
      world.addNode({ nodeId: `${region}-${number}`, region, seeds: ["us-1", `${region}-1`] });
    }
  }
  return world;
}

function register(client: SimClient, service: string, id: string): number {
  return client.command({
    type: "register",
    service,
    id,
    scope: Scope.global,
    state: InstanceState.up,
    timeoutMs: 10_000,
    body: encodeInstanceDescription({
      group: "",
      version: "1",
      region: client.region,
      zone: "",
      endpoints: [{ protocol: "http", host: "127.0.0.1", port: 80, tls: false, reach: "internal" }],
      weight: 100,
      metadata: {},
      startWallTime: 0,
    }),
  });
}

function addClient(world: World, clientId: string, region: string): SimClient {
  return world.addClient({ clientId, region, seeds: [`${region}-1`, `${region}-2`] });
}

test("a registration in one region shows in all, and a kill is suspect at once", () => {
  const world = createCluster(1);
  world.run(5_000);
  const provider = addClient(world, "provider", "us");
  register(provider, "orders", "o-1");
  const watchers = REGIONS.map((region) => addClient(world, `watcher-${region}`, region));
  for (const watcher of watchers) watcher.watch("orders");
  const isSeen = () => watchers.every((watcher) => watcher.instances("orders").length === 1);
  assert.ok(world.runUntil(isSeen, 3_000), world.log.join("\n"));

  world.crashClient("provider");
  const isSuspect = () =>
    watchers.every((watcher) => watcher.instances("orders")[0]?.liveness === "suspect");
  assert.ok(world.runUntil(isSuspect, 200), world.log.join("\n"));
  const isGone = () => watchers.every((watcher) => watcher.instances("orders").length === 0);
  assert.ok(!isGone());
  assert.ok(world.runUntil(isGone, 3_000), world.log.join("\n"));
});
