/** `broadcast`, `quorum` and `watchLeader` with real instances and a real registry. */
import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import {
  broadcast,
  isRegistryError,
  type LeaderState,
  type Leadership,
  type Picked,
  quorum,
  watchLeader,
} from "@fpzk/client";
import { Registry, seen } from "./registry.js";

async function setUp(t: TestContext, count: number) {
  const registry = await Registry.start(t);
  for (let index = 0; index < count; index += 1) {
    await registry.register("parts", `p${index}`, { port: 1_000 + index });
  }
  const client = await registry.connect();
  await seen(client, "parts", count);
  const { subscription } = client.caller("parts");
  return { registry, client, subscription };
}

/** p0 fails, p1 never ends, the others answer with their ids. */
async function call({ instance }: Picked, signal: AbortSignal): Promise<string> {
  if (instance.id === "p0") throw new Error("no");
  if (instance.id !== "p1") return instance.id;
  return await new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

it("a broadcast asks every instance once and reports on each", async (t) => {
  const { subscription } = await setUp(t, 5);
  const results = await broadcast(subscription, call, { timeoutMs: 100 });
  const outcomes = results.map(({ instance, outcome }) => `${instance.id} ${outcome}`).sort();
  const successes = ["p2 success", "p3 success", "p4 success"];
  assert.deepEqual(outcomes, ["p0 failure", "p1 pending", ...successes]);
  assert.ok(subscription.instances.every(({ load }) => load.activeCount === 0));
  const tooMany = broadcast(subscription, call, { countMax: 4 });
  await assert.rejects(tooMany, (error) => isRegistryError(error) && error.code === "out_of_range");
  assert.ok(subscription.instances.every(({ load }) => load.activeCount === 0));
});

it("a quorum ends when enough have succeeded, or no longer enough can", async (t) => {
  const { subscription } = await setUp(t, 5);
  const check = async (wanted: Parameters<typeof quorum>[1], isFulfilled: boolean) => {
    const result = await quorum(subscription, wanted, call);
    assert.deepEqual([wanted, result.isFulfilled], [wanted, isFulfilled]);
    assert.equal(result.results.length, 5);
  };
  await check("any", true);
  await check("majority", true);
  await check(3, true);
  await check("all", false);
  await check(5, false);
  const many = quorum(subscription, 6, call);
  await assert.rejects(many, (error) => isRegistryError(error) && error.code === "unavailable");
  await assert.rejects(quorum(subscription, 0, call), /0 must be a whole number/);
  assert.ok(subscription.instances.every(({ load }) => load.activeCount === 0));
});

async function until(leadership: Leadership, isIt: (state: LeaderState) => boolean) {
  for await (const state of leadership.changes()) if (isIt(state)) return;
}

it("the oldest instance leads, and the next one when it has left", async (t) => {
  const registry = await Registry.start(t);
  const first = await registry.register("jobs", "j0", { port: 1_000 });
  await registry.register("jobs", "j1", { port: 1_001 });
  const client = await registry.connect();
  const leadership = watchLeader(client, "jobs", "j1");
  assert.equal(leadership.isLeader, false);
  await until(leadership, ({ leader }) => leader?.id === "j0");
  assert.equal(leadership.isLeader, false);
  const taken = until(leadership, ({ isLeader }) => isLeader);
  await first.drain();
  await taken;
  assert.equal(leadership.leader?.id, "j1");
  leadership.close();
});
