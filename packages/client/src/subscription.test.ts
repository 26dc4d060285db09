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

  subscribe(options: SubscribeOptions = {}): Subscription {
    return new Subscription("s", options, {
      random: new SeededRandom(1),
      ...{ region: "", zone: "", now: () => instant(5_000) },
      instances: () => this.instances,
      state: () => this.state,
      closed: () => {
        this.closedCount += 1;
      },
    });
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
