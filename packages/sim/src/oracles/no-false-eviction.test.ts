import assert from "node:assert/strict";
import { test } from "node:test";
import { RemovalReason, Scope, type SessionMessage, type Stamp } from "@fpzk/core";
import {
  type ForgedClient,
  ForgedWorld,
  forgedClient,
  forgedNode,
  stampOf,
  Trial,
  tombstone,
} from "./forged.fixture.js";
import { NoFalseEviction, REACH_MS } from "./no-false-eviction.js";
import { Reach } from "./reach.js";

const ORDER = { service: "orders", id: "o-1" };
const SILENT = { reason: RemovalReason.silent };

/** Two nodes and a program, registered at the first, in a world that has stood for long. */
function newCase() {
  const trial = new Trial();
  const [home, other] = [forgedNode("us-1"), forgedNode("us-2")];
  const world = new ForgedWorld(trial, home, other);
  const oracle = new NoFalseEviction(trial, new Reach(world), world.nodes);
  const program = forgedClient("p1");
  const register = (client: ForgedClient, stamp: Stamp) => {
    oracle.sessionSent(home, client, registered(stamp));
    oracle.registration(client, ORDER, "registered");
  };
  register(program, stampOf(1));
  trial.at = REACH_MS + 1_000;
  return { trial, world, home, other, oracle, program, register };
}

function registered(stamp: Stamp): SessionMessage {
  const item = { ...ORDER, stamp, since: 1, code: undefined, message: "" };
  return { type: "registered", requestId: 1, items: [item] };
}

test("S4 sees a tombstone over an instance that lives and can reach a node", () => {
  const { trial, home, oracle } = newCase();
  oracle.stored(home, tombstone("us-1", 2, SILENT));
  assert.deepEqual(trial.complaints, ["S4"]);
  assert.ok(trial.text.includes("p1 lives"), trial.text);
});

test("S4 counts a way over another node, and not one that is too young", () => {
  const { trial, world, home, oracle } = newCase();
  world.open("p1", "us-1", Number.POSITIVE_INFINITY);
  world.open("p1", "us-2", 2_000);
  oracle.stored(home, tombstone("us-1", 2, SILENT));
  assert.deepEqual(trial.complaints, []);
  world.open("p1", "us-2", 1_000);
  oracle.stored(home, tombstone("us-1", 2, SILENT));
  assert.deepEqual(trial.complaints, ["S4"]);
});

test("S4 excuses a remover that is cut off from every node that the process can reach", () => {
  const { trial, world, home, oracle } = newCase();
  world.open("p1", "us-1", Number.POSITIVE_INFINITY);
  world.open("us-1", "us-2", Number.POSITIVE_INFINITY);
  oracle.stored(home, tombstone("us-1", 2, SILENT));
  assert.deepEqual(trial.complaints, []);
});

test("S4 excuses a remover that hears nothing of the node that the process is content with", () => {
  const { trial, world, home, oracle, program } = newCase();
  program.machine.connectedNodeId = "us-2";
  world.open("us-1", "us-2", trial.at - 1_000);
  oracle.stored(home, tombstone("us-1", 2, SILENT));
  assert.deepEqual(trial.complaints, []);
  world.open("us-1", "us-2", 0);
  oracle.stored(home, tombstone("us-1", 2, SILENT));
  assert.deepEqual(trial.complaints, ["S4"]);
});

test("S4 knows that a region's own is told to that region's nodes alone", () => {
  const { trial, world, home, other, oracle, program } = newCase();
  const [near, far] = [forgedNode("us-3"), forgedNode("eu-1")];
  for (const node of [near, far]) world.nodes.set(node.id, node);
  program.machine.connectedNodeId = other.id;
  world.open(home.id, other.id, Number.POSITIVE_INFINITY);
  world.open(home.id, near.id, Number.POSITIVE_INFINITY);
  const own = { ...SILENT, scope: Scope.region };
  oracle.stored(home, tombstone("us-1", 2, own));
  assert.deepEqual(trial.complaints, []);
  oracle.stored(home, tombstone("us-1", 2, SILENT));
  assert.deepEqual(trial.complaints, ["S4"], "what is everybody's goes over the other region");
  world.open(home.id, near.id, 0);
  oracle.stored(home, tombstone("us-1", 3, own));
  assert.deepEqual(trial.complaints, ["S4", "S4"]);
});

test("S4 knows that a region's own goes with its program, also between two sessions there", () => {
  const { trial, world, home, oracle, program } = newCase();
  const away = forgedNode("eu-1");
  world.nodes.set(away.id, away);
  const own = { ...SILENT, scope: Scope.region };
  oracle.sessionSent(away, program, registered(stampOf(1, 2)));
  oracle.stored(home, tombstone("us-1", 2, own));
  assert.deepEqual(trial.complaints, []);
  oracle.sessionSent(home, program, registered(stampOf(1, 3)));
  oracle.stored(home, tombstone("us-1", 2, { ...own, stamp: stampOf(1, 3) }));
  assert.deepEqual(trial.complaints, ["S4"]);
});

test("S4 excuses what was asked for, what stood still, and what is not registered", () => {
  const { trial, home, oracle, program } = newCase();
  oracle.stored(home, tombstone("us-1", 2));
  program.frozenUntil = 5_000;
  oracle.stored(home, tombstone("us-1", 2, SILENT));
  program.frozenUntil = 0;
  oracle.registration(program, ORDER, "superseded");
  oracle.stored(home, tombstone("us-1", 2, SILENT));
  assert.deepEqual(trial.complaints, []);
});

test("S4 knows whose session a tombstone is over", () => {
  const { trial, home, other, oracle, program, register } = newCase();
  const earlier = { ...program, id: "p0" };
  register(earlier, stampOf(0));
  oracle.registration(earlier, ORDER, "superseded");
  oracle.stored(home, tombstone("us-1", 3, { ...SILENT, stamp: stampOf(0) }));
  assert.deepEqual(trial.complaints, []);
  // Another node speaks for the owner: the claim is raised, the session is the same.
  oracle.stored(other, tombstone("us-2", 3, { ...SILENT, stamp: stampOf(1, 1, 1) }));
  assert.deepEqual(trial.complaints, ["S4"]);
});
