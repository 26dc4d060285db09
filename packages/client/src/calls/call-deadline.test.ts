import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { isRegistryError } from "../index.js";
import { CallDeadline, type DeadlineParts, deadlineOf } from "./call-deadline.js";

const NOW = 1_000;
const INFINITE = Number.POSITIVE_INFINITY;

describe("CallDeadline", () => {
  const check = (parts: DeadlineParts, timeoutMs: number, isInherited: boolean): void => {
    const deadline = new CallDeadline(parts, NOW);
    assert.equal(deadline.timeoutMs, timeoutMs);
    assert.equal(deadline.isInherited, isInherited);
    assert.equal(deadline.ends, NOW + timeoutMs);
    assert.equal(deadline.leftMs(NOW + 1), Math.max(0, timeoutMs - 1));
  };

  it("is the call's own, or what was inherited if that is sooner", () => {
    check({ timeoutMs: 500 }, 500, false);
    check({ timeoutMs: 500, deadline: NOW + 600 }, 500, false);
    check({ timeoutMs: 500, deadline: NOW + 400 }, 400, true);
    check({ timeoutMs: 500, field: "400" }, 400, true);
    check({ timeoutMs: 500, field: "400", deadline: NOW + 300 }, 300, true);
    check({ timeoutMs: 500, field: "300", deadline: NOW + 400 }, 300, true);
    check({ timeoutMs: INFINITE, deadline: INFINITE, field: null }, INFINITE, false);
    check({ timeoutMs: INFINITE, field: "400" }, 400, true);
  });

  it("takes a field that is no time for none", () => {
    for (const field of ["", "soon", "-1", "1.5"]) check({ timeoutMs: 500, field }, 500, false);
  });

  it("has nothing left, and never less, once it has passed", () => {
    check({ timeoutMs: 500, deadline: NOW - 1 }, 0, true);
    check({ timeoutMs: INFINITE, deadline: Number.NEGATIVE_INFINITY }, 0, true);
    check({ timeoutMs: 500, field: "0" }, 0, true);
  });

  it("refuses a deadline that is no instant", () => {
    assert.throws(
      () => new CallDeadline({ timeoutMs: 500, deadline: Number.NaN }, NOW),
      (error) => isRegistryError(error) && error.code === "invalid_argument",
    );
  });

  it("never ends after any of its parts", () => {
    const ms = fc.integer({ min: 0, max: 100_000 });
    fc.assert(
      fc.property(ms, ms, ms, (timeoutMs, deadline, told) => {
        const { ends } = new CallDeadline({ timeoutMs, deadline, field: String(told) }, NOW);
        assert.equal(ends, Math.max(NOW, Math.min(NOW + timeoutMs, deadline, NOW + told)));
      }),
    );
  });
});

describe("deadlineOf", () => {
  it("reads the field of node:http and of fetch", () => {
    const fields = { "x-fpzk-timeout-ms": "5000" };
    for (const each of [fields, new Headers(fields)]) {
      const before = performance.now();
      const deadline = deadlineOf(each);
      assert.ok(deadline >= before + 5_000 && deadline <= performance.now() + 5_000);
    }
  });

  it("is none where the request does not say, or says no time", () => {
    for (const fields of [{}, new Headers(), { "x-fpzk-timeout-ms": "soon" }]) {
      assert.equal(deadlineOf(fields), INFINITE);
    }
    assert.equal(deadlineOf({ "x-fpzk-timeout-ms": ["1", "2"] }), INFINITE);
  });
});
