/** A node whose record was taken over and removed while it was apart, and all of it forgotten. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EMPTY_DIGEST } from "../hash.js";
import { originOf } from "../record.fixture.js";
import { compareStamps, InstanceState, Scope } from "../record.js";
import { NodeBench, toSession } from "./node.fixture.js";

/** A full answer of a peer that has seen all this node wrote, and holds none of it. */
function hearAllIsGone(bench: NodeBench) {
  const entry = { origin: originOf("a", 5), version: 1_000, watermark: 0, content: EMPTY_DIGEST };
  const seen = bench.node.digest().find((one) => one.origin.nodeId === "a");
  assert.ok(seen);
  const entries = [{ ...entry, version: seen.version }];
  const rest = { origins: [], groups: [], isFinal: true, floors: [] };
  return bench.hear(1, { type: "reset", ...rest, entries });
}

test("what a session keeps is written anew, above, and its program goes on from there", () => {
  const bench = new NodeBench();
  bench.openSession(1);
  bench.register(1, "x", 1);
  bench.link(1, "b");
  const before = bench.instance("x");
  const told = toSession(hearAllIsGone(bench), 1).find((one) => one.type === "superseded");
  const after = bench.instance("x");
  assert.equal(bench.seen("x"), "alive");
  assert.ok(before && after && compareStamps(after.stamp, before.stamp) > 0);
  assert.ok(after.version > before.version, "it is news for everybody");
  assert.deepEqual([told?.stamp, told?.isAlive, told?.isUndecided], [after.stamp, false, false]);
  bench.register(1, "x", after.stamp.incarnation + 1);
  bench.step({ type: "session-close", session: 1 });
  bench.runUntil(3_000);
  assert.equal(bench.seen("x"), "removed 3", "it hangs on its session still");
});

test("what a renewed lease keeps is written anew, above", () => {
  const bench = new NodeBench();
  const name = { namespace: "default", service: "cart", id: "x" };
  const isUp = { scope: Scope.global, state: InstanceState.up, body: new Uint8Array([1]) };
  bench.run({ kind: "register", ...name, ...isUp, ttlMs: 3_000 });
  bench.link(1, "b");
  const before = bench.instance("x");
  hearAllIsGone(bench);
  const after = bench.instance("x");
  assert.ok(before && after && compareStamps(after.stamp, before.stamp) > 0);
  assert.equal(bench.run({ kind: "renew", ...name })?.refusal, undefined);
});

test("what nobody is heard of goes, and its lease lets go of it", () => {
  const bench = new NodeBench();
  bench.openSession(1);
  bench.register(1, "x", 1);
  bench.link(1, "b");
  bench.step({ type: "session-close", session: 1 });
  assert.equal(bench.seen("x"), "suspect");
  hearAllIsGone(bench);
  assert.equal(bench.seen("x"), "none");
  bench.runUntil(20_000);
  assert.deepEqual([bench.seen("x"), bench.node.leaseCount], ["none", 0]);
});
