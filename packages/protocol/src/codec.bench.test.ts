import assert from "node:assert/strict";
import test from "node:test";
import { measureCodecs } from "./codec.bench.js";

test("the benchmark runs", () => {
  const rates = measureCodecs(100);
  assert.ok(rates.length > 0);
  for (const { name, perSecond } of rates) assert.ok(perSecond > 0, name);
});
