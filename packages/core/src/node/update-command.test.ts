import assert from "node:assert/strict";
import { test } from "node:test";
import { InstanceState, Scope } from "../record.js";
import { createLoneNode, NOW, runCommand } from "./lone-node.fixture.js";
import type { RegistryNode } from "./registry-node.js";

const ADDRESS = { namespace: "default", service: "cart", id: "1" };

test("an update changes a lease's body and nothing else", () => {
  const node = createLoneNode();
  const registration = { scope: Scope.region, state: InstanceState.offline, ttlMs: 2_000 };
  runCommand(node, { kind: "register", ...ADDRESS, ...registration, body: new Uint8Array([1]) });
  const before = instanceOf(node);
  const updated = runCommand(node, { kind: "update", ...ADDRESS, body: new Uint8Array([2, 3]) });
  assert.equal(updated.refusal, undefined);
  const { version, ...after } = instanceOf(node);
  assert.deepEqual(after, { ...withoutVersion(before), body: new Uint8Array([2, 3]) });
  assert.ok(version > before.version);
  assert.deepEqual(updated.stamp, before.stamp);
});

test("an update is refused for what nobody knows and for what a session keeps", () => {
  const node = createLoneNode();
  const update = { kind: "update", ...ADDRESS, body: new Uint8Array([2]) } as const;
  assert.equal(runCommand(node, update).refusal?.code, "not_found");
  const grants = { mayRead: true, mayRegister: true, mayOperate: false };
  const session = { session: 1, clientId: "c", sessionNumber: 1, grants } as const;
  node.step({ type: "session-open", kind: "native", namespace: "default", ...session }, NOW);
  const item = {
    service: ADDRESS.service,
    id: ADDRESS.id,
    incarnation: 0,
    since: 0,
    state: InstanceState.up,
    scope: Scope.global,
    body: new Uint8Array([1]),
  };
  node.step(
    {
      type: "session-message",
      session: 1,
      message: { type: "register", requestId: 1, items: [item] },
    },
    NOW,
  );
  assert.equal(runCommand(node, update).refusal?.code, "failed_precondition");
  assert.deepEqual(instanceOf(node).body, new Uint8Array([1]));
});

function instanceOf(node: RegistryNode) {
  const slot = [...node.table.slots()].find((one) => node.table.read(one).id === ADDRESS.id);
  assert.ok(slot !== undefined, "the instance is in the table");
  const record = node.table.read(slot);
  return { ...record, body: record.body.slice() };
}

function withoutVersion({ version: _, ...record }: ReturnType<typeof instanceOf>) {
  return record;
}
