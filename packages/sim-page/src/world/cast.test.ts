import assert from "node:assert/strict";
import { test } from "node:test";
import { World } from "@fpzk/sim";
import { Cast, keyOf, roleOf } from "./cast.js";

test("an actor is played by the latest of its processes, until that one ends", () => {
  const world = new World({ seed: 1 });
  const cast = new Cast();
  cast.follow(world);
  const start = (clientId: string) => world.addClient({ clientId, region: "us", seeds: ["us-1"] });
  start("A.1");
  const later = start("A.2");
  world.crashClient("A.1");
  assert.equal(cast.get("A").process, later, "the earlier process's end is none of the actor's");
  world.crashClient("A.2");
  assert.equal(cast.get("A").process, undefined);
  assert.equal(cast.all.length, 1);
});

test("a process id says whom it plays, and a name which part", () => {
  assert.equal(keyOf("provider3.12"), "provider3");
  assert.equal(keyOf("us-1"), "us-1");
  assert.deepEqual(["caller-us", "proxy8", "provider3", "A"].map(roleOf), [
    "caller",
    "proxy",
    "program",
    "program",
  ]);
});
