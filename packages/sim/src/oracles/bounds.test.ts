import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DELTA_MAX_BYTES,
  EMPTY_DIGEST,
  PEER_FRAME_MAX_BYTES,
  REGISTER_BATCH_COUNT_MAX,
  SESSION_FRAME_MAX_BYTES,
} from "@fpzk/core";
import { Bounds } from "./bounds.js";
import { forgedClient, forgedNode, forgedRecord, Trial } from "./forged.fixture.js";
import { smallWorld, watcher } from "./small-world.fixture.js";

const HEARTBEAT = { type: "heartbeat", sequence: 1, wantsDigests: false } as const;
const GOODBYE = { type: "goodbye" } as const;

function newOracle() {
  const trial = new Trial();
  const oracle = new Bounds(trial, { nodes: new Map(), clients: new Map() });
  return { trial, oracle, node: forgedNode("us-1"), client: forgedClient("p1") };
}

test("P10 sees frames beyond their bounds", () => {
  const { trial, oracle, node, client } = newOracle();
  const canary = { type: "delta", groups: [] } as const;
  oracle.peerSent(node, node, canary, PEER_FRAME_MAX_BYTES);
  oracle.requestSent(client, node, HEARTBEAT, SESSION_FRAME_MAX_BYTES);
  assert.deepEqual(trial.complaints, []);
  oracle.peerSent(node, node, canary, PEER_FRAME_MAX_BYTES + 1);
  oracle.requestSent(client, node, GOODBYE, SESSION_FRAME_MAX_BYTES + 1);
  const part = { type: "snapshot", requestId: 1, service: "orders", kind: "full" } as const;
  const whole = { ...part, isFinal: true, groups: [], position: [], digest: EMPTY_DIGEST };
  oracle.sessionSent(node, client, whole, 2 * DELTA_MAX_BYTES);
  const items = Array.from({ length: REGISTER_BATCH_COUNT_MAX + 1 }, () => forgedItem());
  oracle.requestSent(client, node, { type: "register", requestId: 1, items }, 100);
  assert.deepEqual(trial.complaints, ["P10", "P10", "P10", "P10"]);
});

function forgedItem() {
  const { service, id, scope, state, since, body } = forgedRecord("us-1", 1);
  return { service, id, scope, state, since, body, incarnation: 1 };
}

test("P10 sees a sender that loops", () => {
  const trial = new Trial();
  const { nodes, clients } = smallWorld({ us: 1 });
  const oracle = new Bounds(trial, { nodes, clients });
  const [node] = nodes.values();
  assert.ok(node !== undefined);
  oracle.stored(node, forgedRecord("us-1", 1));
  for (let count = 0; count < 101; count += 1) {
    oracle.requestSent(forgedClient("p1"), node, HEARTBEAT, 10);
  }
  oracle.look();
  assert.ok(trial.text.includes("messages of p1 in a second: 101"), trial.text);
});

test("P10 sees a node that holds more than ever existed", () => {
  const trial = new Trial();
  const world = smallWorld({ us: 2 });
  const oracle = new Bounds(trial, world);
  world.observe({
    stored: (node, record) => oracle.stored(node, record),
    clientStarted: (client) => oracle.clientStarted(client),
  });
  for (const node of world.nodes.values()) {
    for (const slot of node.node.table.slots()) oracle.stored(node, node.node.table.read(slot));
  }
  watcher(world, "p1", "us-1");
  world.run(3_000);
  oracle.look();
  assert.deepEqual(trial.complaints, []);
  // A second world's clients are unknown to the oracle: their sessions are too many.
  const blind = new Bounds(trial, world);
  blind.look();
  assert.ok(trial.text.includes("sessions of us-1: 1, and the bound is 0"), trial.text);
});
