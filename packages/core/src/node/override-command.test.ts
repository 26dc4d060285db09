import assert from "node:assert/strict";
import { test } from "node:test";
import { InstanceState, RecordKind, Scope } from "../record.js";
import { createLoneNode, runCommand } from "./lone-node.fixture.js";
import type { RegistryNode } from "./registry-node.js";

const ADDRESS = { namespace: "default", service: "cart", id: "1" };
const EMPTY = new Uint8Array(0);

test("an operator's word goes where its instance goes, and stands once", () => {
  const node = createLoneNode();
  register(node, Scope.region);
  say(node, InstanceState.offline);
  assert.deepEqual(overrides(node), [`${Scope.region}/${InstanceState.offline}`]);

  // The program shows itself to all regions now: the word follows when it is said again.
  runCommand(node, { kind: "deregister", ...ADDRESS, reason: 1 });
  register(node, Scope.global);
  say(node, InstanceState.up);
  assert.deepEqual(overrides(node), [
    `${Scope.global}/${InstanceState.up}`,
    `${Scope.region}/${InstanceState.removed}`,
  ]);
  say(node, undefined);
  assert.deepEqual(overrides(node), [
    `${Scope.global}/${InstanceState.removed}`,
    `${Scope.region}/${InstanceState.removed}`,
  ]);
});

test("lifting a word lifts that of an earlier visibility too", () => {
  const node = createLoneNode();
  register(node, Scope.global);
  say(node, InstanceState.offline);
  runCommand(node, { kind: "deregister", ...ADDRESS, reason: 1 });
  register(node, Scope.region);
  say(node, undefined);
  assert.equal(overrides(node)[0], `${Scope.global}/${InstanceState.removed}`);
});

function register(node: RegistryNode, scope: Scope): void {
  const state = InstanceState.up;
  const lease = { scope, state, ttlMs: 2_000, body: EMPTY };
  assert.equal(runCommand(node, { kind: "register", ...ADDRESS, ...lease }).refusal, undefined);
}

function say(node: RegistryNode, state: InstanceState | undefined): void {
  const word = { state, body: EMPTY, description: {}, timeoutMs: 0 };
  assert.equal(runCommand(node, { kind: "override", ...ADDRESS, ...word }).refusal, undefined);
}

/** `scope/state` of each override record, by scope. */
function overrides(node: RegistryNode): string[] {
  const { table } = node;
  return [...table.slots()]
    .filter((slot) => table.kind(slot) === RecordKind.override)
    .map((slot) => `${table.read(slot).scope}/${table.state(slot)}`)
    .sort();
}
