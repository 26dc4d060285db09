import assert from "node:assert/strict";
import { test } from "node:test";
import { CLAIM_MAX, compareStamps, raiseStamp, SESSION_NUMBER_MAX, type Stamp } from "./record.js";

test("a raised stamp is higher, whatever is at its end", () => {
  const check = (stamp: Stamp, expected: Stamp | undefined) => {
    const raised = raiseStamp(stamp);
    assert.deepEqual(raised, expected);
    if (raised !== undefined) assert.ok(compareStamps(raised, stamp) > 0);
  };
  const last = { session: SESSION_NUMBER_MAX, claim: CLAIM_MAX };
  check({ incarnation: 1, session: 2, claim: 3 }, { incarnation: 1, session: 2, claim: 4 });
  check({ incarnation: 1, session: 2, claim: CLAIM_MAX }, { incarnation: 1, session: 3, claim: 0 });
  check({ incarnation: 1, ...last }, { incarnation: 2, session: 0, claim: 0 });
  check({ incarnation: Number.MAX_SAFE_INTEGER, ...last }, undefined);
});
