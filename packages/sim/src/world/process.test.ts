import assert from "node:assert/strict";
import { test } from "node:test";
import { after, type Instant, instant } from "@fpzk/core";
import { EventQueue } from "./event-queue.js";
import { type ClockOptions, SimProcess } from "./process.js";

/** A world of one process that ticks each second of its own clock. */
class Lone {
  readonly queue = new EventQueue();
  readonly told: string[] = [];
  now = 1_000;

  schedule(at: number, run: () => void): void {
    this.queue.add(Math.max(at, this.now), run);
  }

  run(until: number): string[] {
    for (let next = this.queue.peek(); next !== undefined && next.at <= until; ) {
      this.queue.take();
      this.now = next.at;
      next.run(next.argument);
      next = this.queue.peek();
    }
    this.now = until;
    return this.told.splice(0);
  }
}

class Ticker extends SimProcess {
  readonly #lone: Lone;

  constructor(lone: Lone, clock?: ClockOptions) {
    const world = { now: () => lone.now, schedule: lone.schedule.bind(lone) };
    super(world, { id: "p", region: "us", clock });
    this.#lone = lone;
  }

  wish(deadline: Instant): void {
    this.arm(deadline);
  }

  protected override tick(): void {
    this.#lone.told.push(`tick at ${Math.round(this.#lone.now)}`);
    this.arm(after(this.localNow(), 1_000));
  }

  protected override endTurn(): void {}
}

test("a clock that runs 5 % fast ticks early, one that runs slow late", () => {
  const ticksOf = (rate: number) => {
    const lone = new Lone();
    new Ticker(lone, { rate }).wish(instant(2_000));
    return lone.run(22_000).length;
  };
  assert.equal(ticksOf(1), 21);
  assert.equal(ticksOf(1.05), 22);
  assert.equal(ticksOf(0.95), 19);
});

test("an earlier timer replaces a later one, which does not fire besides", () => {
  const lone = new Lone();
  const process = new Ticker(lone);
  process.wish(instant(4_500));
  process.wish(instant(2_000));
  const ticks = lone.run(5_200);
  assert.deepEqual(ticks, ["tick at 2000", "tick at 3000", "tick at 4000", "tick at 5000"]);
});

test("who stands still does everything when it wakes, in order, once", () => {
  const lone = new Lone();
  const process = new Ticker(lone);
  process.wish(instant(2_000));
  lone.run(1_500);
  process.freeze(5_000);
  process.whenAwake(() => lone.told.push(`asked at ${lone.now}`));
  assert.deepEqual(lone.run(6_400), []);
  assert.deepEqual(lone.run(7_600), ["asked at 6500", "tick at 6500", "tick at 7500"]);
});

test("thawed early, it goes on at once and not again", () => {
  const lone = new Lone();
  const process = new Ticker(lone);
  process.freeze(60_000);
  process.whenAwake(() => lone.told.push("asked"));
  lone.run(5_000);
  process.thaw();
  assert.deepEqual(lone.run(100_000), ["asked"]);
});

test("nothing reaches a process that ended", () => {
  const lone = new Lone();
  const process = new Ticker(lone);
  process.freeze(1_000);
  process.whenAwake(() => lone.told.push("asked"));
  process.isUp = false;
  assert.deepEqual(lone.run(10_000), []);
});

test("the wall clock may be wrong and jump; the monotonic one does not", () => {
  const lone = new Lone();
  const process = new Ticker(lone, { wallAheadMs: 5_000 });
  const [wall, local] = [process.wallNow(), process.localNow()];
  process.wallAheadMs -= 3_600_000;
  assert.equal(process.wallNow() - wall, -3_600_000);
  assert.equal(process.localNow(), local);
});
