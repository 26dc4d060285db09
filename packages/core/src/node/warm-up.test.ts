import assert from "node:assert/strict";
import { test } from "node:test";
import type { PeerMessage } from "../messages.js";
import { InstanceState, RecordKind, type RegistryRecord, Scope } from "../record.js";
import { instant } from "../time.js";
import { createLoneNode } from "./lone-node.fixture.js";
import { NODE_CONFIG_DEFAULT } from "./node-config.js";
import type { RegistryNode } from "./registry-node.js";

const TTL_MS = NODE_CONFIG_DEFAULT.sessionTtlMs;
const ORIGIN = { nodeId: "full", generation: 1, scope: Scope.global };
const LINK = 1;

test("a node that is being filled stays warming beyond one ttl, until it holds all", () => {
  const node = joiningNode({ version: 3 });
  for (const version of [1, 2]) {
    hear(node, delta(version), version * (TTL_MS - 100));
    assert.equal(tick(node, version * (TTL_MS - 100) + 99), false);
  }
  hear(node, delta(3), 3 * (TTL_MS - 100));
  assert.equal(node.isReady, true, "all that the peer's digest named is here");
});

test("a node that nobody fills any more is ready one ttl after the last part", () => {
  const node = joiningNode({ version: 3 });
  hear(node, delta(1), 1_000);
  assert.equal(tick(node, 1_000 + TTL_MS - 1), false);
  assert.equal(tick(node, 1_000 + TTL_MS), true);
});

test("a delta that does not attach keeps no node warming", () => {
  const node = joiningNode({ version: 3 });
  hear(node, delta(3), TTL_MS - 1);
  assert.equal(tick(node, TTL_MS), true);
});

test("what comes from a peer that warms up itself keeps no node warming", () => {
  const node = joiningNode({ version: 3, isPeerReady: false });
  hear(node, delta(1), TTL_MS - 1);
  assert.equal(tick(node, TTL_MS), true);
});

test("a node that is filled without end is ready after two minutes", () => {
  const node = joiningNode({ version: 1_000 });
  for (let version = 1; version < 60; version += 1) {
    hear(node, delta(version), version * 2_000);
    assert.equal(tick(node, version * 2_000), false);
  }
  hear(node, delta(60), 119_999);
  assert.equal(tick(node, 120_000), true);
});

/** A node with a link to one that holds versions up to the given one. */
function joiningNode({
  version,
  isPeerReady = true,
}: {
  version: number;
  isPeerReady?: boolean;
}): RegistryNode {
  const place = { region: "eu", zone: "a", seeds: ["b:1"] };
  const node = createLoneNode({ ...place, nodeId: "empty", encodedDescription: new Uint8Array(0) });
  const peer = { nodeId: "full", generation: 1, region: "eu", zone: "a" };
  node.step({ type: "link-open", link: LINK, peer, isOutbound: true, address: "b:1" }, instant(0));
  const entry = { origin: ORIGIN, version, watermark: 0, content: { high: 1, low: 1 } };
  hear(
    node,
    {
      type: "digest",
      entries: [entry],
      floors: [],
      hears: [],
      isReady: isPeerReady,
      repair: "now",
      ended: [],
    },
    0,
  );
  return node;
}

function hear(node: RegistryNode, message: PeerMessage, atMs: number): void {
  node.step({ type: "link-message", link: LINK, message }, instant(atMs));
}

/** Whether the node is ready after a tick. */
function tick(node: RegistryNode, atMs: number): boolean {
  node.step({ type: "tick" }, instant(atMs));
  return node.isReady;
}

function delta(version: number): PeerMessage {
  const record: RegistryRecord = {
    kind: RecordKind.instance,
    scope: Scope.global,
    namespace: "default",
    service: "cart",
    id: `i${version}`,
    origin: ORIGIN,
    version,
    stamp: { incarnation: 1, session: 1, claim: 0 },
    state: InstanceState.up,
    isSuspect: false,
    reason: 0,
    since: 1,
    body: new Uint8Array([1]),
  };
  return {
    type: "delta",
    groups: [{ origin: ORIGIN, from: version - 1, to: version, records: [record] }],
  };
}
