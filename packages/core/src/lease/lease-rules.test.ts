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

test("nothing but to be heard restores, and only who is heard gets a new ttl", () => {
  for (const [phase, events] of Object.entries(LEASE_RULES)) {
    for (const [event, step] of Object.entries(events)) {
      const name = `${event} while ${phase}`;
      if (step.write === "alive" || step.phase === "active") assert.equal(event, "heard", name);
      if (step.deadline === "ttlMs") assert.equal(event, "heard", name);
    }
  }
});

test("a phase that is left behind has told everyone: suspect is written once on the way down", () => {
  const down: readonly LeaseEvent[] = ["closed", "deadline"];
  for (const event of down) {
    assert.equal(LEASE_RULES.active[event].write, "suspect");
    for (const phase of ["silent", "closed", "adopted"] as const) {
      assert.notEqual(LEASE_RULES[phase][event].write, "suspect", phase);
    }
  }
});

test("a connection that closes gives the whole grace, whatever came before; a second gives none", () => {
  assert.equal(LEASE_RULES.active.closed.deadline, "reconnectGraceMs");
  assert.equal(LEASE_RULES.silent.closed.deadline, "reconnectGraceMs");
  assert.equal(LEASE_RULES.closed.closed.deadline, "keep");
});
