import assert from "node:assert/strict";
import { test } from "node:test";
import { InstanceState, MapRecordTable, RecordKind, RemovalReason, Scope } from "@fpzk/core";
import { Camps, contentOf } from "./content.js";

const ORIGIN = { nodeId: "us-1", generation: 1, scope: Scope.global };

/** A table of instances of one service. */
function tableOf(
  ...instances: readonly { id: string; session?: number; state?: InstanceState; scope?: Scope }[]
): MapRecordTable {
  const table = new MapRecordTable();
  for (const [index, instance] of instances.entries()) {
    const { id, session = 1, state = InstanceState.up, scope = Scope.global } = instance;
    table.put({
      kind: RecordKind.instance,
      scope,
      namespace: "default",
      service: "orders",
      id,
      origin: { ...ORIGIN, scope },
      version: index + 1,
      stamp: { incarnation: 1, session, claim: 0 },
      state,
      isSuspect: false,
      reason: RemovalReason.none,
      since: 0,
      body: new Uint8Array(0),
    });
  }
  return table;
}

test("equal contents have equal digests, in whatever order they came", () => {
  const [a, b] = [{ id: "A" }, { id: "B" }];
  assert.equal(contentOf(tableOf(a, b)), contentOf(tableOf(b, a)));
  assert.match(contentOf(tableOf(a, b)), /^[0-9a-f]{8}$/);
});

test("another instance, state or stamp is another digest", () => {
  const contents = [
    tableOf({ id: "A" }),
    tableOf({ id: "B" }),
    tableOf({ id: "A", session: 2 }),
    tableOf({ id: "A", state: InstanceState.draining }),
  ].map(contentOf);
  assert.equal(new Set(contents).size, contents.length);
});

test("tombstones and what is kept in its region make no difference", () => {
  const expected = contentOf(tableOf({ id: "A" }));
  const removed = { id: "B", state: InstanceState.removed };
  assert.equal(contentOf(tableOf({ id: "A" }, removed)), expected);
  assert.equal(contentOf(tableOf({ id: "A" }, { id: "B", scope: Scope.region })), expected);
});

test("a content keeps its number while contents differ; when all agree it is 0", () => {
  const camps = new Camps();
  assert.deepEqual([...camps.of(["a", "a", "a"])], [["a", 0]]);
  assert.equal(camps.of(["a", "b", "b"]).get("a"), 0);
  assert.equal(camps.of(["a", "b", "b"]).get("b"), 1);
  assert.equal(camps.of(["c", "b", "b"]).get("b"), 1, "b keeps its number");
  assert.equal(camps.of(["c", "b", "b"]).get("c"), 0, "the lowest that is free");
  assert.deepEqual([...camps.of(["b", "b", "b"])], [["b", 0]]);
});
