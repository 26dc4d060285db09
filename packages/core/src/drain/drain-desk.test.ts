import assert from "node:assert/strict";
import { test } from "node:test";
import { EMPTY_DIGEST } from "../hash.js";
import type { RoutePayload } from "../messages.js";
import type { Effect } from "../node/events.js";
import { describeNode, NodeBench, toSession } from "../node/node.fixture.js";
import {
  InstanceState,
  type Origin,
  RecordKind,
  type RegistryRecord,
  RemovalReason,
  Scope,
} from "../record.js";
import { DRAIN_ASK_INTERVAL_MS } from "./drain-table.js";

const NAME = { namespace: "default", service: "cart", id: "x" };
const WRITER: Origin = { nodeId: "b", generation: 1, scope: Scope.global };
const STAMP = { incarnation: 1, session: 1, claim: 1 };

/** A node of which nothing but its own record is known. */
function meet(bench: NodeBench, nodeId: string, generation = 1): void {
  const origin = { nodeId, generation, scope: Scope.global };
  const stamp = { incarnation: generation, session: 0, claim: 0 };
  const record = {
    ...{ kind: RecordKind.node, scope: Scope.global, namespace: "", service: "", id: nodeId },
    ...{ origin, version: 1, stamp, state: InstanceState.up, isSuspect: false },
    ...{ reason: RemovalReason.none, since: 0, body: new Uint8Array([1]) },
  };
  bench.hear(1, { type: "delta", groups: [{ origin, from: 0, to: 1, records: [record] }] });
}

function drain(bench: NodeBench, session: number, timeoutMs = 10_000): void {
  const state = InstanceState.draining;
  const wish = { state, timeoutMs, leftRegions: [] };
  bench.say(session, { type: "set-state", requestId: 9, ...NAME, ...wish });
}

function watch(bench: NodeBench, session: number): Effect[] {
  const request = { requestId: 5, service: "cart", position: [], digest: EMPTY_DIGEST };
  return bench.say(session, { type: "watch", ...request });
}

function confirm(bench: NodeBench, session: number, stamp = STAMP): Effect[] {
  return bench.say(session, { type: "confirm", service: "cart", id: "x", stamp });
}

function drained(effects: readonly Effect[], session: number) {
  return toSession(effects, session).find((message) => message.type === "drained");
}

function routed(effects: readonly Effect[]): RoutePayload[] {
  return effects.flatMap((effect) =>
    effect.type === "send-links" && effect.message.type === "route" ? [effect.message.payload] : [],
  );
}

/** Node `b` lets `a` have a record of its own that drains. */
function hearDrain(bench: NodeBench, version = 1): Effect[] {
  const record = {
    ...NAME,
    ...{ kind: RecordKind.instance, scope: Scope.global, origin: WRITER, version, stamp: STAMP },
    ...{ state: InstanceState.draining, isSuspect: false, reason: RemovalReason.none, since: 1 },
    body: new Uint8Array([1]),
  };
  const group = { origin: WRITER, from: version - 1, to: version, records: [record] };
  return bench.hear(1, { type: "delta", groups: [group] });
}

test("P7 a dead node is waited for, and named: its subscribers may hear it well", () => {
  const bench = new NodeBench();
  for (const nodeId of ["b", "c"]) {
    bench.link(nodeId === "b" ? 1 : 2, nodeId);
    meet(bench, nodeId);
  }
  bench.openSession(1);
  bench.register(1, "x");
  bench.step({ type: "link-close", link: 1 });
  const lists = { entries: [], floors: [], hears: [], ended: [] };
  const liveOn = () => {
    bench.beat(1);
    bench.hear(2, { type: "digest", ...lists, isReady: true, repair: "none" });
  };
  bench.runUntil(60_000, liveOn);
  assert.equal(bench.node.members().find((each) => each.nodeId === "b")?.status, "dead");
  drain(bench, 1);
  bench.effects.length = 0;
  bench.runUntil(75_000, liveOn);
  assert.deepEqual(drained(bench.effects, 1)?.unconfirmed, ["b", "c"]);
});

test("P7 a node whose process is known to have ended is not waited for", () => {
  const bench = new NodeBench();
  bench.link(1, "b");
  meet(bench, "b");
  bench.openSession(1);
  bench.register(1, "x");
  bench.step({ type: "link-close", link: 1 });
  const refused = { type: "dial-failed", address: "node1", cause: "refused", detail: "" } as const;
  bench.runUntil(10_000, () => {
    bench.beat(1);
    bench.step(refused);
  });
  assert.equal(bench.node.members().find((each) => each.nodeId === "b")?.status, "dead");
  bench.effects.length = 0;
  drain(bench, 1);
  assert.deepEqual(drained(bench.effects, 1)?.unconfirmed, []);
});

test("P7 a new process that has met nobody names the seeds it could not reach", () => {
  const bench = new NodeBench({ seeds: ["10.0.0.7:7100", "10.0.0.8:7100"] });
  const failed = { type: "dial-failed", detail: "" } as const;
  bench.step({ ...failed, address: "10.0.0.7:7100", cause: "timeout" });
  bench.step({ ...failed, address: "10.0.0.8:7100", cause: "refused" });
  bench.runUntil(5_000);
  assert.ok(bench.node.isReady);
  bench.openSession(1);
  bench.register(1, "x");
  drain(bench, 1, 1_000);
  bench.effects.length = 0;
  bench.runUntil(7_000, () => bench.beat(1));
  assert.deepEqual(drained(bench.effects, 1)?.unconfirmed, ["10.0.0.7:7100"]);
});

test("P7 a node that has not reported is asked again, and a question is answered", () => {
  const bench = new NodeBench();
  bench.link(1, "b");
  meet(bench, "b");
  bench.openSession(1);
  bench.register(1, "x");
  drain(bench, 1);
  bench.effects.length = 0;
  bench.runUntil(DRAIN_ASK_INTERVAL_MS + 1);
  const [question] = routed(bench.effects);
  assert.ok(question?.kind === "drain-confirm" && question.isQuestion && question.id === "x");

  const other = new NodeBench();
  other.link(1, "b");
  meet(other, "b");
  other.openSession(2, "subscriber");
  watch(other, 2);
  hearDrain(other, 2);
  const ask = { ...question, stamp: STAMP } as const;
  const hear = () =>
    routed(other.hear(1, { type: "route", to: "a", from: "b", hops: 1, payload: ask }));
  const [pending] = hear();
  assert.ok(pending?.kind === "drain-confirm" && !pending.isQuestion);
  assert.deepEqual(pending.unconfirmed, ["a/subscriber"]);
  assert.equal(pending.generation, 5);
  confirm(other, 2);
  const [done] = hear();
  assert.ok(done?.kind === "drain-confirm");
  assert.deepEqual([done.confirmedCount, done.unconfirmed], [1, []]);
});

test("P7 a session that broke is waited for until its client must have noticed", () => {
  const bench = new NodeBench();
  bench.openSession(1);
  bench.openSession(2, "subscriber");
  bench.register(1, "x");
  watch(bench, 2);
  bench.step({ type: "session-close", session: 2 });
  drain(bench, 1);
  bench.effects.length = 0;
  bench.runUntil(3_400, () => bench.beat(1));
  assert.equal(drained(bench.effects, 1), undefined);
  bench.runUntil(3_600, () => bench.beat(1));
  assert.deepEqual(drained(bench.effects, 1)?.unconfirmed, []);
});

test("a subscriber that says goodbye, or opens a later session, is not waited for", () => {
  for (const end of ["goodbye", "later"] as const) {
    const bench = new NodeBench();
    bench.openSession(1);
    bench.openSession(2, "subscriber");
    bench.register(1, "x");
    watch(bench, 2);
    bench.effects.length = 0;
    drain(bench, 1);
    assert.equal(drained(bench.effects, 1), undefined);
    if (end === "goodbye") bench.say(2, { type: "goodbye" });
    else bench.openSession(3, "subscriber", 2);
    assert.deepEqual(drained(bench.effects, 1)?.unconfirmed, [], end);
  }
});

// Its view is from another node, which may have told the writer that nobody there picks.
test("P7 a node that is warming up tells what drains before it answers a watch", () => {
  const bench = new NodeBench({ seeds: ["10.0.0.7:7100"] });
  bench.link(1, "b");
  hearDrain(bench, 1);
  assert.ok(!bench.node.isReady);
  bench.openSession(2, "subscriber");
  const messages = toSession(watch(bench, 2), 2);
  assert.deepEqual(
    messages.map((message) => message.type),
    ["change"],
  );
});

test("P7 a subscriber that is silent until its session ends is not waited for any longer", () => {
  const bench = new NodeBench();
  bench.openSession(1);
  bench.openSession(2, "subscriber");
  bench.register(1, "x");
  watch(bench, 2);
  drain(bench, 1);
  bench.effects.length = 0;
  bench.runUntil(7_900, () => bench.beat(1));
  assert.equal(drained(bench.effects, 1), undefined);
  bench.runUntil(8_500, () => bench.beat(1));
  assert.deepEqual(drained(bench.effects, 1)?.unconfirmed, []);
});

const HOME: Origin = { nodeId: "h", generation: 1, scope: Scope.region };
const LATER = { incarnation: 1, session: 2, claim: 1 };

/** Node `a` of region `r`, which holds what another node there wrote for its region alone. */
function leftBehind(): NodeBench {
  const bench = new NodeBench();
  bench.link(1, "h");
  meet(bench, "h");
  const key = { kind: RecordKind.instance, scope: Scope.region, ...NAME };
  const stamp = { incarnation: 1, session: 1, claim: 0 };
  const content = { state: InstanceState.up, isSuspect: false, reason: RemovalReason.none };
  const record = { ...key, origin: HOME, version: 1, stamp, ...content, since: 1 };
  const records = [{ ...record, body: new Uint8Array([1]) }];
  bench.hear(1, { type: "delta", groups: [{ origin: HOME, from: 0, to: 1, records }] });
  bench.openSession(2, "subscriber");
  watch(bench, 2);
  return bench;
}

/** What is answered to a node of another region that asks what is left here. */
function askLeft(bench: NodeBench, stamp = LATER): readonly string[] {
  const about = { kind: "drain-confirm", recordKind: RecordKind.instance, ...NAME, stamp } as const;
  const question = { confirmedCount: 0, unconfirmed: [], isQuestion: true, isLeft: true } as const;
  const payload = { ...about, ...question, generation: 0 };
  const message = { type: "route", to: "a", from: "far", hops: 1, payload } as const;
  const [answer] = routed(bench.hear(2, message));
  assert.ok(answer?.kind === "drain-confirm" && !answer.isQuestion && answer.generation === 5);
  assert.deepEqual(answer.stamp, stamp);
  return answer.unconfirmed;
}

// It moved to another region when its node died, and this one's callers went on picking it.
test("P7 what a program left behind in a region drains with it, once its node is gone", () => {
  const bench = leftBehind();
  bench.link(2, "far", "q");
  assert.deepEqual(askLeft(bench), ["a"], "its node may still show it");
  bench.step({ type: "link-close", link: 1 });
  const refused = { type: "dial-failed", address: "node1", cause: "refused", detail: "" } as const;
  bench.runUntil(5_000, () => {
    bench.beat(2);
    bench.step(refused);
  });
  assert.deepEqual(askLeft(bench), ["a"]);
  const { state, isSuspect } = bench.instance("x") ?? {};
  assert.deepEqual([state, isSuspect], [InstanceState.draining, true]);
  assert.deepEqual(askLeft(bench), ["a/subscriber"]);
  // Above what a view here may have seen of it, and all nodes of the region have lost.
  assert.deepEqual(bench.instance("x")?.stamp, LATER);
  confirm(bench, 2, LATER);
  assert.deepEqual(askLeft(bench), []);
  assert.equal(bench.instance("x")?.reason, RemovalReason.drained);
});

// Its program has deregistered and registered it again elsewhere, so that the incarnations differ.
test("P7 what was left behind and adopted drains with a later registration", () => {
  const bench = leftBehind();
  bench.link(2, "far", "q");
  const adopted = { ...bench.instance("x"), isSuspect: true, version: 2 } as RegistryRecord;
  const records = [{ ...adopted, stamp: { incarnation: 1, session: 1, claim: 1 } }];
  bench.hear(1, { type: "delta", groups: [{ origin: HOME, from: 1, to: 2, records }] });
  assert.deepEqual(askLeft(bench, { ...LATER, incarnation: 2 }), ["a"], "its adopter drains it");
});

test("P6 what a later process holds in a region is not drained by what was there before", () => {
  const bench = leftBehind();
  bench.link(2, "far", "q");
  assert.deepEqual(askLeft(bench, { incarnation: 1, session: 0, claim: 9 }), []);
  assert.deepEqual(askLeft(bench, { incarnation: 2, session: 1, claim: 1 }), []);
  assert.equal(bench.instance("x")?.state, InstanceState.up);
});

test("P7 a region that a program has left is asked at once, and named until it answers", () => {
  const decodeNodeDescription = (body: Uint8Array) =>
    describeNode(body[0] === 9 ? "q" : "r", `node${body[0] ?? 0}`);
  const bench = new NodeBench({ decodeNodeDescription });
  bench.link(1, "b");
  meet(bench, "b");
  bench.link(2, "far", "q");
  const origin = { nodeId: "far", generation: 1, scope: Scope.global };
  const stamp = { incarnation: 1, session: 0, claim: 0 };
  const node = {
    kind: RecordKind.node,
    scope: Scope.global,
    namespace: "",
    service: "",
    id: "far",
  };
  const content = { state: InstanceState.up, isSuspect: false, reason: RemovalReason.none };
  const record = { ...node, origin, version: 1, stamp, ...content, since: 0 };
  const records = [{ ...record, body: new Uint8Array([9]) }];
  bench.hear(2, { type: "delta", groups: [{ origin, from: 0, to: 1, records }] });
  bench.openSession(1);
  const item = { service: "cart", id: "x", state: InstanceState.up, scope: Scope.region };
  const items = [{ ...item, incarnation: 1, since: 0, body: new Uint8Array([1]) }];
  bench.say(1, { type: "register", requestId: 1, items });
  const wish = { state: InstanceState.draining, timeoutMs: 1_000, leftRegions: ["r", "q"] };
  bench.effects.length = 0;
  const asked = bench.say(1, { type: "set-state", requestId: 9, ...NAME, ...wish });
  const left = routed(asked).filter((each) => each.kind === "drain-confirm" && each.isLeft);
  assert.equal(left.length, 1);
  bench.runUntil(1_500, () => bench.beat(1));
  assert.ok(drained(bench.effects, 1)?.unconfirmed.includes("far"));
});
