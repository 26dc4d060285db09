import assert from "node:assert/strict";
import { test } from "node:test";
import { REGISTER_BATCH_COUNT_MAX } from "../limits.js";
import { InstanceState, Scope } from "../record.js";
import { Harness, stamp, WELCOME } from "./client-harness.fixture.js";

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

test("a change that no node heard of in its time takes nothing from the registration's", () => {
  const client = new Harness();
  client.start("n1");
  const content = { scope: Scope.global, state: InstanceState.up, body: new Uint8Array([100]) };
  client.command({ type: "register", id: "a", timeoutMs: 20_000, ...content });
  client.command({ type: "set-state", id: "a", state: InstanceState.offline, timeoutMs: 3_000 });
  assert.ok(client.elapse(3_000).includes("failed 2 deadline_exceeded"));
  while (client.machine.state !== "connecting") client.elapse(500);
  assert.deepEqual(client.connected(), ["send hello 1"]);
  assert.deepEqual(client.read(WELCOME).slice(-1), ["send register a/0/0/offline"]);
  const texts = client.registered(client.sent("register"), "a", stamp(1));
  assert.deepEqual(texts, ["a is registered", "done 1 done"]);
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
