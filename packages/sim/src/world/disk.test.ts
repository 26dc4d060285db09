import assert from "node:assert/strict";
import { test } from "node:test";
import { InstanceState, Scope } from "@fpzk/core";
import { bodyOf } from "../history/instance-body.js";
import { Damage, Disk } from "./disk.js";
import { World } from "./world.js";

function savedDisk(): Disk {
  const world = new World({ seed: 1 });
  const disk = new Disk();
  const node = world.addNode({ nodeId: "us-1", region: "us", seeds: [], disk });
  world.run(1_000);
  const name = { namespace: "default", service: "orders", id: "i" };
  const isUp = { scope: Scope.global, state: InstanceState.up, body: bodyOf("us") };
  world.request("us-1", { kind: "register", ...name, ...isUp, ttlMs: 10_000 });
  disk.saveTable(node.node);
  return disk;
}

test("what was saved is loaded", () => {
  const saved = savedDisk().loadTable();
  assert.ok([...(saved?.records ?? [])].some(({ id }) => id === "i"));
});

test("a file that is torn or corrupt anywhere holds nothing", () => {
  for (const kind of Object.values(Damage)) {
    for (let place = 0; place < 1; place += 0.01) {
      const disk = savedDisk();
      disk.damage(kind, place);
      assert.equal(disk.loadTable(), undefined, `${kind} at ${place}`);
    }
  }
});

test("generations rise whatever the wall clock says, until the disk is lost", () => {
  const disk = new Disk();
  assert.equal(disk.takeGeneration(1_000), 1_000);
  assert.equal(disk.takeGeneration(500), 1_001);
  disk.wipe();
  assert.equal(disk.takeGeneration(500), 500);
});
