import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { InstanceState, RemovalReason } from "@fpzk/core";
import type { ConnectOptions, FpzkClient, ServiceSubscription, ViewChange } from "./api.js";
import { connect } from "./connect.js";
import { FakeNode, type FakeNodeOptions, FakeStore } from "./fake-node.test.support.js";

async function startNode(t: TestContext, options: FakeNodeOptions = {}): Promise<FakeNode> {
  const node = await FakeNode.start(options);
  let isStopped = false;
  const stop = node.stop.bind(node);
  node.stop = async () => {
    if (isStopped) return;
    isStopped = true;
    await stop();
  };
  t.after(() => node.stop());
  return node;
}

async function open(
  t: TestContext,
  nodes: readonly FakeNode[],
  options: ConnectOptions = {},
): Promise<FpzkClient> {
  const client = await connect({ servers: nodes.map((node) => node.address), ...options });
  t.after(() => client.close());
  return client;
}

/** Resolves at the first change that is wanted. */
async function change(
  subscription: ServiceSubscription,
  isWanted: (change: ViewChange) => boolean,
): Promise<ViewChange> {
  for await (const found of subscription.changes()) {
    if (isWanted(found)) return found;
  }
  throw new Error("the subscription ended");
}

test("registers, subscribes, picks and says goodbye", async (t) => {
  const node = await startNode(t);
  const client = await open(t, [node]);
  assert.equal(client.connectedNodeId, "node-1");
  const handle = await client.register({
    service: "orders",
    endpoints: [{ host: "10.0.0.1", port: 8080 }],
    metadata: { lane: "blue" },
  });
  assert.equal(handle.status, "registered");
  assert.equal(handle.id, "10.0.0.1:8080");

  const orders = client.subscribe("orders");
  assert.equal(orders.pick(), undefined);
  await orders.ready();
  assert.equal(orders.status.isCurrent, true);
  assert.equal(orders.status.ageMs, 0);
  const picked = orders.pick();
  assert.equal(picked?.url, "http://10.0.0.1:8080");
  assert.equal(picked?.instance.load.activeCount, 1);
  picked?.release();
  picked?.release();
  assert.equal(picked?.instance.load.activeCount, 0);

  await client.close();
  await node.request("goodbye");
});

test("a change reaches the view, its readers and the picker", async (t) => {
  const node = await startNode(t);
  const client = await open(t, [node]);
  const subscription = client.subscribe("orders");
  await subscription.ready();
  const added = change(subscription, ({ type }) => type === "added");
  node.put({ service: "orders", id: "a" });
  assert.equal(((await added) as { instance: { id: string } }).instance.id, "a");
  assert.equal(subscription.pick()?.instance.id, "a");
  const removed = change(subscription, ({ type }) => type === "removed");
  node.put({
    service: "orders",
    id: "a",
    state: InstanceState.removed,
    reason: RemovalReason.silent,
  });
  assert.equal(((await removed) as { reason: string }).reason, "silent");
  assert.deepEqual(subscription.instances, []);
  assert.equal(subscription.pick(), undefined);
});

test("registrations of one turn go out in one message", async (t) => {
  const node = await startNode(t);
  const client = await open(t, [node]);
  const ports = Array.from({ length: 50 }, (_, index) => 9_000 + index);
  await Promise.all(
    ports.map((port) => client.register({ service: "many", endpoints: [{ port, host: "h" }] })),
  );
  const registers = node.received.filter((request) => request.type === "register");
  assert.equal(registers.length, 1);
});

test("P7 a draining instance is confirmed after the picker let go of it", async (t) => {
  const node = await startNode(t);
  const client = await open(t, [node]);
  const subscription = client.subscribe("orders");
  await subscription.ready();
  const handle = await client.register({ service: "orders", id: "a", endpoints: [{ port: 1 }] });
  const drained = handle.drain();
  const request = await node.request("set-state", ({ state }) => state === InstanceState.draining);
  const confirm = await node.request("confirm");
  assert.equal(confirm.id, "a");
  assert.equal(subscription.pick(), undefined);
  node.send({
    type: "drained",
    requestId: request.requestId,
    confirmedCount: 1,
    unconfirmed: [],
  });
  assert.deepEqual(await drained, { confirmedCount: 1, unconfirmed: [] });
  await handle.deregister();
  const deregister = await node.request("deregister");
  assert.equal(deregister.reason, RemovalReason.drained);
  assert.equal(handle.status, "removed");
});

test("reconnects to another node, registers again and resumes its watch", async (t) => {
  const store = new FakeStore();
  const first = await startNode(t, { nodeId: "first", store });
  const second = await startNode(t, { nodeId: "second", store });
  const client = await open(t, [first]);
  await client.register({ service: "orders", id: "a", endpoints: [{ port: 1 }] });
  const subscription = client.subscribe("orders");
  await subscription.ready();
  const { digest } = await first.request("watch");
  assert.deepEqual(digest, { high: 0, low: 0 });
  const isCurrent = (wanted: boolean) =>
    change(subscription, (found) => found.type === "status" && found.status.isCurrent === wanted);

  const lost = isCurrent(false);
  await first.stop();
  await lost;
  assert.equal(subscription.pick()?.instance.id, "a");
  const register = await second.request("register");
  assert.equal(register.items[0]?.incarnation, 1);
  assert.notEqual(register.items[0]?.since, 0);
  assert.equal((await second.request("hello")).sessionNumber > 1, true);
  const watch = await second.request("watch");
  assert.equal(watch.position.length, 1);
  if (!subscription.status.isCurrent) await isCurrent(true);
  assert.equal(client.connectedNodeId, "second");
  assert.equal(subscription.instances.length, 1);
});

test("P8 an outage leaves the views; a restart finds them on disk", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "fpzk-client-"));
  t.after(() => rm(directory, { recursive: true }));
  const node = await startNode(t);
  node.put({ service: "orders", id: "a" });
  const before = await open(t, [node], { snapshotDirectory: directory });
  await before.subscribe("orders").ready();
  await before.close();
  const { address } = node;
  await node.stop();

  const after = await connect({ servers: [address], snapshotDirectory: directory });
  t.after(() => after.close());
  const subscription = after.subscribe("orders");
  await subscription.ready();
  const { ageMs, ...status } = subscription.status;
  assert.deepEqual(status, { isComplete: true, isCurrent: false, isRestored: true });
  assert.equal(ageMs, Number.POSITIVE_INFINITY);
  assert.equal(subscription.pick()?.instance.id, "a");

  const current = change(subscription, (found) => found.type === "status");
  const back = await startNode(t, { port: Number(address.split(":")[1]) });
  back.put({ service: "orders", id: "a" });
  await current;
  assert.equal(subscription.status.isRestored, false);
});

test("a saved view that does not check is set aside", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "fpzk-client-"));
  t.after(() => rm(directory, { recursive: true }));
  const node = await startNode(t);
  node.put({ service: "orders", id: "a" });
  const before = await open(t, [node], { snapshotDirectory: directory });
  await before.subscribe("orders").ready();
  await before.close();
  const folder = join(directory, "ns-default");
  assert.deepEqual(await readdir(folder), ["orders.view"]);
  await writeFile(join(folder, "orders.view"), "FPZK view 1\nnonsense");
  const { address } = node;
  await node.stop();
  const attempt = connect({
    servers: [address],
    snapshotDirectory: directory,
    connectTimeoutMs: 300,
  });
  await assert.rejects(attempt, { code: "unavailable" });
  assert.deepEqual(await readdir(folder), ["orders.view.corrupt"]);
});

test("connect names every server it tried and why", async (t) => {
  const node = await startNode(t);
  const { address } = node;
  await node.stop();
  await assert.rejects(connect({ servers: [address], connectTimeoutMs: 300 }), (error: Error) => {
    assert.equal((error as Error & { code: string }).code, "unavailable");
    assert.match(error.message, new RegExp(`${address} \\(.*ECONNREFUSED`));
    return true;
  });
});

test("connect rejects at once when a server refuses for good", async (t) => {
  const refusal = { code: "unauthenticated", message: "token is not known" } as const;
  const node = await startNode(t, { refusal });
  await assert.rejects(connect({ servers: [node.address] }), {
    code: "unauthenticated",
    message: /token is not known/,
  });
});

test("superseded by a living process: stops, and says so", async (t) => {
  const node = await startNode(t);
  const client = await open(t, [node]);
  const handle = await client.register({ service: "orders", id: "a", endpoints: [{ port: 1 }] });
  const stamp = { incarnation: 2, session: 1, claim: 0 };
  node.send({
    type: "superseded",
    service: "orders",
    id: "a",
    stamp,
    isAlive: true,
    isUndecided: false,
    since: 0,
  });
  await handle.superseded;
  assert.equal(handle.status, "superseded");
  await handle.deregister();
  assert.equal(node.received.filter(({ type }) => type === "register").length, 1);
});

test("superseded by what is gone: registers above it", async (t) => {
  const node = await startNode(t);
  const client = await open(t, [node]);
  const handle = await client.register({ service: "orders", id: "a", endpoints: [{ port: 1 }] });
  const stamp = { incarnation: 7, session: 1, claim: 0 };
  node.send({
    type: "superseded",
    service: "orders",
    id: "a",
    stamp,
    isAlive: false,
    isUndecided: false,
    since: 0,
  });
  const again = await node.request("register", ({ items }) => (items[0]?.incarnation ?? 0) > 7);
  assert.notEqual(again.items[0]?.since, 0);
  assert.equal(handle.status, "registered");
});

test("two subscriptions to one service share one watch", async (t) => {
  const node = await startNode(t);
  node.put({ service: "orders", id: "a" });
  const client = await open(t, [node]);
  const one = client.subscribe("orders");
  const two = client.subscribe("orders", { filter: { group: "none" } });
  await Promise.all([one.ready(), two.ready()]);
  assert.equal(one.instances.length, 1);
  assert.equal(two.instances.length, 0);
  assert.equal(two.pick(), undefined);
  one.close();
  two.close();
  await node.request("unwatch");
  assert.equal(node.received.filter(({ type }) => type === "watch").length, 1);
});

test("a node that falls silent is lost at its ttl", async (t) => {
  const store = new FakeStore();
  const silent = await startNode(t, {
    nodeId: "silent",
    store,
    heartbeatIntervalMs: 20,
    ttlMs: 60,
  });
  const other = await startNode(t, { nodeId: "other", store });
  const client = await open(t, [silent]);
  silent.isSilent = true;
  await other.request("hello");
  assert.equal(client.connectedNodeId === "silent", false);
});

test("query asks once", async (t) => {
  const node = await startNode(t);
  node.put({ service: "orders", id: "a" });
  const client = await open(t, [node]);
  const found = await client.query("orders");
  assert.deepEqual(
    found.map(({ id }) => id),
    ["a"],
  );
  assert.deepEqual(await client.query("orders", { version: "9" }), []);
});

test("wrong input is refused with everything that is wrong", async (t) => {
  await assert.rejects(connect({ servers: ["a b"], namespace: "x/y" }), {
    code: "invalid_argument",
    message: /server "a b" must be host:port; namespace "x\/y" must have no/,
  });
  const node = await startNode(t);
  const client = await open(t, [node]);
  await assert.rejects(client.register({ service: "a/b", endpoints: [{ port: 1 }] }), {
    code: "invalid_argument",
  });
  await assert.rejects(client.register({ service: "a", endpoints: [{ port: 0 }] }), {
    code: "invalid_argument",
    message: /port 0 must be a whole number/,
  });
  assert.throws(() => client.subscribe("a", { panicRatio: 2 }), { code: "invalid_argument" });
});

test("a DNS name stands for all of its addresses", async (t) => {
  const node = await startNode(t);
  const client = await connect({ servers: [`localhost:${node.port}`] });
  t.after(() => client.close());
  assert.equal(client.connectedNodeId, "node-1");
});

test("a node that asks to move is left without a gap", async (t) => {
  const store = new FakeStore();
  const first = await startNode(t, { nodeId: "first", store });
  const second = await startNode(t, { nodeId: "second", store });
  const client = await open(t, [first]);
  await client.register({ service: "orders", id: "a", endpoints: [{ port: 1 }] });
  const subscription = client.subscribe("orders");
  await subscription.ready();
  first.send({ type: "move", delayMs: 0, reason: "shutdown" });
  await second.request("register");
  assert.equal(first.sessionCount, 1);
  await second.request("watch");
  await first.sessionsEnded();
  assert.equal(client.connectedNodeId, "second");
  assert.equal(subscription.pick()?.instance.id, "a");
  assert.equal(first.received.filter(({ type }) => type === "goodbye").length, 0);
});

test("updates, offline and online reach the node", async (t) => {
  const node = await startNode(t);
  const client = await open(t, [node]);
  const handle = await client.register({ service: "orders", id: "a", endpoints: [{ port: 1 }] });
  const subscription = client.subscribe("orders", { filter: { version: "2" } });
  await subscription.ready();
  assert.equal(subscription.instances.length, 0);
  const entered = change(subscription, ({ type }) => type === "added");
  await handle.update({ version: "2", weight: 7 });
  await entered;
  assert.equal(subscription.instances[0]?.weight, 7);
  assert.equal(subscription.instances[0]?.description.endpoints[0]?.port, 1);
  await assert.rejects(handle.update({ weight: -1 }), { code: "invalid_argument" });
  const left = change(subscription, ({ type }) => type === "updated");
  await handle.offline();
  await left;
  assert.equal(subscription.pick(), undefined);
  const back = change(subscription, ({ type }) => type === "updated");
  await handle.online();
  await back;
  assert.equal(subscription.pick()?.instance.id, "a");
});

test("connect can be aborted, before and while it looks for a server", async (t) => {
  const node = await startNode(t);
  const { address } = node;
  await node.stop();
  await assert.rejects(connect({ servers: [address], signal: AbortSignal.abort() }), {
    code: "cancelled",
  });
  const controller = new AbortController();
  const attempt = connect({
    servers: [address],
    signal: controller.signal,
    onNote: ({ event }) => {
      if (event === "client.connect-failed") controller.abort();
    },
  });
  await assert.rejects(attempt, { code: "cancelled" });
});

test("a frame that is no message ends the connection, and the client comes back", async (t) => {
  const node = await startNode(t);
  const notes: string[] = [];
  const client = await open(t, [node], { onNote: ({ event }) => notes.push(event) });
  const subscription = client.subscribe("orders");
  await subscription.ready();
  const lost = change(subscription, (found) => found.type === "status" && !found.status.isCurrent);
  node.sendBytes(new Uint8Array([0xc1, 0xff]));
  await lost;
  await node.request("hello", ({ sessionNumber }) => sessionNumber === 2);
  assert.ok(notes.includes("client.frame-refused"));
});

test("notes are published on the diagnostics channel, with the client's id", async (t) => {
  const node = await startNode(t);
  const noted = new Promise<{ clientId?: string; event?: string }>((resolve) => {
    const listener = (message: unknown): void => {
      unsubscribe("fpzk:client", listener);
      resolve(message as { clientId?: string; event?: string });
    };
    subscribe("fpzk:client", listener);
  });
  const client = await open(t, [node], { clientId: "me" });
  assert.deepEqual(await noted.then(({ clientId, event }) => [clientId, event]), [
    "me",
    "client.online",
  ]);
  assert.equal(client.clientId, "me");
});

test("a closed client refuses, and closes its subscriptions", async (t) => {
  const node = await startNode(t);
  const client = await open(t, [node]);
  const subscription = client.subscribe("orders");
  const changes = subscription.changes()[Symbol.asyncIterator]();
  await client[Symbol.asyncDispose]();
  await client.close();
  for (;;) if ((await changes.next()).done === true) break;
  assert.throws(() => client.subscribe("orders"), { code: "failed_precondition" });
  await assert.rejects(client.query("orders"), { code: "failed_precondition" });
  const registration = { service: "orders", id: "a", endpoints: [{ port: 1 }] };
  await assert.rejects(client.register(registration), { code: "failed_precondition" });
});
