import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { SessionMessage } from "../messages.js";
import { InstanceState, Scope } from "../record.js";
import { NEVER } from "../time.js";
import type { ClientEvent } from "./client-events.js";
import { Harness, member, stamp, WELCOME } from "./client-harness.fixture.js";
import { CLIENT_TRANSITIONS } from "./client-transitions.js";

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
