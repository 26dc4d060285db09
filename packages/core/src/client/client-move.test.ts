import assert from "node:assert/strict";
import { test } from "node:test";
import { InstanceState, Scope } from "../record.js";
import type { ClientEvent } from "./client-events.js";
import { Harness, member, snapshot, stamp, stateOf, WELCOME } from "./client-harness.fixture.js";
import { HOME_DELAY_MS } from "./homecoming.js";

test("a node that asks to move is left when the next one has welcomed this client", () => {
  const client = new Harness().online();
  client.read({ type: "members", members: [member("n1"), member("n2", { zone: "y" })] });
  client.register("a");
  client.registered(client.sent("register"), "a", stamp(4));
  const left = client.attempt;
  assert.deepEqual(client.read({ type: "move", delayMs: 400, reason: "shutdown" }), []);
  assert.deepEqual(client.elapse(399), []);
  assert.deepEqual(client.elapse(1), ["connect n2"]);
  // The session goes on until the new socket is open, then everything is said there.
  assert.deepEqual(client.elapse(600), ["send heartbeat 1 digests"]);
  client.step({
    type: "message",
    attempt: left,
    message: { type: "pong", sequence: 1, digests: [] },
  });
  assert.deepEqual(client.connected(), ["offline", "send hello 2", "send register a/4/77/up"]);
  assert.deepEqual(client.read({ ...WELCOME, nodeId: "n2" }), ["online n2"]);
  client.registered(client.sent("register"), "a", { ...stamp(4), session: 2 });
  assert.deepEqual(client.elapse(499), []);
  assert.deepEqual(client.elapse(1), ["disconnect"]);
  assert.equal(client.machine.connectedNodeId, "n2");
});

test("a node that asks to move is stayed with while no other can be reached", () => {
  const client = new Harness().online();
  client.read({ type: "members", members: [member("n1"), member("n2")] });
  const session = client.attempt;
  client.read({ type: "move", delayMs: 10, reason: "rebalance" });
  assert.deepEqual(client.elapse(10), ["connect n2"]);
  assert.deepEqual(client.failed(), ["disconnect"]);
  assert.equal(client.machine.connectedNodeId, "n1");
  assert.deepEqual(client.elapse(100), ["connect n2"]);
  const lost: ClientEvent = { type: "disconnected", attempt: session, cause: "closed" };
  assert.deepEqual(client.step(lost), ["disconnect", "disconnect", "offline"]);
  client.elapse(5_000);
  assert.equal(stateOf(client), "connecting");
});

// A node that hears nothing of a client removes its instances 5 s after it asked it to move.
test("a node to move to that answers nothing costs a second, and more only when tried again", () => {
  const client = new Harness().online();
  client.read({ type: "members", members: [member("n1"), member("n2"), member("n3")] });
  const beat = (ms: number) => {
    const texts = client.elapse(ms).filter((text) => !text.startsWith("send"));
    const message = { type: "pong", sequence: 1, digests: [] } as const;
    client.step({ type: "message", attempt: session, message });
    return texts;
  };
  const session = client.attempt;
  client.read({ type: "move", delayMs: 0, reason: "nothing was heard" });
  const [first] = beat(10);
  assert.match(first ?? "", /^connect n[23]$/);
  assert.deepEqual(beat(980), []);
  const [, second] = beat(10);
  assert.match(second ?? "", /^connect n[23]$/);
  assert.notEqual(second, first);
  assert.deepEqual(beat(1_000), ["disconnect", first]);
  assert.deepEqual(beat(2_900), []);
  assert.deepEqual(beat(100), ["disconnect", "disconnect", "offline", "connect n1"]);
});

test("a client that is moved on at once ends every socket", () => {
  const client = new Harness().online();
  const ended = (): number[] =>
    client.effects.flatMap((one) => (one.type === "disconnect" ? [one.attempt] : []));
  client.read({ type: "members", members: ["n1", "n2", "n3"].map((id) => member(id)) });
  for (const nodeId of ["x", "y"]) {
    client.read({ type: "move", delayMs: 10, reason: "rebalance" });
    client.elapse(10);
    client.connected();
    client.read({ ...WELCOME, nodeId });
  }
  assert.equal(client.attempt, 3);
  assert.deepEqual(ended(), [1]);
  client.elapse(500);
  assert.deepEqual(ended(), [1, 2]);
});

test("the only node that asks to move is left for itself", () => {
  const client = new Harness().online();
  client.read({ type: "move", delayMs: 400, reason: "shutdown" });
  assert.deepEqual(client.elapse(400), ["disconnect", "offline", "connect n1"]);
});

test("a node that closes before the delay it asked for is not left earlier", () => {
  const client = new Harness().online();
  client.read({ type: "move", delayMs: 400, reason: "shutdown" });
  assert.deepEqual(client.disconnected(), ["disconnect", "offline"]);
  assert.deepEqual(client.elapse(399), []);
  assert.deepEqual(client.elapse(1), ["connect n1"]);
});

// A drain said that everyone had confirmed while a subscriber moved, which went on picking.
test("P7 the old session ends when the new node has answered every watch, and says so", () => {
  const client = new Harness().online();
  client.read({ type: "members", members: [member("n1"), member("n2")] });
  client.step({ type: "watch", service: "s" });
  client.read(snapshot(client.sent("watch"), "a"));
  const left = client.attempt;
  client.read({ type: "move", delayMs: 10, reason: "rebalance" });
  client.elapse(10);
  client.connected();
  client.read({ ...WELCOME, nodeId: "n2" });
  assert.deepEqual(client.elapse(900), [], "one that is not answered stays");
  client.read(snapshot(client.sent("watch"), "a"));
  client.effects.length = 0;
  assert.deepEqual(client.elapse(0), ["send unwatch", "disconnect"]);
  const said = client.effects.flatMap((effect) => {
    if (effect.type === "attach" || effect.type === "disconnect") {
      return [`${effect.type} ${effect.attempt === left ? "old" : "new"}`];
    }
    return effect.type === "send" ? [`send ${effect.message.type}`] : [];
  });
  assert.deepEqual(said, ["attach old", "send unwatch", "attach new", "disconnect old"]);
});

test("the old session ends without a word when the new node does not answer", () => {
  const client = new Harness().online();
  client.read({ type: "members", members: [member("n1"), member("n2")] });
  client.step({ type: "watch", service: "s" });
  client.read({ type: "move", delayMs: 10, reason: "rebalance" });
  client.elapse(10);
  client.connected();
  client.read({ ...WELCOME, nodeId: "n2", isReady: false });
  const texts: string[] = [];
  for (let beat = 0; beat < 10; beat += 1) {
    texts.push(...client.elapse(500));
    client.read({ type: "pong", sequence: 1, digests: [] });
  }
  assert.deepEqual(
    texts.filter((text) => !text.startsWith("send heartbeat")),
    ["disconnect"],
  );
});

test("what is its region's own is taken out of the region that is left", () => {
  for (const region of ["r", "q"]) {
    const client = new Harness().online({ region });
    client.read({ type: "members", members: [member("n1", { region }), member("n2")] });
    const content = { state: InstanceState.up, body: new Uint8Array([100]) };
    client.command({ type: "register", id: "a", scope: Scope.region, ...content });
    client.command({ type: "register", id: "b", scope: Scope.global, ...content });
    for (const id of ["a", "b"]) client.registered(1, id, stamp(4));
    client.registered(2, "b", stamp(4));
    client.read({ type: "move", delayMs: 10, reason: "rebalance" });
    client.elapse(10);
    client.connected();
    client.read({ ...WELCOME, nodeId: "n2" });
    const requestId = client.sent("register");
    for (const id of ["a", "b"]) client.registered(requestId, id, { ...stamp(4), session: 2 });
    const isLeft = client.elapse(500).includes("send deregister a");
    assert.equal(isLeft, region === "q");
  }
});

/** Lets seconds pass with a node that answers, until something is tried or `seconds` are over. */
function liveOn(client: Harness, seconds: number): { tried: string | undefined; afterMs: number } {
  const [session, begin] = [client.attempt, client.now];
  for (let second = 0; second < seconds; second += 1) {
    const tried = client.elapse(1_000).find((text) => text.startsWith("connect "));
    if (tried !== undefined) return { tried, afterMs: client.now - begin };
    const message = { type: "pong", sequence: 1, digests: [] } as const;
    client.step({ type: "message", attempt: session, message });
  }
  return { tried: undefined, afterMs: client.now - begin };
}

test("a session in another region goes home when a server there has been alive for long", () => {
  const client = new Harness().online({ reconnectDelayMs: 1_000 });
  const away = member("n1", { region: "q" });
  const home = (status: "alive" | "dead") => [away, member("n2", { status })];
  client.read({ type: "members", members: home("dead") });
  assert.equal(liveOn(client, 60).tried, undefined);
  for (let flap = 0; flap < 5; flap += 1) {
    client.read({ type: "members", members: home("alive") });
    assert.equal(liveOn(client, HOME_DELAY_MS / 1_000 - 1).tried, undefined, "not for a flap");
    client.read({ type: "members", members: home("dead") });
    assert.equal(liveOn(client, 1).tried, undefined);
  }
  client.read({ type: "members", members: home("alive") });
  const { tried, afterMs } = liveOn(client, 60);
  assert.equal(tried, "connect n2");
  assert.ok(afterMs >= HOME_DELAY_MS && afterMs <= 2 * HOME_DELAY_MS + 2_000, `${afterMs} ms`);
  assert.equal(client.machine.connectedNodeId, "n1", "the session goes on");
  client.connected();
  client.read({ ...WELCOME, nodeId: "n2" });
  client.read({ type: "members", members: home("alive") });
  assert.equal(client.machine.connectedNodeId, "n2");
  assert.equal(liveOn(client, 300).tried, undefined, "at home it stays");
});

test("a home that cannot be reached is tried ever more rarely, and the session goes on", () => {
  const client = new Harness().online();
  client.read({ type: "members", members: [member("n1", { region: "q" }), member("n2")] });
  const waits: number[] = [];
  for (let failure = 0; failure < 8; failure += 1) {
    const session = client.attempt;
    const { tried, afterMs } = liveOn(client, 1_000);
    assert.equal(tried, "connect n2");
    waits.push(afterMs);
    assert.deepEqual(client.failed(), ["disconnect"]);
    client.attempt = session;
    assert.equal(client.machine.connectedNodeId, "n1");
  }
  assert.ok((waits[0] ?? 0) <= 21_000);
  assert.ok(
    waits.slice(-2).every((wait) => wait >= 300_000 && wait <= 601_000),
    waits.join(),
  );
});

test("a session in another zone goes nearer, and one in the own zone stays", () => {
  const far = new Harness().online();
  far.read({ type: "members", members: [member("n1", { zone: "y" }), member("n2")] });
  assert.equal(liveOn(far, 60).tried, "connect n2");
  const near = new Harness().online();
  near.read({ type: "members", members: [member("n1"), member("n2")] });
  assert.equal(liveOn(near, 60).tried, undefined);
});

test("clients of one region do not go home together (P8)", () => {
  const seconds = new Set<number>();
  for (let seed = 1; seed <= 100; seed += 1) {
    const client = new Harness(seed).online();
    client.read({ type: "members", members: [member("n1", { region: "q" }), member("n2")] });
    seconds.add(liveOn(client, 60).afterMs);
  }
  assert.ok(seconds.size >= 8, `they came in ${seconds.size} different seconds`);
});
