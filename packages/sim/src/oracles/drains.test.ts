import assert from "node:assert/strict";
import { test } from "node:test";
import type { CommandOutcome, RegistryRecord } from "@fpzk/core";
import { InstanceState } from "@fpzk/core";
import { ANSWER_MS, Drains, PATH_MS, type Subscriber } from "./drains.js";
import {
  ForgedWorld,
  forgedClient,
  forgedNode,
  forgedRecord,
  shownOf,
  Trial,
} from "./forged.fixture.js";
import { Reach } from "./reach.js";

const CONFIRMED: CommandOutcome = { kind: "drained", confirmedCount: 1, unconfirmed: [] };

/** A program at us-1 that drains, and a caller at eu-1 whose view shows what it is given. */
function newCase() {
  const trial = new Trial();
  const nodes = new ForgedWorld(trial, forgedNode("us-1"), forgedNode("eu-1"));
  const shown: RegistryRecord[] = [forgedRecord("us-1", 1)];
  const session = { isOpen: true };
  const drainer = subscriber("p1", "us-1", []);
  const caller = subscriber("p2", "eu-1", shown);
  const clients = new Map([drainer, caller].map((client) => [client.id, client]));
  const held = new Set<string>();
  const world = {
    ...{ nodes: nodes.nodes, clients, hasSession: () => session.isOpen },
    holds: ({ id }: { readonly id: string }) => held.has(id),
  };
  const began = { at: forgedRecord("us-1", 1).since };
  const oracle = new Drains(trial, new Reach(nodes), world, { clockOf: () => began.at });
  trial.at = PATH_MS + 10_000;
  const ask = () => {
    const timeoutMs = 5_000;
    oracle.asked(drainer, { type: "drain", commandId: 1, service: "orders", id: "o-1", timeoutMs });
  };
  return { trial, nodes, shown, session, held, began, drainer, caller, oracle, ask };
}

function subscriber(id: string, connectedNodeId: string, shown: RegistryRecord[]): Subscriber {
  return {
    ...forgedClient(id),
    machine: { state: "online", connectedNodeId },
    viewStates: new Map([["orders", { isCurrent: true }]]),
    instances: () => shown.map(shownOf),
  };
}

test("P7 sees a caller that can still pick what everyone confirmed", () => {
  const { trial, oracle, ask, drainer } = newCase();
  ask();
  oracle.commandDone(drainer, 1, CONFIRMED);
  assert.deepEqual(trial.complaints, ["P7"]);
});

test("P7 is content where the caller does not pick it, or was named", () => {
  const { trial, oracle, ask, drainer, shown } = newCase();
  ask();
  oracle.commandDone(drainer, 1, { ...CONFIRMED, unconfirmed: ["eu-1/p2"] });
  shown[0] = forgedRecord("us-1", 2, { state: InstanceState.draining });
  ask();
  oracle.commandDone(drainer, 1, CONFIRMED);
  shown.length = 0;
  ask();
  oracle.commandDone(drainer, 1, CONFIRMED);
  assert.deepEqual(trial.complaints, []);
});

test("P7 excuses a caller without a session, and one that nobody could reach for long", () => {
  const { trial, oracle, ask, drainer, session, nodes } = newCase();
  session.isOpen = false;
  ask();
  oracle.commandDone(drainer, 1, CONFIRMED);
  session.isOpen = true;
  nodes.open("us-1", "eu-1", trial.at - 1_000);
  ask();
  oracle.commandDone(drainer, 1, CONFIRMED);
  assert.deepEqual(trial.complaints, []);
  trial.at += PATH_MS;
  ask();
  oracle.commandDone(drainer, 1, CONFIRMED);
  assert.deepEqual(trial.complaints, ["P7"]);
});

test("P7 excuses what a region's own instance left where every node has lost it", () => {
  const { trial, oracle, ask, drainer, held } = newCase();
  held.add("us-1");
  ask();
  oracle.commandDone(drainer, 1, CONFIRMED);
  assert.deepEqual(trial.complaints, []);
  held.add("eu-1");
  ask();
  oracle.commandDone(drainer, 1, CONFIRMED);
  assert.deepEqual(trial.complaints, ["P7"]);
});

test("P7 is content where the caller picks what another process registered under that id", () => {
  const { trial, oracle, ask, drainer, caller, shown, began } = newCase();
  began.at += 1;
  ask();
  oracle.commandDone(drainer, 1, CONFIRMED);
  oracle.picked(caller, "orders", shown.map(shownOf)[0]);
  assert.deepEqual(trial.complaints, []);
});

test("P7 sees a request that goes to what was drained, until its program wants it back", () => {
  const { trial, oracle, ask, drainer, caller, shown } = newCase();
  const [instance] = shown.map(shownOf);
  shown.length = 0;
  ask();
  oracle.commandDone(drainer, 1, CONFIRMED);
  oracle.picked(caller, "orders", undefined);
  assert.deepEqual(trial.complaints, []);
  oracle.picked(caller, "orders", instance);
  assert.deepEqual(trial.complaints, ["P7"]);
  const state = InstanceState.up;
  const wish = { commandId: 2, timeoutMs: 1_000, service: "orders", id: "o-1", state };
  oracle.asked(drainer, { type: "set-state", ...wish });
  oracle.picked(caller, "orders", instance);
  assert.equal(trial.complaints.length, 1);
});

test("L3 sees a drain that does not end, or ends late", () => {
  const { trial, oracle, ask, drainer } = newCase();
  ask();
  trial.at += 5_000 + ANSWER_MS;
  oracle.look();
  assert.deepEqual(trial.complaints, []);
  trial.at += 1;
  oracle.look();
  oracle.look();
  assert.deepEqual(trial.complaints, ["L3"]);
  ask();
  trial.at += 5_000 + ANSWER_MS + 1;
  oracle.commandFailed(drainer, 1);
  assert.deepEqual(trial.complaints, ["L3", "L3"]);
});

test("L3 gives a process that stood still the time that it slept", () => {
  const { trial, oracle, ask, drainer } = newCase();
  ask();
  trial.at += 30_000;
  oracle.look();
  assert.deepEqual(trial.complaints, ["L3"]);
  ask();
  Object.assign(drainer, { frozenUntil: trial.at + 30_000 });
  trial.at += 30_000 + ANSWER_MS;
  oracle.look();
  assert.equal(trial.complaints.length, 1);
});
