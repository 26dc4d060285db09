import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type Instant, instant, NEVER } from "../time.js";
import { DeadlineWheel } from "./deadline-wheel.js";

const GRANULARITY_MS = 50;

/** The dumb model: a sorted Map. */
class DeadlineMap {
  readonly #deadlines = new Map<number, number>();
  #settledUntil = 0;

  get count(): number {
    return this.#deadlines.size;
  }

  set(id: number, at: Instant): void {
    if (at === NEVER) this.#deadlines.delete(id);
    else this.#deadlines.set(id, at);
  }

  cancel(id: number): void {
    this.#deadlines.delete(id);
  }

  expire(now: number): number[] {
    const tickNow = Math.floor(now / GRANULARITY_MS) * GRANULARITY_MS;
    this.#settledUntil = Math.max(this.#settledUntil, tickNow);
    const expired = [...this.#deadlines]
      .filter(([, at]) => at <= this.#settledUntil)
      .sort(([idA, atA], [idB, atB]) => atA - atB || idA - idB)
      .map(([id]) => id);
    for (const id of expired) this.#deadlines.delete(id);
    return expired;
  }

  earliest(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#deadlines.values());
  }
}

type Step =
  | { readonly type: "set"; readonly id: number; readonly inMs: number }
  | { readonly type: "cancel"; readonly id: number }
  | { readonly type: "advance"; readonly byMs: number };

const ids = fc.integer({ min: 0, max: 40 });
const stepOf: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("set" as const),
      id: ids,
      inMs: fc.oneof(
        fc.integer({ min: 20, max: 90 }),
        fc.integer({ min: -200, max: 500 }),
        fc.integer({ min: -10, max: 10_000 }),
        fc.double({ min: 0, max: 300, noNaN: true }),
        fc.constant(Number.POSITIVE_INFINITY),
      ),
    }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("cancel" as const), id: ids }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("advance" as const),
      byMs: fc.oneof(
        fc.integer({ min: 0, max: 120 }),
        fc.double({ min: 0, max: 9_000, noNaN: true }),
      ),
    }),
  },
);

describe("DeadlineWheel", () => {
  it("does what a sorted map does, whatever is set, renewed, cancelled and passes", () => {
    fc.assert(
      fc.property(
        fc.array(stepOf, { maxLength: 200, size: "max" }),
        fc.nat(100_000),
        (steps, start) => {
          let now = start;
          // 32 slots of 50 ms: one revolution is 1.6 s, so most runs wrap several times.
          const wheel = new DeadlineWheel({ now: instant(now), slotCount: 32 });
          const model = new DeadlineMap();
          model.expire(now);
          for (const step of steps) {
            if (step.type === "set") {
              wheel.set(step.id, instant(now + step.inMs));
              model.set(step.id, instant(now + step.inMs));
            } else if (step.type === "cancel") {
              wheel.cancel(step.id);
              model.cancel(step.id);
            } else {
              now += step.byMs;
              const expired = wheel.expire(instant(now));
              assert.deepEqual(expired, model.expire(now));
              for (const id of expired) assert.equal(wheel.deadlineOf(id), NEVER);
            }
            assert.equal(wheel.count, model.count);
            const earliest = model.earliest();
            if (earliest === NEVER) assert.equal(wheel.next(), NEVER);
            else {
              const tick = Math.floor(now / GRANULARITY_MS);
              const bound = Math.max(Math.ceil(earliest / GRANULARITY_MS), tick) * GRANULARITY_MS;
              assert.ok(wheel.next() <= bound, `next ${wheel.next()} is later than ${bound}`);
            }
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it("fires every deadline within one granularity when driven by next() alone, never early", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 20_000, noNaN: true }), { maxLength: 50 }),
        (deadlines) => {
          const wheel = new DeadlineWheel({ slotCount: 32 });
          deadlines.forEach((at, id) => void wheel.set(id, instant(at)));
          let firedCount = 0;
          let wakeCount = 0;
          for (let now = wheel.next(); now !== NEVER; now = wheel.next()) {
            wakeCount += 1;
            assert.ok(wakeCount < 2_000, "next() makes no progress");
            for (const id of wheel.expire(now)) {
              const at = deadlines[id];
              assert.ok(at !== undefined && at <= now && now - at <= GRANULARITY_MS);
              firedCount += 1;
            }
          }
          assert.equal(firedCount, deadlines.length);
        },
      ),
    );
  });

  it("returns ids by deadline, then id", () => {
    const wheel = new DeadlineWheel();
    wheel.set(7, instant(90));
    wheel.set(3, instant(90));
    wheel.set(9, instant(20));
    assert.deepEqual(wheel.expire(instant(1_000)), [9, 3, 7]);
    assert.equal(wheel.next(), NEVER);
  });

  it("renews lazily: the old tick comes up empty and the id moves on", () => {
    const wheel = new DeadlineWheel();
    wheel.set(1, instant(100));
    wheel.set(1, instant(1_000));
    assert.equal(wheel.next(), 100);
    assert.deepEqual(wheel.expire(instant(100)), []);
    assert.equal(wheel.next(), 1_000);
    assert.deepEqual(wheel.expire(instant(999)), []);
    assert.deepEqual(wheel.expire(instant(1_000)), [1]);
  });

  it("brings a deadline forward at once", () => {
    const wheel = new DeadlineWheel();
    wheel.set(1, instant(100_000));
    wheel.set(1, instant(100));
    assert.equal(wheel.next(), 100);
    assert.deepEqual(wheel.expire(instant(100)), [1]);
  });

  it("brings a deadline forward by a single tick", () => {
    const wheel = new DeadlineWheel();
    wheel.set(1, instant(150));
    wheel.set(1, instant(100));
    assert.deepEqual(wheel.expire(instant(100)), [1]);
  });

  it("expires a deadline that has already passed at the next call", () => {
    const wheel = new DeadlineWheel({ now: instant(5_020) });
    wheel.set(1, instant(3));
    assert.ok(wheel.next() <= 5_020);
    assert.deepEqual(wheel.expire(instant(5_020)), [1]);
  });

  it("lets an id be used again, and forgets it on cancel and NEVER", () => {
    const wheel = new DeadlineWheel();
    wheel.set(1, instant(100));
    wheel.cancel(1);
    wheel.cancel(1);
    assert.equal(wheel.deadlineOf(1), NEVER);
    wheel.set(1, instant(200));
    assert.equal(wheel.deadlineOf(1), 200);
    wheel.set(1, NEVER);
    assert.equal(wheel.count, 0);
    assert.deepEqual(wheel.expire(instant(10_000)), []);
    wheel.set(1, instant(10_100));
    assert.deepEqual(wheel.expire(instant(10_100)), [1]);
    assert.deepEqual(wheel.expire(instant(20_000)), []);
  });

  it("survives a clock that stands still, steps back or leaps many revolutions", () => {
    const wheel = new DeadlineWheel({ slotCount: 32 });
    wheel.set(1, instant(100));
    wheel.set(2, instant(10_000_000));
    assert.deepEqual(wheel.expire(instant(9_000_000)), [1]);
    assert.deepEqual(wheel.expire(instant(5)), []);
    assert.deepEqual(wheel.expire(instant(9_999_999)), []);
    assert.deepEqual(wheel.expire(instant(10_000_000)), [2]);
  });

  it("holds a million ids", () => {
    const wheel = new DeadlineWheel();
    const idCount = 1_000_000;
    for (let id = 0; id < idCount; id += 1) wheel.set(id, instant(3_000 + (id % 1_000)));
    for (let id = 0; id < idCount; id += 1) wheel.set(id, instant(4_000 + (id % 1_000)));
    assert.equal(wheel.count, idCount);
    assert.equal(wheel.expire(instant(3_999)).length, 0);
    assert.equal(wheel.expire(instant(4_499)).length, 451_000);
    assert.equal(wheel.expire(instant(5_000)).length, 549_000);
    assert.equal(wheel.count, 0);
  });

  it("refuses ids and options outside their bounds", () => {
    const wheel = new DeadlineWheel({ idCountMax: 10 });
    for (const id of [-1, 10, 1.5, Number.NaN]) {
      assert.throws(() => wheel.set(id, instant(1)), /deadline id/);
    }
    assert.throws(() => wheel.set(1, instant(Number.NaN)), /must be a number/);
    assert.throws(() => new DeadlineWheel({ slotCount: 33 }), /power of two/);
    assert.throws(() => new DeadlineWheel({ granularityMs: 0 }), /granularityMs 0/);
  });
});
