import assert from "node:assert/strict";
import { test } from "node:test";
import { InstanceState } from "@fpzk/core";
import type { World } from "../world/world.js";
import { forgedRecord, tombstone } from "./forged.fixture.js";
import { Oracles } from "./oracles.js";
import { register, SERVICE, smallWorld, watcher } from "./small-world.fixture.js";

/** A world with all oracles looking on. */
function newCase(): { world: World; oracles: Oracles } {
  const found: Oracles[] = [];
  const world = smallWorld({ us: 1 }, { prepare: (each) => found.push(new Oracles(each)) });
  const [oracles] = found;
  assert.ok(oracles !== undefined);
  return { world, oracles };
}

test("a calm world breaks no promise", () => {
  const { world, oracles } = newCase();
  const provider = watcher(world, "p1", "us-1");
  const caller = watcher(world, "p2", "us-1");
  oracles.calm();
  register(provider, "o-1");
  world.run(3_000);
  provider.command({ type: "drain", service: SERVICE, id: "o-1", timeoutMs: 2_000 });
  world.run(2_000);
  oracles.storm();
  oracles.mended();
  assert.equal(caller.instances(SERVICE)[0]?.state, InstanceState.draining);
  assert.equal(oracles.defect(), undefined);
  assert.deepEqual(oracles.failures, []);
});

test("what a node stores reaches the oracles", () => {
  const { world, oracles } = newCase();
  const { table } = world.node("us-1").node;
  table.put(tombstone("us-1", 1_000));
  table.put(forgedRecord("us-1", 1_001));
  const complaints = oracles.failures.map(({ oracle }) => oracle);
  assert.deepEqual(complaints, ["R1", "R1", "S1"]);
});
