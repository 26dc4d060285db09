import assert from "node:assert/strict";
import { test } from "node:test";
import { NodeBench, toSession } from "./node.fixture.js";

const SESSION_COUNT = 600;
/** At 2,000 in a second. */
const SPREAD_MS = 300;

function slotOf(bench: NodeBench, session: number): number | undefined {
  const beat = { type: "heartbeat", sequence: 1, wantsDigests: true } as const;
  const [pong] = toSession(bench.say(session, beat), session);
  assert.ok(pong?.type === "pong");
  return pong.reconnectDelayMs;
}

// Slots were drawn once, from as many sessions as there were then: a quarter came at the start.
test("P8 slots of sessions that came one after the other are even over the whole spread", () => {
  const bench = new NodeBench();
  for (let session = 1; session <= SESSION_COUNT; session += 1) bench.openSession(session);
  const tenths = new Array<number>(10).fill(0);
  for (let session = 1; session <= SESSION_COUNT; session += 1) {
    const slotMs = slotOf(bench, session);
    assert.ok(slotMs !== undefined && slotMs >= 0 && slotMs < SPREAD_MS);
    assert.equal(slotOf(bench, session), slotMs, "a session keeps its place");
    const tenth = Math.floor((slotMs * 10) / SPREAD_MS);
    tenths[tenth] = (tenths[tenth] ?? 0) + 1;
  }
  for (const count of tenths) assert.ok(count >= 30 && count <= 90, tenths.join(" "));
});

test("P9 a pong that brings no digests brings no slot", () => {
  const bench = new NodeBench();
  bench.openSession(1);
  const beat = { type: "heartbeat", sequence: 7, wantsDigests: false } as const;
  assert.deepEqual(toSession(bench.say(1, beat), 1), [{ type: "pong", sequence: 7, digests: [] }]);
});
