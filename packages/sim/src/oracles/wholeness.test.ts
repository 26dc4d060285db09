import assert from "node:assert/strict";
import { test } from "node:test";
import { EMPTY_DIGEST, InstanceState, NODE_CONFIG_DEFAULT } from "@fpzk/core";
import { bodyOf } from "../history/instance-body.js";
import type { SimClient } from "../world/sim-client.js";
import type { World } from "../world/world.js";
import { Beginnings } from "./beginnings.js";
import { forgedRecord, stampOf } from "./forged.fixture.js";
import { register, SERVICE, smallWorld, watcher } from "./small-world.fixture.js";
import { Wholeness } from "./wholeness.js";
import { Wishes } from "./wishes.js";

const ORDER = { service: SERVICE, id: "o-1" };

/** Two nodes in one region and one in another; p1 registers, p2 looks on. */
function newCase() {
  const world = smallWorld({ us: 2, eu: 1 });
  const beginnings = new Beginnings(() => world.now());
  const wishes = new Wishes<SimClient>(beginnings);
  world.observe({
    clientStarted: (client) => wishes.clientStarted(client),
    clientEnded: (client) => wishes.clientEnded(client),
    asked: (client, event) => wishes.asked(client, event),
    sessionSent: (node, client, message) => {
      if (message.type !== "welcome") return;
      beginnings.welcomed(node, client, message.firstIncarnation);
    },
    noted: (process, { event, fields }) => {
      if (event !== "client.online" || !("machine" in process)) return;
      beginnings.online(process, String(fields["nodeId"]));
      wishes.began(process);
    },
    registration: (client, instance, status) => wishes.registration(client, instance, status),
  });
  const p1 = world.addClient({ clientId: "p1", region: "us", seeds: ["us-1"] });
  const p2 = watcher(world, "p2", "eu-1");
  register(p1, "o-1");
  world.run(2_000);
  const wholeness = new Wholeness(world, wishes);
  return { world, wishes, wholeness, p1, p2 };
}

/** Puts a record into a node's table behind its back. */
function smuggle(world: World, ...nodeIds: string[]): void {
  for (const nodeId of nodeIds) {
    const change = { id: "o-9", stamp: stampOf(1), body: bodyOf("us") };
    world.node(nodeId).node.table.put(forgedRecord("us-9", 1, change));
  }
}

test("a world of which nothing is broken is whole", () => {
  const { wholeness } = newCase();
  assert.equal(wholeness.defect(), undefined);
});

test("L1 sees nodes that hold different records", () => {
  const { world, wholeness } = newCase();
  smuggle(world, "us-2");
  assert.equal(wholeness.defect()?.oracle, "L1");
  assert.match(wholeness.defect()?.text ?? "", /o-9/);
});

test("L1 sees a view that lacks what its node holds", () => {
  const { world, wholeness } = newCase();
  smuggle(world, "us-1", "us-2", "eu-1");
  assert.equal(wholeness.defect()?.oracle, "L1");
  assert.match(wholeness.defect()?.text ?? "", /the view of orders at p2 differs/);
});

test("what a view saw removed, and every node lost the removal of, it may lack", () => {
  const { world, wholeness, p2 } = newCase();
  const live = (id: string) => {
    const change = { id, stamp: stampOf(1), body: bodyOf("us") };
    for (const node of world.nodes.values()) node.node.table.put(forgedRecord("us-9", 1, change));
  };
  const removals = ["o-7", "o-8"].map((id, index) => {
    live(id);
    return forgedRecord("us-8", index + 1, { id, stamp: stampOf(1), state: InstanceState.removed });
  });
  const groups = [
    { origin: { nodeId: "us-8", generation: 1, scope: 0 } as const, records: removals },
  ];
  p2.machine
    .view(SERVICE)
    ?.applyChange({ type: "change", service: SERVICE, groups, digest: EMPTY_DIGEST });
  assert.equal(wholeness.defect(), undefined);
  live("o-9");
  assert.match(wholeness.defect()?.text ?? "", /node alone has 1 orders\/o-9/);
});

test("P6 sees what is wanted and not registered, or not alive in a view", () => {
  const { world, wholeness, p1, p2 } = newCase();
  register(p2, "o-2");
  assert.equal(wholeness.defect()?.oracle, "P6");
  world.run(1_000);
  assert.equal(wholeness.defect(), undefined);
  world.freeze(p1, 5_000);
  world.run(4_500);
  assert.deepEqual(wholeness.defect()?.oracle, "P6");
  assert.match(wholeness.defect()?.text ?? "", /o-1 of p1 is suspect/);
});

test("S5 sees two processes that hold one id", () => {
  const { world, wishes, wholeness, p1 } = newCase();
  const later = watcher(world, "p1.2", "us-2");
  register(later, "o-1");
  assert.ok(world.runUntil(() => p1.statuses.get("orders/o-1") === "superseded", 20_000));
  world.run(1_000);
  assert.equal(wholeness.defect(), undefined);
  wishes.registration(p1, ORDER, "registered");
  assert.equal(wholeness.defect()?.oracle, "S5");
  wishes.registration(p1, ORDER, "registering");
  assert.equal(wholeness.defect()?.oracle, "S5");
});

test("L2 sees what is left of the dead after their time", () => {
  const { world, wishes } = newCase();
  const config = { ...NODE_CONFIG_DEFAULT, sessionTtlMs: 100, confirmationMs: 100 };
  const { nodes, clients } = world;
  const impatient = new Wholeness({ now: () => world.now(), config, nodes, clients }, wishes);
  world.crashClient("p1", true);
  impatient.unwanted("orders/o-1");
  world.run(2_400);
  assert.equal(impatient.defect(), undefined, "its time is not over yet");
  world.run(500);
  assert.equal(impatient.defect()?.oracle, "L2");
  world.run(10_000);
  assert.equal(impatient.defect(), undefined);
});
