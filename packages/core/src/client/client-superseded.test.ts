import assert from "node:assert/strict";
import { test } from "node:test";
import type { SupersededMessage } from "../messages.js";
import { InstanceState } from "../record.js";
import { assertRegistersAbove, Harness, stamp, WELCOME } from "./client-harness.fixture.js";

/** That the process of this incarnation has the id `a`: gone and of unknown age, if not told. */
function superseded(
  incarnation: number,
  by: Partial<Pick<SupersededMessage, "isAlive" | "isUndecided" | "since">> = {},
): SupersededMessage {
  const gone = { isAlive: false, isUndecided: false, since: 0 };
  return { type: "superseded", service: "s", id: "a", stamp: stamp(incarnation), ...gone, ...by };
}

/** Online, with `a` registered under an incarnation. */
function registered(incarnation: number, welcome: { firstIncarnation?: number } = {}): Harness {
  const client = new Harness().online(welcome);
  client.register("a");
  client.registered(client.sent("register"), "a", stamp(incarnation));
  return client;
}

test("what was deregistered and is registered again is another life", () => {
  const client = registered(40, { firstIncarnation: 40 });
  client.command({ type: "deregister", id: "a" });
  client.read({ type: "done", requestId: client.sent("deregister") });
  assertRegistersAbove(client.register("a"), "a", 40);
});

// Whichever claimed it last: an earlier one may have taken it while the later one was away.
test("superseded by a process that began earlier: it goes above, wherever that one's stamp is", () => {
  for (const isAlive of [true, false]) {
    const client = new Harness().online({ firstIncarnation: 40 });
    client.register("a");
    const by = superseded(60, { isAlive, isUndecided: !isAlive, since: 39 });
    assertRegistersAbove(client.read(by), "a", 60);
  }
});

test("superseded by a process that began later, or nobody knows when: it stops", () => {
  for (const since of [0, 40, 41]) {
    const client = new Harness().online({ firstIncarnation: 40 });
    client.register("a");
    const texts = client.read(superseded(60, { isAlive: true, since }));
    assert.deepEqual(texts, ["failed 1 aborted", "a is superseded"]);
  }
});

test("a process that registers an id again began no later for it", () => {
  const client = registered(40, { firstIncarnation: 40 });
  client.command({ type: "deregister", id: "a" });
  client.read({ type: "done", requestId: client.sent("deregister") });
  client.register("a");
  const texts = client.read(superseded(60, { isAlive: true }));
  assert.deepEqual(texts, ["failed 3 aborted", "a is superseded"]);
});

// The earlier of two processes took the id back from a later one whose node was out of reach.
test("superseded by one that may come back: asks for a while, and takes the id only then", () => {
  const client = registered(3);
  const undecided = (): string[] => client.read(superseded(5, { isUndecided: true }));
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

// The session does not hold it yet: what is changed meanwhile is refused, and said again with it.
test("changed while it waits for another: the refusal ends nothing", () => {
  const client = new Harness().online({ firstIncarnation: 4 });
  client.register("a");
  client.command({ type: "set-state", id: "a", state: InstanceState.offline });
  const refusal = { type: "refused", code: "not_found", message: "" } as const;
  const requestId = client.sent("set-state");
  client.read(superseded(5, { isUndecided: true }));
  assert.deepEqual(client.read({ ...refusal, requestId }), []);
  client.command({ type: "drain", id: "a" });
  assert.deepEqual(client.read({ ...refusal, requestId: client.sent("set-state") }), []);
  const texts = client.elapse(100);
  assert.deepEqual(texts, ["send register a/4/4/draining", "send draining a 4900"]);
  const answers = client.registered(client.sent("register"), "a", stamp(4));
  assert.deepEqual(answers, ["a is registered", "done 1 done", "done 2 done"]);
});

// Two answers about one tombstone came: the second claim stood below the first, which beat it.
test("superseded twice by the same: each claim is above the one before", () => {
  const client = new Harness().online();
  client.register("a");
  const claim = (least: number) => {
    const answer = client.read(superseded(5));
    const sent = [...answer, ...client.elapse(900)];
    const texts = sent.filter((text) => text.startsWith("send register"));
    return assertRegistersAbove(texts, "a", least);
  };
  let last = claim(5);
  for (let count = 0; count < 3; count += 1) last = claim(last);
});

test("superseded by one that comes back: stops", () => {
  const client = registered(3);
  client.read(superseded(5, { isUndecided: true }));
  client.elapse(2_000);
  assert.deepEqual(client.read(superseded(5, { isAlive: true })), ["a is superseded"]);
});

test("superseded: stops for the living, goes above the gone, ignores what is old", () => {
  const client = registered(3);
  assert.deepEqual(client.read(superseded(2, { isAlive: true })), []);
  const above = assertRegistersAbove(client.read(superseded(5)), "a", 5);
  client.registered(client.sent("register"), "a", stamp(above));
  assert.deepEqual(client.read(superseded(above + 1, { isAlive: true })), ["a is superseded"]);
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
  assert.deepEqual(client.read(superseded(3, { isAlive: true })), ["a is superseded"]);
  assertRegistersAbove(client.read({ ...superseded(3), id: "b" }), "b", 3);
});

test("a refusal that comes with superseded is answered once", () => {
  const client = registered(3);
  client.disconnected();
  client.elapse(200);
  client.connected();
  client.read(WELCOME);
  const requestId = client.sent("register");
  assertRegistersAbove(client.read(superseded(5)), "a", 5);
  const refused = { service: "s", id: "a", stamp: undefined, since: 0, message: "held" };
  client.read({ type: "registered", requestId, items: [{ ...refused, code: "aborted" }] });
  assert.deepEqual(client.elapse(999), []);
});

test("superseded over and over is answered ever more slowly", () => {
  const client = registered(1);
  let sentCount = 0;
  for (let round = 0; round < 100; round += 1) {
    const texts = client.read(superseded(10 + 2 * round));
    sentCount += texts.filter((text) => text.startsWith("send register")).length;
  }
  assert.equal(sentCount, 1);
});
