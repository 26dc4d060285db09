import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Liveness } from "../instance.js";
import type { ViewInstance } from "../pick/picker.js";
import { viewInstance } from "../pick/view-instance.fixture.js";
import { instant } from "../time.js";
import { SlowStart } from "./slow-start.js";

const [a, b] = [viewInstance({ id: "a" }), viewInstance({ id: "b" })];

function share(slowStart: SlowStart, id: string, nowMs: number): number {
  return Math.round(slowStart.share(id, instant(nowMs)) * 100) / 100;
}

function started(...instances: ViewInstance[]): SlowStart {
  const slowStart = new SlowStart(10_000);
  slowStart.update(instances, instant(0));
  return slowStart;
}

describe("SlowStart", () => {
  it("ramps one that appears beside others, from a tenth to all", () => {
    const slowStart = started(a);
    slowStart.update([a, b], instant(20_000));
    assert.deepEqual(
      [20_000, 25_000, 29_000, 30_000].map((nowMs) => share(slowStart, "b", nowMs)),
      [0.1, 0.5, 0.9, 1],
    );
    assert.equal(share(slowStart, "a", 20_000), 1);
  });

  it("gives all the same when all are equally new", () => {
    const slowStart = started(a, b);
    assert.deepEqual([share(slowStart, "a", 0), share(slowStart, "b", 0)], [1, 1]);
    slowStart.update([a, b, viewInstance({ id: "c" })], instant(2_000));
    assert.equal(share(slowStart, "c", 4_000), 0.5);
  });

  it("begins again for another process, after suspicion, and after ejection", () => {
    const slowStart = started(a, b);
    const again = { ...b, stamp: { ...b.stamp, incarnation: 2 } };
    assert.deepEqual(slowStart.update([a, again], instant(20_000)), ["b"]);
    assert.equal(share(slowStart, "b", 21_000), 0.1);
    const suspect = { ...again, liveness: Liveness.suspect };
    assert.deepEqual(slowStart.update([a, suspect], instant(40_000)), []);
    assert.equal(share(slowStart, "b", 40_000), 1);
    slowStart.update([a, again], instant(41_000));
    assert.equal(share(slowStart, "b", 42_000), 0.1);
    slowStart.begin("b", instant(60_000));
    assert.equal(share(slowStart, "b", 65_000), 0.5);
  });

  it("does nothing with a window of 0", () => {
    const slowStart = new SlowStart(0);
    slowStart.update([a], instant(0));
    slowStart.update([a, b], instant(1));
    assert.equal(slowStart.share("b", instant(1)), 1);
  });
});
