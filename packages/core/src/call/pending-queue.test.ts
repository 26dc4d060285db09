import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { instant, NEVER } from "../time.js";
import { PendingQueue } from "./pending-queue.js";

describe("PendingQueue", () => {
  it("trips when it is full and resets when it has drained to half", () => {
    const queue = new PendingQueue<number>(4);
    for (const call of [1, 2, 3, 4]) assert.equal(queue.add(call, NEVER), true);
    assert.equal(queue.state, "tripped");
    assert.equal(queue.add(5, NEVER), false);
    assert.equal(queue.next(), 1);
    assert.equal(queue.state, "tripped");
    assert.equal(queue.add(6, NEVER), false);
    queue.remove(3);
    assert.equal(queue.state, "reset");
    assert.equal(queue.add(7, NEVER), true);
    assert.deepEqual(
      [queue.next(), queue.next(), queue.next(), queue.next()],
      [2, 4, 7, undefined],
    );
  });

  it("drops those whose time is over, in their order", () => {
    const queue = new PendingQueue<string>(10);
    queue.add("late", instant(300));
    queue.add("soon", instant(100));
    queue.add("now", instant(50));
    assert.equal(queue.nextDeadline, 50);
    assert.deepEqual(queue.takeExpired(instant(100)), ["soon", "now"]);
    assert.equal(queue.nextDeadline, 300);
    assert.equal(queue.next(), "late");
    assert.equal(queue.nextDeadline, NEVER);
  });

  it("refuses each call when none may wait", () => {
    assert.equal(new PendingQueue<number>(0).add(1, NEVER), false);
  });

  it("never holds more than it may, and loses and repeats nobody", () => {
    const action = fc.constantFrom("add", "next", "remove", "expire");
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 8 }), fc.array(action), (countMax, actions) => {
        const queue = new PendingQueue<number>(countMax);
        let waiting: number[] = [];
        for (const [call, what] of actions.entries()) {
          if (what === "add") {
            const isTaken = queue.add(call, instant(call + 10));
            if (isTaken) waiting.push(call);
            else assert.ok(waiting.length > countMax / 2 || countMax === 0);
          } else if (what === "next") assert.equal(queue.next(), waiting.shift());
          else if (what === "remove") queue.remove(waiting.splice(waiting.length >> 1, 1)[0] ?? -1);
          else {
            const expired = queue.takeExpired(instant(call));
            assert.deepEqual(
              expired,
              waiting.filter((each) => each + 10 <= call),
            );
            waiting = waiting.filter((each) => !expired.includes(each));
          }
          assert.equal(queue.size, waiting.length);
          assert.ok(queue.size <= countMax);
          if (queue.size >= countMax) assert.equal(queue.state, "tripped");
        }
      }),
    );
  });
});
