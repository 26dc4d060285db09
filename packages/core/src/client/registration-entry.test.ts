import assert from "node:assert/strict";
import { test } from "node:test";
import { InstanceState, Scope } from "../record.js";
import { instant } from "../time.js";
import { awaitsOther, endWaiting, newRegistration } from "./registration-entry.js";

test("waits for the other process over several sessions, and counts what they saw", () => {
  const wanted = { service: "s", id: "a", scope: Scope.global, state: InstanceState.up };
  const registration = newRegistration({ ...wanted, body: new Uint8Array(0) }, instant(0));
  const waits = (atMs: number) => awaitsOther(registration, instant(atMs));
  assert.ok(waits(0));
  assert.equal(registration.retryAt, 2_000);
  assert.ok(waits(5_000));
  // A session later: nobody looked in between.
  registration.undecidedAt = undefined;
  assert.ok(waits(60_000));
  assert.ok(waits(62_999), "7,999 ms");
  assert.ok(!waits(63_000), "8 s");
  endWaiting(registration);
  assert.ok(waits(63_001));
});
