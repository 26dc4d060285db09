import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Liveness } from "../instance.js";
import { ACCUSATION_PER_SECOND_MAX, UNREACHED_COUNT_MAX } from "../limits.js";
import { InstanceState } from "../record.js";
import { instant } from "../time.js";
import { CallOutcome, type CallResult } from "./call-result.js";
import {
  ACCUSE_INTERVAL_MS,
  CONNECT_FAILURE_COUNT_MIN,
  UNREACHED_FORGET_MS,
  UNREACHED_MIN_MS,
  UnreachedInstances,
} from "./unreached-instances.js";

const { success, error, rejected, cancelled, connectFailure } = CallOutcome;

function instance(id = "a", incarnation = 1, liveness: Liveness = Liveness.alive) {
  const stamp = { incarnation, session: 0, claim: 0 };
  return { service: "cart", id, stamp, state: InstanceState.up, liveness };
}

/** What is told after calls that end at these times. */
function check(calls: readonly [atMs: number, result: CallResult][], expected: string[]): void {
  const unreached = new UnreachedInstances();
  const told = calls.flatMap(([atMs, result]) => {
    const word = unreached.onResult(instance(), result, instant(atMs));
    return word === undefined ? [] : [`${atMs} ${word}`];
  });
  assert.deepEqual(told, expected);
}

describe("UnreachedInstances", () => {
  it("accuses after failures that last, and takes it back with a success", () => {
    const failures: [number, CallResult][] = [0, 500, 1_999, 2_000].map((at) => [
      at,
      connectFailure,
    ]);
    check(failures, ["2000 accuse"]);
    check([...failures, [2_500, success]], ["2000 accuse", "2500 retract"]);
    check([...failures, [2_500, rejected], [2_600, success]], ["2000 accuse", "2500 retract"]);
  });

  it("needs three in a row, however long they last", () => {
    check(
      [
        [0, connectFailure],
        [30_000, connectFailure],
      ],
      [],
    );
    check(
      [
        [0, connectFailure],
        [10, connectFailure],
        [3_000, connectFailure],
      ],
      ["3000 accuse"],
    );
  });

  it("begins anew after a success, and after a long pause", () => {
    check(
      [
        [0, connectFailure],
        [1_000, connectFailure],
        [1_500, success],
        [2_000, connectFailure],
        [2_500, connectFailure],
      ],
      [],
    );
    const late = 1_000 + UNREACHED_FORGET_MS;
    check(
      [
        [0, connectFailure],
        [1_000, connectFailure],
        [late, connectFailure],
      ],
      [],
    );
  });

  it("heeds no statuses: an error and a caller that gave up prove neither", () => {
    check(
      [
        [0, error],
        [1_000, error],
        [2_000, error],
        [9_000, error],
      ],
      [],
    );
    check(
      [
        [0, connectFailure],
        [500, error],
        [900, cancelled],
        [1_000, connectFailure],
        [2_000, connectFailure],
        [2_100, error],
      ],
      ["2000 accuse"],
    );
  });

  it("says it again while it lasts, but not at each call", () => {
    const calls: [number, CallResult][] = [];
    for (let at = 0; at <= 2 * ACCUSE_INTERVAL_MS + 2_000; at += 100)
      calls.push([at, connectFailure]);
    check(calls, ["2000 accuse", "14000 accuse", "26000 accuse"]);
  });

  it("says nothing of what is suspect already, and forgets an earlier life", () => {
    const unreached = new UnreachedInstances();
    const suspect = instance("a", 1, Liveness.suspect);
    for (const at of [0, 1_000, 2_000, 3_000]) {
      assert.equal(unreached.onResult(suspect, connectFailure, instant(at)), undefined);
    }
    assert.equal(unreached.onResult(instance("a", 2), connectFailure, instant(4_000)), undefined);
    assert.equal(unreached.onResult(instance("a", 1), connectFailure, instant(4_000)), undefined);
  });

  it("remembers so many, and tells so much in a second (P10)", () => {
    const unreached = new UnreachedInstances();
    let toldCount = 0;
    for (const at of [0, 1_000, 2_000]) {
      for (let index = 0; index < UNREACHED_COUNT_MAX; index += 1) {
        const word = unreached.onResult(instance(`i${index}`), connectFailure, instant(at));
        toldCount += word === undefined ? 0 : 1;
      }
    }
    assert.equal(toldCount, ACCUSATION_PER_SECOND_MAX / 2);
    unreached.onResult(instance("one more"), connectFailure, instant(3_000));
    assert.equal(unreached.onResult(instance("i0"), connectFailure, instant(3_000)), undefined);
  });

  it("never accuses without failures that last, nor retracts what it did not say (property)", () => {
    const results = fc.constantFrom<CallResult[]>(success, error, rejected, connectFailure);
    const call = fc.tuple(fc.nat({ max: 20_000 }), results);
    fc.assert(
      fc.property(fc.array(call, { maxLength: 60 }), (calls) => {
        const unreached = new UnreachedInstances();
        let now = 0;
        let failedSince: number | undefined;
        let failureCount = 0;
        let isAccused = false;
        for (const [waitMs, result] of calls) {
          now += waitMs;
          const isReached = result === success || result === rejected;
          if (result === connectFailure) {
            failedSince ??= now;
            failureCount += 1;
          }
          const word = unreached.onResult(instance(), result, instant(now));
          if (word === "accuse") {
            assert.ok(result === connectFailure && failedSince !== undefined);
            assert.ok(failureCount >= CONNECT_FAILURE_COUNT_MIN);
            assert.ok(now - failedSince >= UNREACHED_MIN_MS);
            isAccused = true;
          }
          if (word === "retract") assert.ok(isReached && isAccused);
          if (!isReached) continue;
          failedSince = undefined;
          failureCount = 0;
          isAccused = false;
        }
      }),
    );
  });
});
