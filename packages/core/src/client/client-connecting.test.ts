import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberView } from "../messages.js";
import type { ClientEvent } from "./client-events.js";
import { Harness, member, stateOf, WELCOME } from "./client-harness.fixture.js";
import { RACE_COUNT_MAX, RACE_INTERVAL_MS } from "./connection-race.js";

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
