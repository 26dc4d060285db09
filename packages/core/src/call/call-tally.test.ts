import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CallTally, TALLY_CALL_COUNT_MIN } from "./call-tally.js";

/** Failures in a hundred of each instance; latencies in ms. */
function check(
  failures: readonly number[],
  expected: readonly string[],
  {
    latencies = [],
    latencyFactor = 0,
    callCount = TALLY_CALL_COUNT_MIN,
  }: Partial<CheckOptions> = {},
): void {
  const tally = new CallTally();
  for (const [index, failed] of failures.entries()) {
    for (let call = 0; call < callCount; call += 1) {
      tally.add(`i${index}`, call % 100 >= failed, latencies[index] ?? 10);
    }
  }
  assert.deepEqual(tally.takeOutliers(latencyFactor), expected);
  assert.deepEqual(tally.takeOutliers(latencyFactor), [], "the next interval begins empty");
}

interface CheckOptions {
  readonly latencies: readonly number[];
  readonly latencyFactor: number;
  readonly callCount: number;
}

describe("CallTally", () => {
  it("finds who fails more often than the others, the worst first", () => {
    check([0, 0, 0, 33, 0, 0], ["i3"]);
    check([2, 1, 3, 2, 60, 1, 2, 2, 50, 1, 2, 0], ["i4", "i8"]);
  });

  it("blames nobody for a fault of all, nor for next to nothing", () => {
    check([50, 50, 50, 50, 50], []);
    check([100, 100, 100, 100, 100], []);
    check([0, 0, 0, 0, 0, 0, 0, 0, 0, 2], []);
  });

  it("compares only where there is something to compare", () => {
    check([0, 0, 0, 90], []);
    check([0, 0, 0, 0, 90], [], { callCount: TALLY_CALL_COUNT_MIN - 1 });
  });

  it("finds who is slow against the median, if asked to", () => {
    const latencies = [10, 11, 12, 9, 130, 10];
    check([0, 0, 0, 0, 0, 0], [], { latencies });
    check([0, 0, 0, 0, 0, 0], ["i4"], { latencies, latencyFactor: 10 });
    check([0, 0, 0, 0, 0, 0], [], { latencies, latencyFactor: 20 });
  });
});
