import assert from "node:assert/strict";
import type { Worker } from "node:cluster";
import { describe, it } from "node:test";
import { silentLogger } from "@fpzk/server";
import { restartDelayMs, WorkerSeat } from "./worker-seat.js";

/** What a seat asks of a worker. */
const WORKER = { process: { pid: 1 } } as unknown as Worker;
const KILLED = { code: null, signal: "SIGKILL" };

function createSeat() {
  const lines: string[] = [];
  const error = (event: string): void => {
    lines.push(event);
  };
  return { seat: new WorkerSeat(1, { ...silentLogger, error }), lines };
}

describe("a worker's seat", () => {
  it("ends all with the code of a worker that was never ready", () => {
    const check = (end: Parameters<WorkerSeat["crashed"]>[0], expected: number): void => {
      const { seat, lines } = createSeat();
      seat.take(WORKER, 0);
      assert.equal(
        seat.crashed(end, 1, () => assert.fail("no restart")),
        expected,
      );
      assert.deepEqual(lines, ["worker.gave_up"]);
      assert.equal(seat.worker, undefined);
    };
    check({ code: 3, signal: null }, 3);
    check({ code: 0, signal: null }, 1);
    check(KILLED, 1);
  });

  it("restarts one that was ready, until it crashed too often in a row", (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { seat } = createSeat();
    let startCount = 0;
    const start = (nowMs: number): void => {
      startCount += 1;
      seat.take(WORKER, nowMs);
    };
    start(0);
    seat.ready();
    for (let crash = 1; crash <= 20; crash += 1) {
      assert.equal(
        seat.crashed(KILLED, 0, () => start(0)),
        undefined,
      );
      t.mock.timers.tick(restartDelayMs(crash) - 1);
      assert.equal(startCount, crash, "not before its delay");
      t.mock.timers.tick(1);
      assert.equal(startCount, crash + 1);
    }
    // A minute later it counts as healthy, and its crashes begin at one again.
    assert.equal(
      seat.crashed(KILLED, 60_000, () => start(60_000)),
      undefined,
    );
    t.mock.timers.tick(restartDelayMs(1));
    for (let crash = 2; crash <= 20; crash += 1) seat.crashed(KILLED, 60_001, () => {});
    assert.equal(
      seat.crashed(KILLED, 60_001, () => {}),
      1,
    );
  });

  it("starts nobody after it was left, and forgives what a replaced worker did", (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { seat } = createSeat();
    seat.take(WORKER, 0);
    seat.ready();
    seat.crashed(KILLED, 0, () => assert.fail("it was left"));
    assert.equal(seat.leave(), undefined);
    t.mock.timers.tick(60_000);
    for (let crash = 2; crash <= 20; crash += 1) seat.crashed(KILLED, 0, () => {});
    seat.replace(WORKER, 0);
    assert.equal(
      seat.crashed(KILLED, 0, () => {}),
      undefined,
    );
    seat.cancelRestart();
  });
});

describe("restartDelayMs", () => {
  it("grows with each crash, to 30 s at most", () => {
    assert.deepEqual(
      [1, 2, 3, 8, 9, 1_000].map(restartDelayMs),
      [250, 500, 1_000, 30_000, 30_000, 30_000],
    );
  });
});
