import assert from "node:assert/strict";
import { it } from "node:test";
import { parseH2load, parseH2loadLog } from "./h2load.js";

const PRINTED = `starting benchmark...
Application protocol: h2c

finished in 3.04s, 15195.00 req/s, 3.70MB/s
requests: 30392 total, 30391 started, 30390 done, 30387 succeeded, 3 failed, 1 errored, 0 timeout
status codes: 30387 2xx, 0 3xx, 2 4xx, 0 5xx
traffic: 7.39MB (7749437) total, 2.29MB (2403200) headers, 7.01MB (7353792) data
`;

it("reads what h2load prints", () => {
  assert.deepEqual(parseH2load(PRINTED), {
    requestCount: 30_390,
    requestsPerSecond: 15_195,
    bytesPerSecond: 3.7 * 1_024 ** 2,
    errorCount: 3,
  });
  assert.throws(() => parseH2load("connection refused"), /what was finished/);
});

it("takes percentiles from its log", () => {
  const lines = Array.from({ length: 100 }, (_, index) => `17954\t200\t${(index + 1) * 1_000}`);
  const { p50Ms, p99Ms } = parseH2loadLog(`${lines.join("\n")}\n`);
  assert.equal(Math.round(p50Ms), 50);
  assert.equal(Math.round(p99Ms), 99);
  assert.deepEqual(parseH2loadLog(""), { p50Ms: 0, p99Ms: 0 });
});
