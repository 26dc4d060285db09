import assert from "node:assert/strict";
import { test } from "node:test";
import { InstanceState, Scope } from "../record.js";
import { Harness, stamp, WELCOME } from "./client-harness.fixture.js";

/** Online, with `a` registered. */
function registered(): Harness {
  const client = new Harness().online();
  client.register("a");
  client.registered(client.sent("register"), "a", stamp(1));
  return client;
}

test("P7 a drain survives a reconnect with the time it has left", () => {
  const client = registered();
  assert.deepEqual(client.command({ type: "drain", id: "a", timeoutMs: 10_000 }), [
    "send draining a 10000",
  ]);
  const first = client.sent("set-state");
  // The node has taken it: that is not yet the end.
  assert.deepEqual(client.read({ type: "done", requestId: first }), []);
  client.disconnected();
  client.elapse(200);
  assert.deepEqual(client.connected(), [
    "send hello 2",
    "send register a/1/77/draining",
    "send draining a 9800",
  ]);
  const requestId = client.sent("set-state");
  assert.deepEqual(
    client.read({ type: "drained", requestId: first, confirmedCount: 9, unconfirmed: [] }),
    [],
  );
  assert.deepEqual(
    client.read({ type: "drained", requestId, confirmedCount: 2, unconfirmed: ["n2"] }),
    ["done 2 drained"],
  );
});

test("a drain without an answer ends all the same", () => {
  const client = new Harness();
  client.start("n1");
  client.register("a");
  client.command({ type: "drain", id: "a", timeoutMs: 1_000 });
  assert.ok(client.elapse(3_100).includes("failed 2 deadline_exceeded"));
});

test("online after drain takes the drain back", () => {
  const client = registered();
  client.command({ type: "drain", id: "a" });
  assert.deepEqual(client.command({ type: "set-state", id: "a", state: InstanceState.up }), [
    "failed 2 aborted",
    "send up a 0",
  ]);
});

// It was drained, everyone confirmed, and it was registered as up at the next connection.
test("P7 what is registered again is not drained by what was asked before", () => {
  const client = registered();
  client.disconnected();
  client.command({ type: "drain", id: "a" });
  client.command({ type: "deregister", id: "a" });
  assert.deepEqual(client.register("a"), ["failed 3 aborted", "failed 2 aborted"]);
  client.elapse(200);
  assert.deepEqual(client.connected(), ["send hello 2", "send register a/1/77/up"]);
});

test("P7 what everyone confirmed of a drain says nothing of a later one", () => {
  const client = registered();
  client.command({ type: "drain", id: "a" });
  const first = client.sent("set-state");
  client.command({ type: "set-state", id: "a", state: InstanceState.up });
  client.command({ type: "drain", id: "a" });
  const second = client.sent("set-state");
  const answer = { type: "drained", confirmedCount: 1, unconfirmed: [] } as const;
  assert.deepEqual(client.read({ ...answer, requestId: first }), []);
  assert.deepEqual(client.read({ ...answer, requestId: second }), ["done 4 drained"]);
});

test("a refusal of an earlier drain does not end a later one", () => {
  const client = registered();
  client.command({ type: "drain", id: "a" });
  const first = client.sent("set-state");
  client.command({ type: "drain", id: "a" });
  const refusal = { type: "refused", code: "invalid_argument", message: "no" } as const;
  assert.deepEqual(client.read({ ...refusal, requestId: first }), []);
  assert.deepEqual(client.read({ ...refusal, requestId: client.sent("set-state") }), [
    "failed 2 invalid_argument",
    "failed 3 invalid_argument",
  ]);
});

test("P7 the drain of a region's own instance names where its program was", () => {
  const client = new Harness().online({ region: "us" });
  const content = { scope: Scope.region, state: InstanceState.up, body: new Uint8Array(0) };
  client.command({ type: "register", id: "a", ...content });
  client.disconnected();
  client.elapse(200);
  client.connected();
  client.read({ ...WELCOME, region: "eu" });
  client.command({ type: "drain", id: "a" });
  const sent = client.effects.findLast(
    (effect) => effect.type === "send" && effect.message.type === "set-state",
  );
  assert.ok(sent?.type === "send" && sent.message.type === "set-state");
  assert.deepEqual(sent.message.leftRegions, ["us", "eu"]);
});
