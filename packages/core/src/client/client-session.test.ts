import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { REGISTER_BATCH_COUNT_MAX } from "../limits.js";
import type { MemberView, SessionMessage } from "../messages.js";
import { InstanceState, Scope, type Stamp } from "../record.js";
import { NEVER } from "../time.js";
import type { ClientEvent } from "./client-events.js";
import {
  assertRegistersAbove,
  Harness,
  member,
  snapshot,
  stamp,
  stateOf,
  WELCOME,
} from "./client-harness.fixture.js";
import { CLIENT_TRANSITIONS } from "./client-transitions.js";
import { RACE_COUNT_MAX, RACE_INTERVAL_MS } from "./connection-race.js";
import { origin, record } from "./view-records.fixture.js";

test("says everything with its hello, but what it registers before its first welcome", () => {
  const client = new Harness();
  client.register("a");
  client.step({ type: "watch", service: "s" });
  assert.deepEqual(client.start("n1"), ["resolve-seeds", "connect n1"]);
  assert.deepEqual(client.connected(), ["send hello 1", "send watch s "]);
  assert.deepEqual(client.read({ ...WELCOME, firstIncarnation: 40 }), [
    "online n1",
    "send register a/40/40/up",
  ]);
  assert.deepEqual(client.registered(client.sent("register"), "a", stamp(40)), [
    "a is registered",
    "done 1 done",
  ]);
  client.disconnected();
  client.elapse(200);
  assert.deepEqual(client.connected(), [
    "send hello 2",
    "send register a/40/40/up",
    "send watch s ",
  ]);
  client.read({ ...WELCOME, firstIncarnation: 90 });
  assert.deepEqual(
    client.register("b"),
    ["send register b/40/40/up"],
    "one process, one beginning",
  );
});

test("what was deregistered and is registered again is another life", () => {
  const client = new Harness().online({ firstIncarnation: 40 });
  client.register("a");
  client.registered(client.sent("register"), "a", stamp(40));
  client.command({ type: "deregister", id: "a" });
  client.read({ type: "done", requestId: client.sent("deregister") });
  assertRegistersAbove(client.register("a"), "a", 40);
});

// Whichever claimed it last: an earlier one may have taken it while the later one was away.
test("superseded by a process that began earlier: it goes above, wherever that one's stamp is", () => {
  for (const isAlive of [true, false]) {
    const client = new Harness().online({ firstIncarnation: 40 });
    client.register("a");
    const by = { service: "s", id: "a", stamp: stamp(60), isAlive, isUndecided: !isAlive };
    assertRegistersAbove(client.read({ type: "superseded", ...by, since: 39 }), "a", 60);
  }
});

test("superseded by a process that began later, or nobody knows when: it stops", () => {
  for (const since of [0, 40, 41]) {
    const client = new Harness().online({ firstIncarnation: 40 });
    client.register("a");
    const by = { service: "s", id: "a", stamp: stamp(60), isAlive: true, isUndecided: false };
    const texts = client.read({ type: "superseded", ...by, since });
    assert.deepEqual(texts, ["failed 1 aborted", "a is superseded"]);
  }
});

test("a process that registers an id again began no later for it", () => {
  const client = new Harness().online({ firstIncarnation: 40 });
  client.register("a");
  client.registered(client.sent("register"), "a", stamp(40));
  client.command({ type: "deregister", id: "a" });
  client.read({ type: "done", requestId: client.sent("deregister") });
  client.register("a");
  const by = {
    service: "s",
    id: "a",
    stamp: stamp(60),
    isAlive: true,
    isUndecided: false,
    since: 0,
  };
  assert.deepEqual(client.read({ type: "superseded", ...by }), [
    "failed 3 aborted",
    "a is superseded",
  ]);
});

// The earlier of two processes took the id back from a later one whose node was out of reach.
test("superseded by one that may come back: asks for a while, and takes the id only then", () => {
  const client = new Harness().online();
  client.register("a");
  client.registered(client.sent("register"), "a", stamp(3));
  const by = { service: "s", id: "a", stamp: stamp(5) };
  const undecided = (): string[] =>
    client.read({ type: "superseded", ...by, isAlive: false, isUndecided: true, since: 0 });
  assert.deepEqual(undecided(), []);
  const begin = client.now;
  const texts: string[] = [];
  while (new Set(texts).size < 2) {
    assert.ok(client.now - begin < 50_000, "it never takes the id back");
    const sent = client.elapse(500).filter((text) => text.startsWith("send register"));
    client.read({ type: "pong", sequence: 1, digests: [] });
    texts.push(...sent);
    if (sent.length > 0) texts.push(...undecided());
  }
  assert.equal(client.now - begin, 8_000, "asked every 2 s");
  const [waiting, taking = ""] = new Set(texts);
  assert.equal(waiting, "send register a/3/77/up");
  assertRegistersAbove([taking], "a", 5);
});

// Two answers about one tombstone came: the second claim stood below the first, which beat it.
test("superseded twice by the same: each claim is above the one before", () => {
  const client = new Harness().online();
  client.register("a");
  const by = { service: "s", id: "a", stamp: stamp(5), isAlive: false, isUndecided: false };
  const claim = (least: number) => {
    const answer = client.read({ type: "superseded", ...by, since: 0 });
    const sent = [...answer, ...client.elapse(900)];
    const texts = sent.filter((text) => text.startsWith("send register"));
    return assertRegistersAbove(texts, "a", least);
  };
  let last = claim(5);
  for (let count = 0; count < 3; count += 1) last = claim(last);
});

test("superseded by one that comes back: stops", () => {
  const client = new Harness().online();
  client.register("a");
  client.registered(client.sent("register"), "a", stamp(3));
  const by = { service: "s", id: "a", stamp: stamp(5) };
  client.read({ type: "superseded", ...by, isAlive: false, isUndecided: true, since: 0 });
  client.elapse(2_000);
  const back = { ...by, stamp: stamp(5), isAlive: true, isUndecided: false, since: 0 };
  assert.deepEqual(client.read({ type: "superseded", ...back }), ["a is superseded"]);
});

test("beats at the node's rhythm, and verifies the views at each tenth", () => {
  const client = new Harness().online();
  const texts: string[] = [];
  for (let beat = 1; beat <= 20; beat += 1) {
    texts.push(...client.elapse(1_000));
    client.read({ type: "pong", sequence: beat, digests: [] });
  }
  assert.equal(texts.length, 20);
  assert.deepEqual(
    texts.filter((text) => text.endsWith("digests")),
    ["send heartbeat 1 digests", "send heartbeat 11 digests"],
  );
});

test("a node that is silent for its ttl is left for another one at once", () => {
  const client = new Harness().online({ reconnectDelayMs: 500 });
  client.read({ type: "members", members: [member("n1"), member("n2")] });
  assert.deepEqual(client.elapse(2_999), ["send heartbeat 1 digests", "send heartbeat 2"]);
  assert.deepEqual(client.elapse(1), ["disconnect", "offline", "connect n2"]);
  assert.deepEqual(client.connected(), ["send hello 2"]);
});

test("a stall of this process is not taken for silence of the node", () => {
  const client = new Harness().online();
  client.now += 10_000;
  assert.deepEqual(client.step({ type: "tick" }), ["send heartbeat 1 digests"]);
  client.read({ type: "pong", sequence: 1, digests: [] });
  assert.equal(client.machine.state, "online");
  client.now += 10_000;
  client.step({ type: "tick" });
  client.elapse(1_000);
  assert.notEqual(client.machine.state, "online");
});

test("a session that the node ended is followed by the slot it had handed out", () => {
  const client = new Harness().online({ reconnectDelayMs: 700 });
  client.read({ type: "members", members: [member("n1"), member("n2")] });
  assert.deepEqual(client.disconnected(), ["disconnect", "offline"]);
  assert.deepEqual(client.elapse(699), []);
  assert.deepEqual(client.elapse(1), ["connect n2"]);
});

test("the slot is renewed with the pongs that carry digests", () => {
  const client = new Harness().online({ reconnectDelayMs: 0 });
  client.read({ type: "members", members: [member("n1"), member("n2")] });
  client.read({ type: "pong", sequence: 1, digests: [], reconnectDelayMs: 700 });
  client.read({ type: "pong", sequence: 2, digests: [] });
  assert.deepEqual(client.disconnected(), ["disconnect", "offline"]);
  assert.deepEqual(client.elapse(699), []);
  assert.deepEqual(client.elapse(1), ["connect n2"]);
});

// A node that ended each session after its welcome was stormed by every client (P10).
test("a node that ends every session at once is tried ever more rarely, until one lasts", () => {
  const client = new Harness();
  client.start("n1");
  const connectCounts: number[] = [];
  for (let second = 0; second < 30; second += 1) {
    let connectCount = 0;
    const end = client.now + 1_000;
    while (client.now < end) {
      if (stateOf(client) === "connecting") {
        connectCount += 1;
        client.connected();
        client.read(WELCOME);
        client.disconnected();
      }
      client.elapse(10);
    }
    connectCounts.push(connectCount);
  }
  assert.ok((connectCounts[0] ?? 0) <= 6, connectCounts.join());
  assert.ok(connectCounts.slice(10).reduce((sum, count) => sum + count) <= 10);
  while (stateOf(client) !== "connecting") client.elapse(10);
  client.connected();
  client.read(WELCOME);
  for (let beat = 0; beat < 4; beat += 1) {
    client.elapse(1_000);
    client.read({ type: "pong", sequence: beat, digests: [] });
  }
  client.disconnected();
  client.elapse(100);
  assert.equal(stateOf(client), "connecting", "one that has lasted is forgiven");
});

test("servers that cannot be reached are tried in turn, with a backoff of at most 5 s", () => {
  const client = new Harness();
  client.start("n1", "n2");
  const first = client.failed();
  assert.equal(first.length, 2);
  assert.deepEqual(first[0], "disconnect");
  client.failed();
  assert.equal(stateOf(client), "waiting");
  for (let round = 0; round < 20; round += 1) {
    assert.ok(client.machine.nextDeadline() - client.now <= 5_000);
    client.elapse(5_000);
    client.failAll();
    assert.equal(stateOf(client), "waiting");
  }
});

// One host that answered nothing stood before a good one until its instances were removed (P6).
test("a server that does not answer does not keep others from being tried", () => {
  const client = new Harness();
  client.start("n1", "n2", "n3");
  const [first] = client.open;
  assert.deepEqual(client.elapse(RACE_INTERVAL_MS - 1), []);
  assert.equal(client.elapse(1).length, 1);
  client.elapse(RACE_INTERVAL_MS);
  assert.deepEqual([...client.open], [1, 2, 3]);
  assert.deepEqual(client.elapse(RACE_INTERVAL_MS), [], "each server once");
  const won: ClientEvent = { type: "connected", attempt: 2 };
  assert.deepEqual(client.step(won), ["disconnect", "disconnect", "send hello 1"]);
  assert.deepEqual([...client.open], [2]);
  assert.deepEqual(client.step({ type: "connected", attempt: first ?? 0 }), ["disconnect"]);
  client.attempt = 2;
  client.read(WELCOME);
  assert.equal(stateOf(client), "online");
});

test("sockets that are opening are few, one that fails makes room, and all end with the client", () => {
  const client = new Harness();
  client.start(...Array.from({ length: 20 }, (_, index) => `n${index}`));
  client.elapse(2_000);
  assert.equal(client.open.size, RACE_COUNT_MAX);
  assert.deepEqual(
    client.step({ type: "connect-failed", attempt: 3, cause: "ECONNREFUSED" }).length,
    2,
    "it ends, and another begins",
  );
  assert.equal(client.open.size, RACE_COUNT_MAX);
  client.step({ type: "close" });
  assert.equal(client.open.size, 0);
});

test("an attempt of several that takes too long is given up, and the others go on", () => {
  const client = new Harness();
  client.start("n1", "n2");
  client.elapse(2_999);
  assert.deepEqual([...client.open], [1, 2]);
  client.elapse(1);
  assert.ok(!client.open.has(1) && client.open.has(2));
  client.step({ type: "connected", attempt: 2 });
  assert.equal(stateOf(client), "greeting");
});

test("a failed attempt is told once per server, and again after it had answered", () => {
  const client = new Harness();
  const levels = (): string[] =>
    client.effects.flatMap((one) =>
      one.type === "note" && one.event === "client.connect-failed" ? [one.level] : [],
    );
  client.start("n1");
  client.failed();
  client.elapse(100);
  client.failed();
  client.elapse(200);
  client.connected();
  client.read(WELCOME);
  assert.deepEqual(levels(), ["info", "debug"]);
});

test("an attempt that takes too long is given up, before and after the connection", () => {
  const client = new Harness();
  client.start("n1", "n2");
  const [next] = client.elapse(3_000).filter((text) => text.startsWith("connect"));
  assert.ok(next !== undefined);
  client.connected();
  assert.deepEqual(client.elapse(2_999), []);
  assert.equal(client.elapse(1)[0], "disconnect");
  assert.notEqual(client.machine.state, "greeting");
});

test("a refusal of the hello is told, and another server tried", () => {
  const client = new Harness();
  client.start("n1");
  client.connected();
  client.read({ type: "refused", requestId: 0, code: "unauthenticated", message: "who?" });
  const failure = client.effects.find((effect) => effect.type === "server-failed");
  assert.equal(failure?.code, "unauthenticated");
  assert.equal(client.machine.state, "waiting");
});

test("what comes from an attempt that is over changes nothing", () => {
  const client = new Harness().online();
  const before = client.attempt;
  client.elapse(3_000);
  const messages: ClientEvent[] = [
    { type: "message", attempt: before, message: WELCOME },
    { type: "disconnected", attempt: before, cause: "late" },
    { type: "connect-failed", attempt: before, cause: "late" },
  ];
  for (const event of messages) assert.deepEqual(client.step(event), []);
  assert.deepEqual(client.step({ type: "connected", attempt: before }), ["disconnect"]);
});

test("registers again on every session, with what was answered before", () => {
  const client = new Harness().online();
  assert.deepEqual(client.register("a"), ["send register a/0/0/up"]);
  client.registered(client.sent("register"), "a", stamp(4), 77);
  client.disconnected();
  client.elapse(200);
  assert.deepEqual(client.connected(), ["send hello 2", "send register a/4/77/up"]);
});

test("many registrations go out in as few messages as are allowed", () => {
  const client = new Harness();
  for (let index = 0; index < 2 * REGISTER_BATCH_COUNT_MAX + 5; index += 1) {
    client.register(`i${index}`);
  }
  client.start("n1");
  // Too much for a node that does not know yet who speaks.
  assert.deepEqual(client.connected(), ["send hello 1"]);
  assert.deepEqual(client.register("late"), []);
  const sizes = client
    .read(WELCOME)
    .filter((text) => text.startsWith("send register"))
    .map((text) => text.split(" ")[2]);
  assert.deepEqual(sizes, ["1000", "1000", "6"]);
});

test("a registration that is refused for now is tried again until its time is up", () => {
  const client = new Harness().online();
  client.register("a");
  const requestId = client.sent("register");
  client.read({ type: "refused", requestId, code: "unavailable", message: "warming up" });
  assert.deepEqual(client.elapse(100), ["send register a/0/0/up"]);
  client.read({
    type: "refused",
    requestId: client.sent("register"),
    code: "unavailable",
    message: "",
  });
  client.elapse(200);
  client.registered(client.sent("register"), "a", stamp(1));
  assert.equal(client.effects.at(-1)?.type, "command-done");
});

test("a registration that is refused for good fails and is forgotten", () => {
  const client = new Harness().online();
  client.register("a");
  const items = [
    { service: "s", id: "a", stamp: undefined, since: 0, code: "permission_denied", message: "no" },
  ] as const;
  const texts = client.read({ type: "registered", requestId: client.sent("register"), items });
  assert.deepEqual(texts, ["failed 1 permission_denied", "a is removed"]);
  client.disconnected();
  client.elapse(200);
  assert.deepEqual(client.connected(), ["send hello 2"]);
});

test("a registration that no node took in its time is forgotten", () => {
  const client = new Harness();
  client.start("n1");
  client.register("a");
  assert.ok(client.elapse(5_000).includes("failed 1 deadline_exceeded"));
  while (client.machine.state !== "connecting") client.elapse(500);
  assert.deepEqual(client.connected(), ["send hello 1"]);
});

test("a registration that may have been taken too late is undone", () => {
  const client = new Harness().online();
  client.register("a");
  for (let beat = 1; beat <= 5; beat += 1) {
    client.elapse(999);
    client.read({ type: "pong", sequence: beat, digests: [] });
  }
  const late = ["failed 1 deadline_exceeded", "send deregister a", "send heartbeat 5"];
  assert.deepEqual(client.elapse(5), late);
  const texts = client.read({ type: "done", requestId: client.sent("deregister") });
  assert.deepEqual(texts, ["a is removed"]);
});

test("one id can be registered once", () => {
  const client = new Harness().online();
  client.register("a");
  assert.deepEqual(client.register("a"), ["failed 2 already_exists"]);
});

test("an update that is refused leaves what was accepted", () => {
  const client = new Harness().online();
  client.register("a");
  client.registered(client.sent("register"), "a", stamp(1));
  assert.deepEqual(client.command({ type: "update", id: "a", body: new Uint8Array([7]) }), [
    "send register a/1/77/up",
  ]);
  const requestId = client.sent("register");
  assert.deepEqual(
    client.read({ type: "refused", requestId, code: "invalid_argument", message: "no" }),
    ["failed 2 invalid_argument"],
  );
  client.disconnected();
  client.elapse(200);
  client.connected();
  const last = client.effects.findLast(
    (effect) => effect.type === "send" && effect.message.type === "register",
  );
  assert.ok(last?.type === "send" && last.message.type === "register");
  assert.deepEqual(last.message.items[0]?.body, new Uint8Array([100]));
});

test("states are set at once, and wanted again after a reconnect", () => {
  const client = new Harness().online();
  client.register("a");
  client.registered(client.sent("register"), "a", stamp(1));
  const offline = { type: "set-state", id: "a", state: InstanceState.offline } as const;
  assert.deepEqual(client.command(offline), ["send offline a 0"]);
  client.disconnected();
  client.elapse(200);
  assert.deepEqual(client.connected(), ["send hello 2", "send register a/1/77/offline"]);
  assert.deepEqual(client.registered(client.sent("register"), "a", stamp(1, 2)), ["done 2 done"]);
});

test("a deregistration on a new session registers first, so that its tombstone counts", () => {
  const client = new Harness().online();
  client.register("a");
  client.registered(client.sent("register"), "a", stamp(1));
  assert.deepEqual(client.command({ type: "deregister", id: "a" }), ["send deregister a"]);
  client.disconnected();
  client.elapse(200);
  assert.deepEqual(client.connected(), [
    "send hello 2",
    "send register a/1/77/draining",
    "send deregister a",
  ]);
  assert.deepEqual(client.read({ type: "done", requestId: client.sent("deregister") }), [
    "done 2 done",
    "a is removed",
  ]);
});

test("an id that is being deregistered can be registered again", () => {
  const client = new Harness().online();
  client.register("a");
  client.registered(client.sent("register"), "a", stamp(1));
  client.command({ type: "deregister", id: "a" });
  const removal = client.sent("deregister");
  assert.deepEqual(client.register("a"), ["failed 2 aborted", "send register a/1/77/up"]);
  assert.deepEqual(client.read({ type: "done", requestId: removal }), []);
  assert.deepEqual(client.registered(client.sent("register"), "a", stamp(1)), [
    "a is registered",
    "done 3 done",
  ]);
});

test("superseded: stops for the living, goes above the gone, ignores what is old", () => {
  const client = new Harness().online();
  client.register("a");
  client.registered(client.sent("register"), "a", stamp(3));
  const superseded = (by: Stamp, isAlive: boolean): string[] =>
    client.read({
      type: "superseded",
      service: "s",
      id: "a",
      stamp: by,
      isAlive,
      isUndecided: false,
      since: 0,
    });
  assert.deepEqual(superseded(stamp(2), true), []);
  const above = assertRegistersAbove(superseded(stamp(5), false), "a", 5);
  client.registered(client.sent("register"), "a", stamp(above));
  assert.deepEqual(superseded(stamp(above + 1), true), ["a is superseded"]);
  client.disconnected();
  client.elapse(200);
  assert.deepEqual(client.connected(), ["send hello 2"]);
});

test("superseded by an equal stamp: another claimed the id at the same moment, and origins decide", () => {
  const client = new Harness().online();
  for (const id of ["a", "b"]) {
    client.register(id);
    client.registered(client.sent("register"), id, stamp(3));
  }
  const superseded = (id: string, isAlive: boolean): string[] =>
    client.read({
      type: "superseded",
      service: "s",
      id,
      stamp: stamp(3),
      isAlive,
      isUndecided: false,
      since: 0,
    });
  assert.deepEqual(superseded("a", true), ["a is superseded"]);
  assertRegistersAbove(superseded("b", false), "b", 3);
});

test("a refusal that comes with superseded is answered once", () => {
  const client = new Harness().online();
  client.register("a");
  client.registered(client.sent("register"), "a", stamp(3));
  client.disconnected();
  client.elapse(200);
  client.connected();
  client.read(WELCOME);
  const requestId = client.sent("register");
  const by = stamp(5);
  assertRegistersAbove(
    client.read({
      type: "superseded",
      service: "s",
      id: "a",
      stamp: by,
      isAlive: false,
      isUndecided: false,
      since: 0,
    }),
    "a",
    5,
  );
  const refused = { service: "s", id: "a", stamp: undefined, since: 0, message: "held" };
  client.read({ type: "registered", requestId, items: [{ ...refused, code: "aborted" }] });
  assert.deepEqual(client.elapse(999), []);
});

test("superseded over and over is answered ever more slowly", () => {
  const client = new Harness().online();
  client.register("a");
  client.registered(client.sent("register"), "a", stamp(1));
  let sentCount = 0;
  for (let round = 0; round < 100; round += 1) {
    const by = stamp(10 + 2 * round);
    const texts = client.read({
      type: "superseded",
      service: "s",
      id: "a",
      stamp: by,
      isAlive: false,
      isUndecided: false,
      since: 0,
    });
    sentCount += texts.filter((text) => text.startsWith("send register")).length;
  }
  assert.equal(sentCount, 1);
});

test("a watch shows the view, confirms what drains, and resumes where it was", () => {
  const client = new Harness().online();
  assert.deepEqual(client.step({ type: "watch", service: "s" }), [
    "view is incomplete",
    "send watch s ",
  ]);
  assert.deepEqual(client.read(snapshot(client.sent("watch"), "a")), [
    "view added a",
    "view is complete",
  ]);
  const draining = record("a", 2, { state: InstanceState.draining });
  const groups = [{ origin: draining.origin, records: [draining] }];
  const digest = { high: 0, low: 0 };
  assert.deepEqual(client.read({ type: "change", service: "s", groups, digest }), [
    "view updated a",
    "send confirm a",
  ]);
  client.disconnected();
  client.elapse(200);
  assert.deepEqual(client.connected(), ["send hello 2", "send watch s 2"]);
  const answer = { type: "snapshot", requestId: client.sent("watch"), service: "s" } as const;
  const position = [{ origin: origin("n1"), version: 2 }];
  const view = client.machine.view("s");
  assert.ok(view !== undefined);
  assert.deepEqual(
    client.read({
      ...{ ...answer, kind: "unchanged", isFinal: true, groups: [], position },
      digest: view.digest,
    }),
    ["view is complete current", "send confirm a"],
  );
});

test("an answer that was not asked for replaces the changes that were dropped", () => {
  const client = new Harness().online();
  client.step({ type: "watch", service: "s" });
  assert.deepEqual(client.read(snapshot(0, "a")), []);
  client.read(snapshot(client.sent("watch"), "a"));
  assert.deepEqual(client.read(snapshot(0, "a", "b")), ["view added b"]);
});

test("an answer to an earlier watch of the session is not taken for the newest", () => {
  const client = new Harness().online();
  client.step({ type: "watch", service: "s" });
  assert.deepEqual(client.read(snapshot(client.sent("watch") - 1, "a")), []);
});

test("a view that stays different from the node's is asked for from scratch, ever more rarely", () => {
  const client = new Harness().online();
  client.step({ type: "watch", service: "s" });
  client.read(snapshot(client.sent("watch"), "a"));
  const watchedAt: number[] = [];
  for (let beat = 1; beat <= 120; beat += 1) {
    client.elapse(1_000);
    const digests = [{ service: "s", digest: { high: 9, low: 9 } }];
    const texts = client.read({ type: "pong", sequence: beat, digests });
    if (texts.includes("send watch s ")) {
      watchedAt.push(beat);
      client.read(snapshot(client.sent("watch"), "a"));
    }
  }
  assert.deepEqual(watchedAt, [5, 15, 35, 75]);
});

test("a pong that is one turn ahead asks for nothing", () => {
  const client = new Harness().online();
  client.step({ type: "watch", service: "s" });
  client.read(snapshot(client.sent("watch"), "a"));
  const view = client.machine.view("s");
  assert.ok(view !== undefined);
  const { digest } = view;
  for (let beat = 1; beat <= 30; beat += 1) {
    client.elapse(1_000);
    const ahead = { high: 9, low: 9 };
    const digests = [{ service: "s", digest: beat % 3 === 0 ? digest : ahead }];
    assert.ok(!client.read({ type: "pong", sequence: beat, digests }).includes("send watch s "));
  }
});

test("a refused watch is told, and tried again", () => {
  const client = new Harness().online();
  client.step({ type: "watch", service: "s" });
  const requestId = client.sent("watch");
  assert.deepEqual(
    client.read({ type: "refused", requestId, code: "permission_denied", message: "no" }),
    ["watch-refused"],
  );
  client.read({ type: "pong", sequence: 0, digests: [] });
  const texts: string[] = [];
  for (let beat = 1; beat <= 5; beat += 1) {
    texts.push(...client.elapse(1_000));
    client.read({ type: "pong", sequence: beat, digests: [] });
  }
  assert.ok(texts.includes("send watch s "));
});

test("a query is asked again on a new session, and has a deadline", () => {
  const client = new Harness().online();
  assert.deepEqual(client.command({ type: "query" }), ["send query"]);
  const first = client.sent("query");
  client.disconnected();
  client.elapse(200);
  assert.deepEqual(client.connected(), ["send hello 2", "send query"]);
  assert.deepEqual(client.read(snapshot(first, "a")), []);
  assert.deepEqual(client.read(snapshot(client.sent("query"), "a")), ["done 1 instances"]);
  client.command({ type: "query", timeoutMs: 100 });
  assert.deepEqual(client.elapse(100), ["failed 2 deadline_exceeded"]);
});

test("close says goodbye, fails what waits, and refuses what comes after", () => {
  const client = new Harness().online();
  client.register("a");
  assert.deepEqual(client.step({ type: "close" }), [
    "send goodbye",
    "failed 1 cancelled",
    "a is removed",
    "disconnect",
    "closed",
  ]);
  assert.deepEqual(client.register("b"), ["failed 2 failed_precondition"]);
  assert.equal(client.machine.nextDeadline(), NEVER);
});

test("the near and the living come first", () => {
  const check = (members: readonly MemberView[], expected: string): void => {
    const client = new Harness().online();
    client.read({ type: "members", members });
    client.elapse(3_000);
    const last = client.effects.findLast((effect) => effect.type === "connect");
    assert.equal(last?.server.address, expected);
  };
  const near = member("near");
  const region = member("region", { zone: "y" });
  const far = member("far", { region: "q" });
  check([far, region, near], "near");
  check([far, region], "region");
  check([far], "far");
  check([{ ...near, status: "dead" }, far], "far");
  check(
    [
      { ...near, status: "suspect" },
      { ...region, status: "left" },
    ],
    "near",
  );
});

const eventArbitrary: fc.Arbitrary<(attempt: number) => ClientEvent> = fc.oneof(
  fc.constantFrom<(attempt: number) => ClientEvent>(
    () => ({ type: "start" }),
    () => ({ type: "seeds", servers: [{ address: "n1", serverName: undefined }] }),
    () => ({
      type: "seeds",
      servers: ["n1", "n2", "n3"].map((address) => ({ address, serverName: undefined })),
    }),
    () => ({ type: "tick" }),
    () => ({ type: "turn-end" }),
    () => ({ type: "watch", service: "s" }),
    () => ({ type: "unwatch", service: "s" }),
    (attempt) => ({ type: "connected", attempt }),
    (attempt) => ({ type: "connect-failed", attempt, cause: "" }),
    (attempt) => ({ type: "disconnected", attempt, cause: "" }),
    (attempt) => ({ type: "message", attempt, message: WELCOME }),
    (attempt) => ({ type: "message", attempt, message: { type: "move", delayMs: 9, reason: "" } }),
  ),
  fc
    .record({
      type: fc.constantFrom("register", "update", "set-state", "drain", "deregister", "query"),
      id: fc.constantFrom("a", "b"),
      commandId: fc.nat(),
      timeoutMs: fc.integer({ min: 1, max: 9_000 }),
    })
    .map((command) => () => {
      const content = { state: InstanceState.up, scope: Scope.global, body: new Uint8Array(1) };
      return { ...command, ...content, service: "s" } as ClientEvent;
    }),
  fc
    .record({
      type: fc.constantFrom("done", "refused", "drained", "registered", "snapshot"),
      requestId: fc.integer({ min: 0, max: 8 }),
      code: fc.constantFrom("unavailable", "permission_denied"),
    })
    .map((fields) => (attempt: number) => {
      const item = {
        service: "s",
        id: "a",
        stamp: stamp(1),
        since: 1,
        code: undefined,
        message: "",
      };
      const rest = { message: "", confirmedCount: 0, unconfirmed: [], items: [item] };
      const view = { service: "s", kind: "full", isFinal: true, groups: [], position: [] };
      const digest = { high: 0, low: 0 };
      const message = { ...rest, ...view, digest, ...fields } as unknown as SessionMessage;
      return { type: "message", attempt, message } as const;
    }),
);

test("any events in any state: commands end once, deadlines move on, sockets are ended", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(eventArbitrary, fc.integer({ min: 0, max: 4_000 })), { maxLength: 60 }),
      fc.nat(),
      (events, seed) => {
        const client = new Harness(seed);
        const ended = new Map<number, number>();
        const given = new Set<number>();
        let commandId = 0;
        for (const [make, ms] of events) {
          let event = make(client.attempt);
          if ("commandId" in event) {
            commandId += 1;
            event = { ...event, commandId };
            given.add(commandId);
          }
          client.step(event);
          client.elapse(ms);
          client.step({ type: "tick" });
          assert.ok(client.machine.nextDeadline() > client.now, "a tick must move the deadline on");
        }
        client.step({ type: "close" });
        const sockets = new Set<number>();
        for (const effect of client.effects) {
          if (effect.type === "connect") sockets.add(effect.attempt);
          if (effect.type === "disconnect") sockets.delete(effect.attempt);
          if (effect.type !== "command-done" && effect.type !== "command-failed") continue;
          ended.set(effect.commandId, (ended.get(effect.commandId) ?? 0) + 1);
        }
        assert.deepEqual([...sockets], [], "every socket must be ended");
        for (const id of given) assert.equal(ended.get(id), 1, `command ${id} must end once`);
      },
    ),
    { numRuns: 1_000 },
  );
});

test("every state has a cell for every event, and closed is the end", () => {
  const closed = new Set(Object.values(CLIENT_TRANSITIONS.closed));
  assert.deepEqual([...closed].sort(), ["drop", "ignore", "refuse"]);
});
