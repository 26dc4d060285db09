import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../time.js";
import { NodeBench, notes } from "./node.fixture.js";

const STALL_MS = 600;

/** Stands still for a little every two seconds; what waits in its sockets is read then. */
function runWithStalls(bench: NodeBench, end: number, awake?: () => void): void {
  while (bench.now < end) {
    bench.runUntil(bench.now + 2_000 - STALL_MS, awake);
    bench.now = instant(bench.node.nextDeadline() + STALL_MS);
    assert.ok(notes(bench.step({ type: "tick" })).includes("node.stalled"));
    awake?.();
  }
}

test("a node that stalls a little again and again still sees that a peer is silent", () => {
  const bench = new NodeBench();
  bench.link(1, "b");
  runWithStalls(bench, 10_000);
  assert.ok(notes(bench.effects).includes("link.silent"));
});

test("a node that stalls a little again and again still sees that a program is silent", () => {
  const bench = new NodeBench();
  bench.openSession(1);
  bench.register(1, "dead");
  bench.openSession(2);
  bench.register(2, "alive");
  runWithStalls(bench, 30_000, () => bench.beat(2));
  assert.match(bench.seen("dead"), /^removed/);
  assert.equal(bench.seen("alive"), "alive");
});
