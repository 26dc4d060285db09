import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { InstanceState, Scope, SeededRandom } from "@fpzk/core";
import { Cast } from "../history/cast.js";
import { Draw } from "../history/draw.js";
import { bodyOf } from "../history/instance-body.js";
import { Stage } from "../history/stage.js";
import { drawSwarm } from "../history/swarm.js";
import { World } from "../world/world.js";
import { ALL_FAULTS } from "./all-faults.js";
import type { Fault } from "./fault.js";

const CALM_MS = 3_000;
const AFTER_MS = 5_000;
/** Draws until one of a fault matters: not every clock, disk or line is looked at in time. */
const DRAW_COUNT = 10;

/** A calm world in which a fault strikes, or none does; what went over its network. */
function play(
  fault: Fault | undefined,
  seed: number,
): { hash: number; detail: string | undefined } {
  const draw = new Draw(new SeededRandom(1));
  const swarm = {
    ...{ ...drawSwarm(draw, ALL_FAULTS), providerCount: 5, snapshotIntervalMs: 1_000 },
    // Or the clock that is farthest ahead, which all learn, hides a jump of another.
    wallErrorMs: 0,
  };
  const world = new World({ seed: 1, delayMs: swarm.delayMs });
  const cast = new Cast(world, swarm);
  for (const nodeId of cast.nodeIds) cast.startNode(nodeId, draw);
  world.run(CALM_MS);
  for (let count = 0; count < swarm.providerCount; count += 1) cast.add("provider", draw);
  cast.add("proxy", draw);
  world.run(CALM_MS);
  const stage = new Stage({
    ...{ world, cast, draw: new Draw(new SeededRandom(seed)) },
    ...{ isOver: () => false, leaseAsked: () => {} },
  });
  const detail = fault?.strike(stage);
  world.run(AFTER_MS / 2);
  // Something that the clocks of nodes have a say in.
  const name = { namespace: "default", service: "orders", ttlMs: 10_000 };
  for (const nodeId of world.nodes.keys()) {
    const isUp = { scope: Scope.global, state: InstanceState.up, body: bodyOf("us") };
    world.request(nodeId, { kind: "register", ...name, ...isUp, id: `by-${nodeId}` });
  }
  world.run(AFTER_MS / 2);
  return { hash: world.traceHash, detail };
}

test("every fault strikes, says what it hit, and changes what happens", () => {
  const calm = play(undefined, 0).hash;
  assert.equal(play(undefined, 1).hash, calm);
  for (const fault of ALL_FAULTS) {
    let matters = false;
    for (let seed = 1; seed <= DRAW_COUNT && !matters; seed += 1) {
      const { hash, detail } = play(fault, seed);
      matters = detail !== undefined && hash !== calm;
    }
    assert.ok(matters, `${fault.name} changes nothing`);
  }
});

test("faults have names of their own and weights", () => {
  const names = ALL_FAULTS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, weight } of ALL_FAULTS) {
    assert.match(name, /^[a-z]+(-[a-z]+)*$/);
    assert.ok(Number.isInteger(weight) && weight >= 1, `${name}: ${weight}`);
  }
});

test("docs/simulator.md lists every fault, in this order, and no other", () => {
  const path = new URL("../../../../docs/simulator.md", import.meta.url);
  const [, faults = ""] = readFileSync(path, "utf8").split("## Faults\n");
  const [table = ""] = faults.split("\n## ");
  const rows = [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name);
  assert.deepEqual(
    rows,
    ALL_FAULTS.map(({ name }) => name),
  );
});
