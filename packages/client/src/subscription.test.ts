import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type InstanceChange,
  InstanceLoad,
  InstanceState,
  instant,
  Liveness,
  RegistryError,
  RemovalReason,
  SeededRandom,
  type ViewInstance,
  type ViewState,
} from "@fpzk/core";
import type { SubscribeOptions, ViewChange } from "./api.js";
import { Subscription } from "./subscription.js";

function instance(id: string, group = "", protocol = "http"): ViewInstance {
  return {
    ...{ namespace: "default", service: "s", id, since: 1, weight: 100, ownerNodeId: "n1" },
    stamp: { incarnation: 1, session: 1, claim: 0 },
    state: InstanceState.up,
    liveness: Liveness.alive,
    description: {
      ...{ group, version: "", region: "", zone: "", weight: 100, startWallTime: 0 },
      endpoints: [{ protocol, host: id, port: 80, tls: false, reach: "internal" }],
      metadata: {},
    },
    load: new InstanceLoad(),
  };
}

/** A view that a test changes by hand. */
class View {
  instances: ViewInstance[] = [];
  state: ViewState = {
    ...{ isComplete: false, isCurrent: false, isRestored: false, lastCurrentAt: undefined },
  };
  closedCount = 0;
  /** The view of the callers' own service. */
  get callers(): View {
    this.#callers ??= new View();
    return this.#callers;
  }
  #callers: View | undefined;

  readonly opened: Subscription[] = [];
  readonly learned: string[] = [];

  subscribe(options: SubscribeOptions = {}): Subscription {
    const subscription = new Subscription("s", options, {
      random: new SeededRandom(1),
      ...{ region: "", zone: "", now: () => instant(5_000) },
      instances: () => this.instances,
      subscribe: () => this.callers.subscribe(),
      state: () => this.state,
      closed: () => {
        this.closedCount += 1;
      },
      learned: (instance, result) => this.learned.push(`${instance.id} ${String(result)}`),
      freed: () => {
        for (const each of this.opened) each.freed();
      },
    });
    this.opened.push(subscription);
    return subscription;
  }
}

async function collect(changes: AsyncIterable<ViewChange>): Promise<string[]> {
  const texts: string[] = [];
  for await (const change of changes) {
    if (change.type === "status") texts.push(`status ${change.status.isComplete}`);
    else if (change.type === "removed")
      texts.push(`removed ${change.instance.id} ${change.reason}`);
    else texts.push(`${change.type} ${change.instance.id}`);
  }
  return texts;
}

test("a reader is told of what enters and leaves its filter", async () => {
  const view = new View();
  const subscription = view.subscribe({ filter: { group: "blue" } });
  const texts = collect(subscription.changes());
  const change = (...changes: InstanceChange[]): void => subscription.viewChanged(changes);
  change({ type: "added", instance: instance("a", "green") });
  change({ type: "updated", instance: instance("a", "blue") });
  change({ type: "updated", instance: instance("a", "blue") });
  change({ type: "updated", instance: instance("a", "green") });
  change({ type: "added", instance: instance("b", "blue") });
  change({ type: "removed", instance: instance("b", "blue"), reason: RemovalReason.silent });
  change({ type: "removed", instance: instance("a"), reason: RemovalReason.silent });
  subscription.close();
  assert.deepEqual(await texts, [
    "added a",
    "updated a",
    "removed a filtered",
    "added b",
    "removed b silent",
  ]);
});

test("a signal ends the changes; a second reader goes on", async () => {
  const view = new View();
  const subscription = view.subscribe();
  const controller = new AbortController();
  const first = collect(subscription.changes({ signal: controller.signal }));
  const second = collect(subscription.changes());
  controller.abort();
  assert.deepEqual(await first, []);
  subscription.viewChanged([{ type: "added", instance: instance("a") }]);
  subscription.close();
  assert.deepEqual(await second, ["added a"]);
  assert.deepEqual(await collect(subscription.changes()), []);
});

test("the picker follows the view", () => {
  const view = new View();
  const subscription = view.subscribe();
  assert.equal(subscription.pick(), undefined);
  view.instances = [instance("a")];
  subscription.viewChanged([{ type: "added", instance: view.instances[0]! }]);
  assert.equal(subscription.pick()?.url, "http://a:80");
  view.instances = [];
  subscription.viewChanged([]);
  assert.equal(subscription.pick(), undefined);
});

test("only instances with a fitting endpoint are picked", () => {
  const view = new View();
  view.instances = [instance("a", "", "http"), instance("b", "", "grpc")];
  const subscription = view.subscribe({ protocol: "grpc" });
  for (let round = 0; round < 10; round += 1) assert.equal(subscription.pick()?.url, "grpc://b:80");
  assert.equal(subscription.instances.length, 2);
});

test("ready: complete, refused, late, aborted, closed", async () => {
  const view = new View();
  const subscription = view.subscribe();
  const late = subscription.ready({ timeoutMs: 1 });
  await assert.rejects(late, { code: "deadline_exceeded", message: /within 1 ms/ });
  const refused = subscription.ready();
  subscription.refused(new RegistryError("permission_denied", "no"));
  await assert.rejects(refused, { code: "permission_denied" });
  const controller = new AbortController();
  const aborted = subscription.ready({ signal: controller.signal });
  controller.abort();
  await assert.rejects(aborted, { code: "cancelled" });
  await assert.rejects(subscription.ready({ signal: controller.signal }), { code: "cancelled" });
  const ready = subscription.ready({ timeoutMs: Number.POSITIVE_INFINITY });
  view.state = { ...view.state, isComplete: true };
  subscription.stateChanged();
  await ready;
  view.state = { ...view.state, isComplete: false };
  const closed = subscription.ready();
  subscription.close();
  subscription.close();
  await assert.rejects(closed, { code: "cancelled" });
  await assert.rejects(subscription.ready(), { code: "cancelled" });
  assert.equal(view.closedCount, 1);
});

test("status says how old the view is", () => {
  const view = new View();
  const subscription = view.subscribe();
  assert.equal(subscription.status.ageMs, Number.POSITIVE_INFINITY);
  view.state = { ...view.state, isComplete: true, lastCurrentAt: 4_000 as never };
  assert.equal(subscription.status.ageMs, 1_000);
  view.state = { ...view.state, isCurrent: true };
  assert.equal(subscription.status.ageMs, 0);
});

test("what calls teach is learned once, and ejections are told", () => {
  const view = new View();
  view.instances = ["a", "b", "c", "d"].map((id) => instance(id));
  const ejected: string[] = [];
  const subscription = view.subscribe({ onEjection: ({ id }) => ejected.push(id) });
  for (let call = 0; call < 40; call += 1) {
    const picked = subscription.pick();
    picked?.answered();
    picked?.release(picked.instance.id === "c" ? "connect-failure" : "success");
    picked?.release("error");
  }
  assert.deepEqual(ejected, ["c"]);
  assert.ok(view.instances.every(({ load }) => load.activeCount === 0));
  assert.equal(subscription.hedgeDelayMs, undefined);
});

test("retries are a share of calls", () => {
  const view = new View();
  view.instances = [instance("a")];
  const retryBudget = { retryRatio: 0.5, retryPerSecondMin: 0 };
  const subscription = view.subscribe({ retryBudget });
  assert.equal(subscription.tryRetry(), false);
  for (let call = 0; call < 4; call += 1) subscription.pick()?.release("success");
  assert.deepEqual(
    [subscription.tryRetry(), subscription.tryRetry(), subscription.tryRetry()],
    [true, true, false],
  );
});

test("acquire waits in turn for room, and is refused when too many wait", async () => {
  const view = new View();
  view.instances = [instance("a")];
  const subscription = view.subscribe({ instanceCallCountMax: 1, pendingCallCountMax: 2 });
  const first = await subscription.acquire();
  assert.equal(subscription.pick(), undefined);
  const second = subscription.acquire();
  const third = subscription.acquire();
  assert.equal(subscription.breaker, "tripped");
  await assert.rejects(subscription.acquire(), { code: "resource_exhausted", message: /tripped/ });
  first.release("success");
  const secondPicked = await second;
  assert.equal(subscription.breaker, "reset");
  secondPicked.release();
  (await third).release();
  assert.equal(view.instances[0]?.load.activeCount, 0);
});

test("acquire ends: nobody to call, aborted, closed, late", async () => {
  const view = new View();
  const subscription = view.subscribe({ instanceCallCountMax: 1 });
  await assert.rejects(subscription.acquire(), { code: "unavailable" });
  view.instances = [instance("a")];
  subscription.viewChanged([]);
  await subscription.acquire();
  const late = subscription.acquire({ timeoutMs: -1 });
  const controller = new AbortController();
  const aborted = subscription.acquire({ signal: controller.signal });
  controller.abort(new Error("why"));
  await assert.rejects(aborted, { code: "cancelled" });
  await assert.rejects(late, { code: "deadline_exceeded" });
  const added = subscription.acquire();
  view.instances = [...view.instances, instance("b")];
  subscription.viewChanged([{ type: "added", instance: view.instances[1]! }]);
  assert.equal((await added).instance.id, "b");
  const closed = subscription.acquire();
  subscription.close();
  await assert.rejects(closed, { code: "cancelled" });
  await assert.rejects(subscription.acquire(), { code: "cancelled" });
});

test("an aperture calls a part of the instances, which follows the callers", () => {
  const view = new View();
  view.instances = Array.from({ length: 100 }, (_, index) => instance(`i${index}`));
  const subscription = view.subscribe({ aperture: { service: "callers", id: "c3" } });
  const calledCount = (): number => {
    const ids = Array.from({ length: 400 }, () => subscription.pick()?.instance.id);
    return new Set(ids).size;
  };
  assert.equal(calledCount(), 100);
  view.callers.instances = Array.from({ length: 50 }, (_, index) => instance(`c${index}`));
  for (const each of view.callers.opened) each.viewChanged([]);
  const count = calledCount();
  assert.ok(count >= 12 && count <= 14, `${count}`);
  subscription.close();
  assert.equal(view.callers.closedCount, 1);
});

test("wrong balancing options are all named at once", () => {
  const view = new View();
  const wrong: SubscribeOptions = {
    ...{ panicRatio: 2, keyLoadFactor: 1, slowStartMs: -1, instanceCallCountMax: 0 },
    ...{ pendingCallCountMax: 1e9, outlier: { latencyFactor: 1 }, retryBudget: { retryRatio: 2 } },
    aperture: { service: "s", id: "i", sizeMin: 0 },
  };
  const names = ["panicRatio", "keyLoadFactor", "slowStartMs", "instanceCallCountMax"];
  names.push("pendingCallCountMax", "latencyFactor", "retryRatio", "sizeMin");
  assert.throws(
    () => view.subscribe(wrong),
    (error: RegistryError) => names.every((name) => error.message.includes(name)),
  );
  assert.equal(view.callers.opened.length, 0);
});
