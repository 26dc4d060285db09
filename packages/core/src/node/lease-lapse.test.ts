import assert from "node:assert/strict";
import { test } from "node:test";
import { InstanceState, RemovalReason, Scope } from "../record.js";
import { type Instant, instant } from "../time.js";
import type { NodeEvent } from "./events.js";
import { createLoneNode } from "./lone-node.fixture.js";
import { NodeBench, toSession } from "./node.fixture.js";

const TTL_MS = 2_000;

test("a lease that nobody renews lapses, leaves a tombstone, and the node goes on", () => {
  const node = createLoneNode();
  let now = instant(0);
  const step = (event: NodeEvent) => [
    ...node.step(event, now),
    ...node.step({ type: "turn-end" }, now),
  ];
  const runUntil = (until: Instant) => {
    while (node.nextDeadline() <= until) {
      now = instant(Math.max(now, node.nextDeadline()));
      step({ type: "tick" });
    }
    now = until;
  };
  runUntil(instant(60_000));
  assert.ok(node.isReady, node.readyReason);
  const address = { namespace: "default", service: "cart", id: "1" };
  const command = {
    kind: "register",
    ...address,
    scope: Scope.global,
    state: InstanceState.up,
    ttlMs: TTL_MS,
    body: new Uint8Array([1]),
  } as const;
  step({ type: "command", commandId: 1, command });
  runUntil(instant(now + TTL_MS + 60_000));
  const tombstones = [...node.table.slots()]
    .map((slot) => node.table.read(slot))
    .filter((record) => record.service === "cart");
  assert.deepEqual(
    tombstones.map(({ state, reason }) => [state, reason]),
    [[InstanceState.removed, RemovalReason.leaseExpired]],
  );
  step({ type: "command", commandId: 2, command });
  assert.equal(node.counters.leasesLapsed > 0, true);
});

// A client whose cable was cut one way heard its node well, and was removed.
test("P6 a session that is silent is asked to move, and again only after it was heard", () => {
  const bench = new NodeBench();
  bench.openSession(1);
  bench.register(1, "x");
  const moves = () => toSession(bench.effects, 1).filter(({ type }) => type === "move");
  bench.runUntil(2_900);
  assert.deepEqual(moves(), []);
  bench.runUntil(4_000);
  assert.equal(bench.seen("x"), "suspect");
  assert.equal(moves().length, 1);
  bench.beat(1);
  assert.equal(bench.seen("x"), "alive");
  bench.runUntil(8_000);
  assert.equal(moves().length, 2);
  bench.step({ type: "session-close", session: 1 });
  bench.runUntil(20_000);
  assert.deepEqual([bench.seen("x"), moves().length], ["removed 3", 2]);
});
