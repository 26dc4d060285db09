import assert from "node:assert/strict";
import { test } from "node:test";
import type { PeerMessage } from "@fpzk/core";
import { decodePeerMessage, encodePeerMessage } from "@fpzk/protocol";
import { NEXT_RELEASE, spokenBy, THIS_RELEASE } from "./release.js";
import { World } from "./world.js";

test("what the next release adds is longer, and read as if it were not there", () => {
  const message: PeerMessage = {
    ...{ type: "digest", entries: [], floors: [], hears: ["a"] },
    ...{ isReady: true, repair: "now", ended: [] },
  };
  const frame = encodePeerMessage(message);
  const longer = spokenBy(NEXT_RELEASE, frame);
  assert.ok(longer.length > frame.length);
  assert.deepEqual(decodePeerMessage(longer), decodePeerMessage(spokenBy(THIS_RELEASE, frame)));
});

test("a node of another version is refused with both, and harms nobody", () => {
  const world = new World({ seed: 1 });
  const refusals: string[] = [];
  world.observe({ refused: (_node, message) => refusals.push(message) });
  const seeds = ["us-1", "us-2", "us-3"];
  world.addNode({ nodeId: "us-1", region: "us", seeds });
  world.addNode({ nodeId: "us-2", region: "us", seeds });
  const release = { protocolVersion: 2, addsFields: true };
  world.addNode({ nodeId: "us-3", region: "us", seeds, release });
  world.run(10_000);
  assert.ok(
    refusals.some((text) => /version 2 .* must equal 1 /.test(text)),
    refusals.join("\n"),
  );
  assert.ok(
    refusals.some((text) => /version 1 .* must equal 2 /.test(text)),
    refusals.join("\n"),
  );
  for (const nodeId of ["us-1", "us-2"]) {
    const node = world.node(nodeId);
    assert.equal(node.node.isReady, true);
    assert.deepEqual([...new Set(node.links.peers.map(({ id }) => id))].length, 1);
  }
});
