import assert from "node:assert/strict";
import { test } from "node:test";
import { RemovalReason } from "../record.js";
import { LEASE_RULES, type LeaseEvent, type LeasePhase } from "./lease-rules.js";

/** The rows of the table of leases in words: phase, event → phase, write, deadline, reason. */
const ROWS: readonly (readonly [LeasePhase, LeaseEvent, string, string, string, RemovalReason])[] =
  [
    ["active", "heard", "active", "nothing", "ttlMs", RemovalReason.none],
    ["active", "closed", "closed", "suspect", "reconnectGraceMs", RemovalReason.none],
    ["active", "deadline", "silent", "suspect", "confirmationMs", RemovalReason.none],
    ["silent", "heard", "active", "alive", "ttlMs", RemovalReason.none],
    ["silent", "closed", "closed", "nothing", "reconnectGraceMs", RemovalReason.none],
    ["silent", "deadline", "ended", "tombstone", "keep", RemovalReason.silent],
    ["closed", "heard", "closed", "nothing", "keep", RemovalReason.none],
    ["closed", "closed", "closed", "nothing", "keep", RemovalReason.none],
    ["closed", "deadline", "ended", "tombstone", "keep", RemovalReason.connectionLost],
    ["adopted", "heard", "adopted", "nothing", "keep", RemovalReason.none],
    ["adopted", "closed", "adopted", "nothing", "keep", RemovalReason.none],
    ["adopted", "deadline", "ended", "tombstone", "keep", RemovalReason.orphaned],
  ];

test("every row of the lease table says what the documents say", () => {
  for (const [phase, event, next, write, deadline, reason] of ROWS) {
    const name = `${event} while ${phase}`;
    assert.deepEqual(LEASE_RULES[phase][event], { phase: next, write, deadline, reason }, name);
  }
  const cells = Object.values(LEASE_RULES).flatMap((events) => Object.values(events));
  assert.equal(cells.length, ROWS.length);
});

test("only a deadline removes, and only with a reason (P4)", () => {
  for (const [phase, events] of Object.entries(LEASE_RULES)) {
    for (const [event, step] of Object.entries(events)) {
      if (step.write !== "tombstone") continue;
      assert.equal(event, "deadline", phase);
      assert.notEqual(step.reason, RemovalReason.none, phase);
      assert.notEqual(phase, "active", "a lease is suspect before it ends");
    }
  }
});
