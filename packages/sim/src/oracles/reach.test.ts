import assert from "node:assert/strict";
import { test } from "node:test";
import { ForgedWorld, forgedClient, forgedNode, Trial } from "./forged.fixture.js";
import { Reach } from "./reach.js";

const CUT = Number.POSITIVE_INFINITY;

function newWorld() {
  const trial = new Trial();
  const nodes = [forgedNode("us-1"), forgedNode("eu-1"), forgedNode("ap-1")] as const;
  const world = new ForgedWorld(trial, ...nodes);
  return { trial, nodes, world, reach: new Reach(world) };
}

test("a way is as old as its youngest part, and goes over others where that is better", () => {
  const { world, nodes, reach } = newWorld();
  const [us, eu, ap] = nodes;
  world.open("us-1", "ap-1", CUT);
  world.open("us-1", "eu-1", 3_000);
  world.open("eu-1", "ap-1", 2_000);
  assert.equal(reach.pathSince(us, ap), 3_000);
  world.open("us-1", "ap-1", 2_500);
  assert.equal(reach.pathSince(us, ap), 2_500);
  world.open("us-1", "eu-1", CUT);
  world.open("us-1", "ap-1", CUT);
  assert.equal(reach.pathSince(us, ap), CUT);
  assert.equal(reach.pathSince(us, us), 0);
  assert.equal(reach.pathSince(eu, ap), 2_000);
});

test("who stands still is not reached, and who woke is reached since then", () => {
  const { trial, nodes, reach } = newWorld();
  const [us, eu] = nodes;
  trial.at = 1_000;
  reach.nodeStarted(us);
  trial.at = 9_000;
  eu.frozenUntil = 10_000;
  assert.equal(reach.directSince(us, eu), CUT);
  trial.at = 11_000;
  assert.equal(reach.directSince(us, eu), 10_000);
  eu.frozenUntil = 0;
  assert.equal(reach.directSince(us, eu), 1_000);
  us.isUp = false;
  assert.equal(reach.directSince(us, eu), CUT);
});

test("of the nodes that a program reaches, the one with the oldest way counts", () => {
  const { world, nodes, reach } = newWorld();
  const client = forgedClient("p1");
  world.open("p1", "us-1", 5_000);
  world.open("p1", "eu-1", 1_000);
  world.open("eu-1", "ap-1", CUT);
  world.open("us-1", "eu-1", 4_000);
  world.open("p1", "ap-1", CUT);
  assert.deepEqual(reach.steadiestWay(client, nodes[0]), { nodeId: "eu-1", since: 4_000 });
  assert.equal(reach.steadiestWay(client, nodes[2]).since, 4_000);
});
