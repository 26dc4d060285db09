import assert from "node:assert/strict";
import { test } from "node:test";
import { NodeStatus } from "../instance.js";
import { instant } from "../time.js";
import {
  CANARY_STALE_MS,
  DEAD_TTL_MS,
  livingGeneration,
  Membership,
  SUSPICION_MS,
} from "./membership.js";

const NO_ONE = { direct: new Set<string>(), vouched: new Set<string>() };

/** us-1 looks at us-2, eu-1 and eu-2. */
function createMembership(): Membership {
  const membership = new Membership({ nodeId: "us-1", region: "us" });
  for (const nodeId of ["us-1", "us-2", "eu-1", "eu-2"]) announce(membership, nodeId, 1, 0);
  return membership;
}

function announce(membership: Membership, nodeId: string, generation: number, now: number): void {
  const region = nodeId.slice(0, 2);
  const description = { region, zone: "", address: nodeId, peerAddress: nodeId, tls: false };
  membership.announced(nodeId, { generation, description, now: instant(now) });
}

/** Hears the same for a while; the statuses at the end. */
function statusesAfter(membership: Membership, direct: readonly string[], durationMs: number) {
  const hearing = { direct: new Set(direct), vouched: new Set<string>() };
  for (let at = 0; at <= durationMs; at += 200) {
    for (const nodeId of direct) membership.wrote(nodeId, instant(at));
    membership.evaluate(hearing, instant(at));
  }
  return Object.fromEntries(membership.all.map((member) => [member.nodeId, member.status]));
}

const LONG_MS = CANARY_STALE_MS + SUSPICION_MS + 1_000;

test("a node that its neighbour ought to hear and does not is dead", () => {
  const statuses = statusesAfter(createMembership(), ["eu-1", "us-2"], LONG_MS);
  assert.deepEqual(statuses, {
    "us-1": NodeStatus.alive,
    "us-2": NodeStatus.alive,
    "eu-1": NodeStatus.alive,
    "eu-2": NodeStatus.dead,
  });
});

test("a region of which nothing is heard is unreachable, not dead (P6)", () => {
  const statuses = statusesAfter(createMembership(), ["us-2"], 10 * LONG_MS);
  assert.equal(statuses["eu-1"], NodeStatus.unreachable);
  assert.equal(statuses["eu-2"], NodeStatus.unreachable);
});

test("a node that hears nobody believes nobody dead", () => {
  const membership = createMembership();
  const statuses = statusesAfter(membership, [], 10 * LONG_MS);
  assert.deepEqual(new Set(Object.values(statuses)), new Set(["alive", "unreachable"]));
  assert.ok(membership.hasUnexplainedSilence);
});

test("a refused connection confirms a death at once", () => {
  const membership = createMembership();
  membership.evaluate(NO_ONE, instant(100));
  assert.equal(membership.get("us-2")?.status, NodeStatus.suspect);
  membership.refused("us-2", instant(200));
  membership.evaluate(NO_ONE, instant(200));
  assert.equal(membership.get("us-2")?.status, NodeStatus.dead);
});

test("a neighbour that is heard vouches, and a new life ends a death", () => {
  const membership = createMembership();
  statusesAfter(membership, ["us-2", "eu-1"], LONG_MS);
  assert.equal(membership.get("eu-2")?.status, NodeStatus.dead);
  const vouched = { direct: new Set(["us-2", "eu-1"]), vouched: new Set(["eu-2"]) };
  membership.evaluate(vouched, instant(LONG_MS + 200));
  assert.equal(membership.get("eu-2")?.status, NodeStatus.alive);
  membership.departed("eu-2", 1, instant(LONG_MS + 300));
  membership.evaluate(vouched, instant(LONG_MS + 400));
  assert.equal(membership.get("eu-2")?.status, NodeStatus.left);
  announce(membership, "eu-2", 2, LONG_MS + 500);
  assert.equal(membership.get("eu-2")?.status, NodeStatus.alive);
});

test("an old life's goodbye does not end the new one", () => {
  const membership = createMembership();
  announce(membership, "eu-2", 2, 100);
  membership.departed("eu-2", 1, instant(200));
  assert.equal(membership.get("eu-2")?.status, NodeStatus.alive);
});

test("silence makes suspect at once, and confirmed death only after the suspicion", () => {
  const membership = createMembership();
  const hearing = { direct: new Set(["us-2", "eu-1"]), vouched: new Set<string>() };
  const statusAt = (at: number) => {
    membership.wrote("eu-1", instant(at));
    membership.evaluate(hearing, instant(at));
    return membership.get("eu-2")?.status;
  };
  assert.equal(statusAt(CANARY_STALE_MS - 1), NodeStatus.alive, "its canary is still fresh");
  assert.equal(statusAt(CANARY_STALE_MS), NodeStatus.suspect);
  assert.ok(membership.hasUnexplainedSilence);
  assert.equal(statusAt(CANARY_STALE_MS + SUSPICION_MS - 1), NodeStatus.suspect);
  assert.equal(statusAt(CANARY_STALE_MS + SUSPICION_MS), NodeStatus.dead);
  assert.ok(!membership.hasUnexplainedSilence, "a confirmed death is explained");
});

test("a canary that arrives, by whatever path, proves the life of another region's node", () => {
  const membership = createMembership();
  for (let at = 0; at < 60_000; at += CANARY_STALE_MS / 2) {
    membership.wrote("eu-1", instant(at));
    membership.evaluate(NO_ONE, instant(at));
    assert.equal(membership.get("eu-1")?.status, NodeStatus.alive);
  }
  assert.notEqual(membership.get("us-2")?.status, NodeStatus.alive, "here it takes a link");
});

test("a refusal of before the silence confirms nothing", () => {
  const membership = createMembership();
  membership.refused("us-2", instant(50));
  membership.evaluate(NO_ONE, instant(100));
  membership.evaluate(NO_ONE, instant(200));
  assert.equal(membership.get("us-2")?.status, NodeStatus.suspect);
});

test("one that is heard again is alive, whatever it was; this node always is", () => {
  const membership = createMembership();
  statusesAfter(membership, ["us-2", "eu-1"], LONG_MS);
  const heard = { direct: new Set(["eu-2"]), vouched: new Set<string>() };
  const changed = membership.evaluate(heard, instant(LONG_MS + 1));
  assert.ok(changed.some((one) => one.nodeId === "eu-2" && one.status === NodeStatus.alive));
  membership.departed("us-1", 9, instant(LONG_MS + 2));
  assert.equal(membership.get("us-1")?.status, NodeStatus.alive);
});

test("each change is told once", () => {
  const membership = createMembership();
  assert.deepEqual(
    membership.evaluate(NO_ONE, instant(100)).map((one) => one.nodeId),
    ["us-2"],
  );
  assert.deepEqual(membership.evaluate(NO_ONE, instant(200)), []);
});

test("word of an old life changes nothing", () => {
  const membership = createMembership();
  announce(membership, "eu-2", 3, 100);
  announce(membership, "eu-2", 2, 200);
  assert.equal(membership.get("eu-2")?.generation, 3);
  membership.departed("eu-2", 3, instant(300));
  announce(membership, "eu-2", 2, 400);
  assert.equal(membership.get("eu-2")?.status, NodeStatus.left);
});

test("who left belongs to no region any more", () => {
  const membership = createMembership();
  membership.departed("eu-2", 1, instant(100));
  assert.deepEqual(membership.inRegion("eu"), ["eu-1"]);
  assert.deepEqual(membership.regions, ["eu", "us"]);
});

test("a node that left is let go of in time, one long dead is named to be buried", () => {
  const membership = createMembership();
  const statuses = statusesAfter(membership, ["eu-1", "us-2"], LONG_MS);
  assert.equal(statuses["eu-2"], NodeStatus.dead);
  membership.departed("us-2", 1, instant(LONG_MS));
  const leftTtlMs = 1_000;
  const namesAt = (now: number) =>
    membership.forget(instant(now), { leftTtlMs }).map((member) => member.nodeId);

  assert.deepEqual(namesAt(LONG_MS + leftTtlMs - 1), []);
  assert.notEqual(membership.get("us-2"), undefined);
  assert.deepEqual(namesAt(LONG_MS + leftTtlMs), []);
  assert.equal(membership.get("us-2"), undefined);
  assert.deepEqual(namesAt(LONG_MS + DEAD_TTL_MS), ["eu-2"]);
});

test("a dead node is known to have ended only when a host refused for it, here or elsewhere", () => {
  const membership = createMembership();
  statusesAfter(membership, ["us-2", "eu-1"], LONG_MS);
  const isEnded = () => membership.get("eu-2")?.isEnded;
  assert.equal(membership.get("eu-2")?.status, NodeStatus.dead);
  assert.equal(isEnded(), false, "others are silent about it: it may be cut off, with its clients");
  membership.ended("us-2", 1);
  assert.equal(membership.get("us-2")?.isEnded, false, "one that is heard has not ended");
  membership.ended("eu-2", 0);
  assert.equal(isEnded(), false, "an earlier life");
  membership.ended("eu-2", 1);
  assert.equal(isEnded(), true);
  announce(membership, "eu-2", 2, LONG_MS + 1);
  assert.equal(isEnded(), false, "another life");
});

test("a refusal ends a node that is dead, and being heard takes that back", () => {
  const membership = createMembership();
  membership.evaluate(NO_ONE, instant(100));
  membership.refused("us-2", instant(200));
  membership.evaluate(NO_ONE, instant(200));
  assert.equal(membership.get("us-2")?.isEnded, true);
  membership.evaluate({ direct: new Set(["us-2"]), vouched: new Set() }, instant(300));
  assert.equal(membership.get("us-2")?.isEnded, false);
});

// A region that came back whole, without disks and with clocks behind, was turned away for ever.
test("who comes back with a lower generation is let in unless the higher one is heard", () => {
  const membership = createMembership();
  announce(membership, "eu-1", 9, 0);
  assert.equal(livingGeneration(membership.all, "eu-1"), 9);
  statusesAfter(membership, [], LONG_MS);
  assert.equal(membership.get("eu-1")?.status, NodeStatus.unreachable);
  assert.equal(livingGeneration(membership.all, "eu-1"), 0);
  assert.equal(livingGeneration(membership.all, "never-heard-of"), 0);
});

test("lists are the same until who is there changes, and follow it then", () => {
  const membership = createMembership();
  assert.equal(membership.inRegion("eu"), membership.inRegion("eu"));
  assert.equal(membership.all, membership.all);
  assert.deepEqual(membership.regions, ["eu", "us"]);

  membership.departed("eu-1", 1, instant(10));
  assert.deepEqual(membership.inRegion("eu"), ["eu-2"]);
  announce(membership, "eu-1", 2, 20);
  assert.deepEqual(membership.inRegion("eu"), ["eu-1", "eu-2"]);
  announce(membership, "ap-1", 1, 30);
  assert.deepEqual(membership.regions, ["ap", "eu", "us"]);
  assert.deepEqual(
    membership.all.map(({ nodeId }) => nodeId),
    ["ap-1", "eu-1", "eu-2", "us-1", "us-2"],
  );
  membership.departed("ap-1", 1, instant(40));
  membership.forget(instant(1_000), { leftTtlMs: 100 });
  assert.deepEqual(membership.regions, ["eu", "us"]);
});
