import assert from "node:assert/strict";
import { test } from "node:test";
import { Liveness, Scope, SeededRandom } from "@fpzk/core";
import { Oracles } from "../oracles/oracles.js";
import { register, smallWorld, watcher } from "../oracles/small-world.fixture.js";
import type { World } from "../world/world.js";
import { Draw } from "./draw.js";
import { Epilogue, hasTakenOver, isLeftBehind } from "./epilogue.js";

/** With this, the epilogue draws that two hosts are lost. */
const TWO_HOSTS_LOST_SEED = 8;

/** Three programs, of which the last one only looks on. */
function newCase() {
  const found: Oracles[] = [];
  const world = smallWorld({ us: 2 }, { prepare: (each) => found.push(new Oracles(each)) });
  const [oracles] = found;
  assert.ok(oracles !== undefined);
  register(watcher(world, "p1", "us-1"), "o-1");
  register(watcher(world, "p2", "us-2"), "o-2");
  watcher(world, "p3", "us-1");
  world.run(5_000);
  return { world, oracles };
}

/** Plays the epilogue; `before` happens when the world has settled. */
function play(
  world: World,
  oracles: Oracles,
  before: () => void = () => {},
  seed = 3,
): readonly string[] {
  let isFirst = true;
  for (const durationMs of new Epilogue(world, oracles, new Draw(new SeededRandom(seed))).acts()) {
    world.run(durationMs);
    if (isFirst) before();
    isFirst = false;
  }
  return oracles.failures.map(({ oracle }) => oracle);
}

test("in a whole world all go as they should", () => {
  const { world, oracles } = newCase();
  assert.deepEqual(play(world, oracles), []);
  assert.deepEqual([...world.clients.keys()], ["p3"]);
});

test("L3 sees a subscriber that does not confirm", () => {
  const { world, oracles } = newCase();
  const cut = () => world.network.isolate(["p2"], ["us-1", "us-2"]);
  assert.deepEqual(play(world, oracles, cut), ["L3"]);
});

test("L2b sees a death that nobody is told of", () => {
  const { world, oracles } = newCase();
  const { network } = world;
  const cutSoon = () => {
    world.observe({ commandDone: () => network.isolate(["p1", "p2"], ["us-1", "us-2"]) });
  };
  const complaints = play(world, oracles, cutSoon);
  assert.ok(complaints.includes("L2b"), complaints.join());
});

test("L2 sees the dead stay, and L4 what a node goes on holding for them", () => {
  const { world, oracles } = newCase();
  const [home] = [world.node("us-2")];
  const complaints = play(world, oracles, () => home.freeze(120_000));
  assert.ok(complaints.includes("L2"), complaints.join());
  assert.ok(complaints.includes("L4"), complaints.join());
});

test("of two regions' own instances of one id, the one that is seen is judged by its program", () => {
  const found: Oracles[] = [];
  const world = smallWorld({ us: 1, eu: 1 }, { prepare: (each) => found.push(new Oracles(each)) });
  const [oracles] = found;
  assert.ok(oracles !== undefined);
  register(watcher(world, "p0", "us-1"), "o-0");
  register(watcher(world, "p1", "us-1"), "o-1", Scope.region);
  register(watcher(world, "p2", "eu-1"), "o-1", Scope.region);
  watcher(world, "p3", "us-1");
  world.run(5_000);
  // Of p0 and p1 the hosts are lost, which shows a ttl later than the death of p2.
  assert.deepEqual(
    play(world, oracles, () => {}, TWO_HOSTS_LOST_SEED),
    [],
  );
});

test("who waited for a name that another held may show it alive, but as its own alone", () => {
  const gone = { service: "orders", id: "o-1", stamp: stampOf(7) };
  const last = (status: string, incarnation: number) => ({
    statuses: new Map([["orders/o-1", status]]),
    instances: () => [{ id: "o-1", stamp: stampOf(incarnation) }],
  });
  assert.ok(hasTakenOver(last("registered", 8), gone));
  assert.ok(!hasTakenOver(last("registered", 7), gone), "it still shows the one that went");
  assert.ok(!hasTakenOver(last("registering", 8), gone), "another has it");
});

test("who comes home may see as orphaned what was left behind there, but not what ended", () => {
  const gone = { stamp: stampOf(7) };
  const shown = (incarnation: number, liveness: Liveness) => {
    return { id: "o-1", stamp: stampOf(incarnation), liveness };
  };
  assert.ok(isLeftBehind(shown(6, Liveness.orphaned), gone));
  assert.ok(!isLeftBehind(shown(7, Liveness.orphaned), gone), "it is the one that ended");
  assert.ok(!isLeftBehind(shown(6, Liveness.alive), gone), "its owner is not gone");
});

function stampOf(incarnation: number) {
  return { incarnation, session: 0, claim: 0 };
}
