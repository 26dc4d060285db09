import assert from "node:assert/strict";
import test from "node:test";
import { measureHeartbeats } from "./heartbeat.bench.js";

test("the heartbeat benchmark still runs", async () => {
  const measure = await measureHeartbeats(4, 4, 100);
  assert.ok(measure.heartbeatsPerSecond > 0);
});
