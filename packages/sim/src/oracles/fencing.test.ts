import assert from "node:assert/strict";
import { test } from "node:test";
import { InstanceState, Scope, type Stamp } from "@fpzk/core";
import { Beginnings } from "./beginnings.js";
import { Fencing } from "./fencing.js";
import {
  ForgedWorld,
  forgedClient,
  forgedNode,
  forgedRecord,
  stampOf,
  Trial,
  tombstone,
} from "./forged.fixture.js";
import { Reach } from "./reach.js";

const ORDER = { service: "orders", id: "o-1" };

/** Two nodes, an earlier process and a later one. */
function newCase() {
  const trial = new Trial();
  const [us, eu] = [forgedNode("us-1"), forgedNode("eu-1")];
  const world = new ForgedWorld(trial, us, eu);
  const beginnings = new Beginnings(() => trial.at);
  const oracle = new Fencing(trial, new Reach(world), beginnings);
  for (const node of [us, eu]) oracle.nodeStarted(node);
  const [earlier, later] = [forgedClient("p1.1"), forgedClient("p1.2")];
  for (const client of [earlier, later]) oracle.clientStarted(client);
  // Whoever starts first may begin last: it counts when a node welcomes it.
  beginnings.welcomed(us, earlier, 5);
  beginnings.online(earlier, us.id);
  beginnings.welcomed(eu, later, 6);
  beginnings.online(later, eu.id);
  trial.at = 60_000;
  const give = (node: typeof us, client: typeof earlier, stamp: Stamp, version: number) => {
    oracle.stored(node, forgedRecord(node.id, version, { stamp }));
    const item = { ...ORDER, stamp, since: 1, code: undefined, message: "" };
    oracle.sessionSent(node, client, { type: "registered", requestId: 1, items: [item] });
  };
  return { trial, world, us, eu, oracle, earlier, later, give };
}

test("S5 sees a stamp that falls in a node's table", () => {
  const { trial, oracle, us } = newCase();
  oracle.stored(us, forgedRecord("eu-1", 1, { stamp: stampOf(2) }));
  oracle.stored(us, forgedRecord("eu-1", 2, { stamp: stampOf(2), isSuspect: true }));
  assert.deepEqual(trial.complaints, []);
  oracle.stored(us, forgedRecord("us-1", 1, { stamp: stampOf(1, 9) }));
  assert.deepEqual(trial.complaints, ["S5"]);
});

test("S5 sees a program that registers what it was told it had lost", () => {
  const { trial, oracle, us, earlier } = newCase();
  const command = { commandId: 1, timeoutMs: 1_000, ...ORDER, state: InstanceState.up };
  const item = { ...ORDER, incarnation: 1, since: 0, state: InstanceState.up, scope: Scope.global };
  const body = new Uint8Array([1]);
  const register = () => {
    const items = [{ ...item, body }];
    oracle.requestSent(earlier, us, { type: "register", requestId: 1, items });
  };
  oracle.registration(earlier, ORDER, "registered");
  register();
  oracle.registration(earlier, ORDER, "superseded");
  oracle.asked(earlier, { type: "register", ...command, scope: Scope.global, body });
  register();
  assert.deepEqual(trial.complaints, [], "it was asked to register again");
  oracle.registration(earlier, ORDER, "superseded");
  register();
  assert.deepEqual(trial.complaints, ["S5"]);
});

test("S5 sees a node that gives an id back to the earlier process", () => {
  const { trial, us, earlier, later, give } = newCase();
  give(us, earlier, stampOf(1), 1);
  give(us, later, stampOf(2), 2);
  assert.deepEqual(trial.complaints, [], "the later process wins");
  give(us, earlier, stampOf(3), 3);
  assert.deepEqual(trial.complaints, ["S5"]);
});

test("S5 excuses a node that does not know better", () => {
  const { trial, world, oracle, us, eu, earlier, later, give } = newCase();
  give(eu, later, stampOf(2), 1);
  give(us, earlier, stampOf(3), 1);
  assert.deepEqual(trial.complaints, [], "it does not hold the later one's record");
  give(us, later, stampOf(4), 2);
  oracle.stored(us, tombstone("us-1", 3, { stamp: stampOf(4) }));
  give(us, earlier, stampOf(5), 4);
  assert.deepEqual(trial.complaints, [], "it holds a tombstone");
  oracle.stored(us, forgedRecord("eu-1", 2, { stamp: stampOf(6) }));
  give(eu, later, stampOf(6), 2);
  world.open("us-1", "eu-1", 55_000);
  give(us, earlier, stampOf(7), 5);
  assert.deepEqual(trial.complaints, [], "the owner was cut off");
  world.open("us-1", "eu-1", 1_000);
  oracle.stored(us, forgedRecord("eu-1", 3, { stamp: stampOf(8) }));
  give(eu, later, stampOf(8), 3);
  give(us, earlier, stampOf(9), 6);
  assert.deepEqual(trial.complaints, ["S5"]);
});
