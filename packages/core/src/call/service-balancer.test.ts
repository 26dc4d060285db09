import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Liveness } from "../instance.js";
import { createPicker } from "../pick/create-picker.js";
import { assertDistribution } from "../pick/distribution.fixture.js";
import { PolicyName, type ViewInstance } from "../pick/picker.js";
import { pickerOptions, viewInstance, viewInstances } from "../pick/view-instance.fixture.js";
import { SeededRandom } from "../random.js";
import { instant } from "../time.js";
import type { CallResult } from "./call-result.js";
import { OUTLIER_DEFAULTS } from "./outlier-detector.js";
import { RETRY_BUDGET_DEFAULTS } from "./retry-budget.js";
import { ServiceBalancer, type ServiceBalancerOptions } from "./service-balancer.js";

function balancerOf(
  instances: readonly ViewInstance[],
  options: Partial<ServiceBalancerOptions> = {},
): ServiceBalancer {
  const balancer = new ServiceBalancer({
    ...pickerOptions({ policy: "round-robin" }),
    ...{ outlier: OUTLIER_DEFAULTS, retryBudget: RETRY_BUDGET_DEFAULTS },
    ...{ slowStartMs: 0, instanceCallCountMax: 1_024 },
    ...options,
  });
  balancer.update(instances, instant(0));
  return balancer;
}

function call(
  balancer: ServiceBalancer,
  result: (id: string) => CallResult,
  nowMs: number,
): string {
  const now = instant(nowMs);
  const instance = balancer.pick(undefined, now);
  assert.ok(instance !== undefined);
  balancer.end({ instance, result: result(instance.id), latencyMs: 1 }, now);
  return instance.id;
}

describe("ServiceBalancer", () => {
  it("leaves a failing instance out, and tries it again when its time is over", () => {
    const balancer = balancerOf(viewInstances(4));
    const result = (id: string): CallResult => (id === "i2" ? "error" : "success");
    for (let index = 0; index < 20; index += 1) call(balancer, result, 0);
    assert.deepEqual([...balancer.ejected(instant(0))], ["i2"]);
    const during = Array.from({ length: 40 }, () => call(balancer, result, 4_999));
    assert.ok(!during.includes("i2"));
    const after = Array.from({ length: 8 }, () => call(balancer, result, 5_000));
    // Once: who returns and fails is out again.
    assert.equal(after.filter((id) => id === "i2").length, 1);
  });

  it("lets a call wait only while every instance is full, ejected ones too (property)", () => {
    const policies = fc.constantFrom(...Object.values(PolicyName));
    const steps = fc.array(fc.tuple(fc.nat(5), fc.boolean()), { maxLength: 60 });
    const factor = fc.constantFrom(0, 1.25);
    let ejectedCount = 0;
    fc.assert(
      fc.property(policies, factor, steps, (policy, keyLoadFactor, told) => {
        const instances = viewInstances(4);
        const outlier = { ...OUTLIER_DEFAULTS, connectFailureCountMax: 1 };
        const limits = { instanceCallCountMax: 2, panicRatio: 0 };
        const balancer = balancerOf(instances, { policy, keyLoadFactor, outlier, ...limits });
        const underWay: ViewInstance[] = [];
        const now = instant(0);
        for (const [index, isCall] of told) {
          const instance = isCall ? balancer.pick({ key: `k${index}` }, now) : underWay.shift();
          if (isCall && instance !== undefined) underWay.push(instance);
          else if (isCall) assert.ok(instances.every(({ load }) => load.activeCount === 2));
          else if (instance !== undefined) {
            balancer.end({ instance, result: "connect-failure", latencyMs: 1 }, now);
          }
        }
        ejectedCount += balancer.ejected(now).size;
      }),
    );
    assert.ok(ejectedCount > 0);
  });

  it("tells people what it knows of each instance", () => {
    const instances = viewInstances(4);
    const balancer = balancerOf(instances, { slowStartMs: 10_000 });
    for (let index = 0; index < 20; index += 1) {
      call(balancer, (id) => (id === "i2" ? "error" : "success"), 0);
    }
    const fresh = viewInstance({ id: "new" });
    balancer.update([...instances, fresh], instant(4_000));
    const good = instances.find(({ id }) => id === "i1");
    const bad = instances.find(({ id }) => id === "i2");
    assert.ok(good !== undefined && bad !== undefined);
    const { instance: _, latencyMs, ...told } = balancer.standing(good, instant(4_000));
    assert.ok(latencyMs > 0 && latencyMs < 1);
    const { endedCount, latencyP50Ms, latencyP99Ms, ...rest } = told;
    assert.ok(endedCount >= 5 && latencyP50Ms === latencyP99Ms && (latencyP50Ms ?? 0) >= 1);
    assert.deepEqual(rest, {
      ...{ activeCount: 0, failedCount: 0, failureRatio: 0, slowStartRatio: 1 },
      ejection: undefined,
    });
    const ejected = balancer.standing(bad, instant(4_000));
    assert.deepEqual(ejected.ejection, { reason: "errors", remainingMs: 1_000 });
    assert.equal(ejected.failedCount, 5);
    assert.ok(ejected.failureRatio > 0.2);
    assert.equal(ejected.latencyP50Ms, undefined);
    assert.equal(balancer.standing(fresh, instant(4_000)).slowStartRatio, 0.25);
  });

  it("keeps what it learned when the view changes", () => {
    const instances = viewInstances(4);
    const balancer = balancerOf(instances);
    for (let index = 0; index < 20; index += 1) {
      call(balancer, (id) => (id === "i2" ? "connect-failure" : "success"), 0);
    }
    balancer.update([...instances, viewInstance({ id: "new" })], instant(1));
    const ids = Array.from({ length: 20 }, () => call(balancer, () => "success", 1));
    assert.ok(ids.includes("new") && !ids.includes("i2"));
  });

  it("prefers an ejected or suspect instance to none", () => {
    const balancer = balancerOf([
      viewInstance({ id: "a" }),
      viewInstance({ id: "b", liveness: Liveness.suspect }),
    ]);
    for (let index = 0; index < 10; index += 1) call(balancer, () => "error", 0);
    assert.equal(balancer.ejected(instant(0)).size, 1);
    assert.ok(balancer.pick(undefined, instant(0)) !== undefined);
  });

  it("counts calls under way until they end", () => {
    const [instance] = viewInstances(1) as [ViewInstance];
    const balancer = balancerOf([instance]);
    balancer.pick(undefined, instant(0));
    balancer.pick(undefined, instant(0));
    assert.equal(instance.load.activeCount, 2);
    balancer.end({ instance, result: undefined, latencyMs: 0 }, instant(0));
    assert.equal(instance.load.activeCount, 1);
  });

  it("allows retries as a share of the calls that are none", () => {
    const retryBudget = { retryRatio: 0.1, retryPerSecondMin: 0 };
    const balancer = balancerOf(viewInstances(3), { retryBudget });
    for (let index = 0; index < 100; index += 1) {
      balancer.pick(undefined, instant(0));
      balancer.pick({ excluded: new Set(["i0"]) }, instant(0));
    }
    const allowed = Array.from({ length: 20 }, () => balancer.tryRetry(instant(0)));
    assert.equal(allowed.filter(Boolean).length, 10);
  });

  it("gives a new instance little at first, under policies that spread load (χ²)", () => {
    for (const policy of ["random", "round-robin", "least-request", "ewma"] as const) {
      const [first, second] = viewInstances(2) as [ViewInstance, ViewInstance];
      const balancer = balancerOf([first], { policy, slowStartMs: 10_000 });
      balancer.update([first, second], instant(20_000));
      const count = (nowMs: number): number =>
        Array.from({ length: 4_000 }, () => call(balancer, () => "success", nowMs)).filter(
          (id) => id === "i1",
        ).length;
      assert.ok(count(20_000) < 600, `${policy}: a tenth`);
      const half = count(25_000);
      assert.ok(half > 900 && half < 1_700, `${policy}: half, ${half}`);
      assertDistribution([count(30_000), 2_000], [1, 1]);
    }
  });

  it("leaves keys where they belong although an instance is new", () => {
    const balancer = balancerOf(viewInstances(1), { policy: "rendezvous", slowStartMs: 10_000 });
    const two = viewInstances(2);
    balancer.update(two, instant(1));
    const picker = createPicker(two, pickerOptions({ policy: "rendezvous" }));
    for (let index = 0; index < 100; index += 1) {
      const context = { key: String(index) };
      assert.equal(balancer.pick(context, instant(1)), picker.pick(context, instant(1)));
    }
  });

  it("sends no more calls to an instance than it may have under way", () => {
    for (const policy of Object.values(PolicyName)) {
      const instances = viewInstances(3);
      const balancer = balancerOf(instances, { policy, instanceCallCountMax: 5 });
      const picked = Array.from({ length: 15 }, () => balancer.pick({ key: "k" }, instant(0)));
      assert.ok(!picked.includes(undefined), policy);
      assert.deepEqual(
        instances.map(({ load }) => load.activeCount),
        [5, 5, 5],
      );
      assert.equal(balancer.pick(undefined, instant(0)), undefined);
      const [instance] = instances as [ViewInstance];
      balancer.end({ instance, result: "success", latencyMs: 1 }, instant(0));
      assert.equal(balancer.pick(undefined, instant(0)), instance);
    }
  });

  it("forgets the ejection of one that is gone, or started again", () => {
    const instances = viewInstances(4);
    const balancer = balancerOf(instances);
    const eject = (): void => {
      for (let index = 0; index < 20; index += 1) {
        call(balancer, (id) => (id === "i2" ? "error" : "success"), 0);
      }
      assert.equal(balancer.ejected(instant(0)).size, 1);
    };
    eject();
    balancer.update(instances.slice(0, 2), instant(0));
    assert.equal(balancer.ejected(instant(0)).size, 0);
    balancer.update(instances, instant(0));
    eject();
    const again = instances.map((each) => ({ ...each, stamp: { ...each.stamp, incarnation: 2 } }));
    balancer.update(again, instant(0));
    assert.equal(balancer.ejected(instant(0)).size, 0);
  });

  it("sends what it has to its aperture, in parts at the edges (χ² over all callers)", () => {
    const callers = viewInstances(30, (index) => ({ id: `caller-${index}` }));
    const counts = new Map<string, number>();
    let connectionCount = 0;
    for (const { id: ownId } of callers) {
      const balancer = balancerOf([], { policy: "random", random: new SeededRandom(7) });
      const instances = viewInstances(80);
      balancer.update(instances, instant(0), { ownId, instances: callers, sizeMin: 12 });
      const own = new Set<string>();
      for (let index = 0; index < 400; index += 1) {
        const id = call(balancer, () => "success", 0);
        own.add(id);
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
      connectionCount += own.size;
    }
    assert.ok(connectionCount < 30 * 16, `${connectionCount}`);
    assertDistribution(
      [...counts.values()],
      Array.from({ length: 80 }, () => 1),
    );
  });

  it("has an aperture for each place, and none for keys or for who is no caller", () => {
    const at = (zone: string) => ({ region: "eu", zone });
    const instances = viewInstances(200, (index) => at(index < 100 ? "1" : "2"));
    const callers = viewInstances(50, (index) => ({
      id: `c${index}`,
      ...at(index < 25 ? "1" : "2"),
    }));
    const idsOf = (ownId: string, policy: PolicyName): Set<string> => {
      const balancer = balancerOf([], { policy, caller: at("1") });
      balancer.update(instances, instant(0), { ownId, instances: callers, sizeMin: 12 });
      const picks = Array.from({ length: 5_000 }, (_, index) =>
        balancer.pick({ key: String(index) }, instant(0)),
      );
      return new Set(picks.map((picked) => picked?.id ?? ""));
    };
    const near = idsOf("c3", "random");
    assert.ok(near.size >= 12 && near.size <= 14, `${near.size}`);
    assert.ok([...near].every((id) => Number(id.slice(1)) < 100));
    assert.equal(idsOf("nobody", "random").size, 100);
    assert.equal(idsOf("c3", "rendezvous").size, 100);
  });
});
