import assert from "node:assert/strict";
import { test } from "node:test";
import { type PeerMessage, Scope } from "@fpzk/core";
import { forgedNode, forgedRecord, Trial } from "./forged.fixture.js";
import { RegionalStreams } from "./regional-streams.js";

function newCase() {
  const trial = new Trial();
  const oracle = new RegionalStreams(trial);
  const filling = { node: { isReady: false, readyReason: "warming up" } };
  const [us, eu] = [forgedNode("us-1"), forgedNode("eu-1")];
  const us2 = forgedNode("us-2");
  for (const node of [us, us2, eu]) oracle.nodeStarted(node);
  return { trial, oracle, us, us2, eu, filling };
}

test("R12 sees a region's own record in another region, and on its way there", () => {
  const { trial, oracle, us, us2, eu } = newCase();
  const record = forgedRecord("us-1", 1, { scope: Scope.region });
  const { origin } = record;
  const message: PeerMessage = { type: "delta", groups: [{ origin, from: 0, to: 1, records: [] }] };
  const ready = { node: { isReady: true, readyReason: "ready" } };
  oracle.stored(us2, record);
  oracle.peerSent({ ...us, ...ready }, us2, message);
  assert.deepEqual(trial.complaints, []);
  oracle.stored(eu, record);
  oracle.peerSent({ ...us, ...ready }, eu, message);
  assert.deepEqual(trial.complaints, ["R12", "R12"]);
});

test("R10 sees a reset by a node that is not ready", () => {
  const { trial, oracle, us, us2, filling } = newCase();
  const reset: PeerMessage = {
    type: "reset",
    origins: [],
    groups: [],
    isFinal: true,
    entries: [],
    floors: [],
  };
  oracle.peerSent({ ...us, node: { isReady: false, readyReason: "leaving" } }, us2, reset);
  assert.deepEqual(trial.complaints, []);
  oracle.peerSent({ ...us, ...filling }, us2, reset);
  assert.deepEqual(trial.complaints, ["R10"]);
});
