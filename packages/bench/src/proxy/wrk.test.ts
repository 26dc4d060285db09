import assert from "node:assert/strict";
import { it } from "node:test";
import { parseWrk } from "./wrk.js";

const PRINTED = `Running 2s test @ http://127.0.0.1:8080/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     3.05ms    1.02ms  20.01ms   80.00%
    Req/Sec    20.01k     1.00k   22.00k    70.00%
  Latency Distribution
     50%  912.00us
     75%    3.20ms
     90%    4.00ms
     99%    1.10s
  40022 requests in 2.00s, 5.00MB read
  Socket errors: connect 1, read 2, write 0, timeout 3
  Non-2xx or 3xx responses: 4
Requests/sec:  20011.15
Transfer/sec:      2.50MB
`;

it("reads what wrk prints", () => {
  assert.deepEqual(parseWrk(PRINTED), {
    requestCount: 40_022,
    requestsPerSecond: 20_011.15,
    bytesPerSecond: 2.5 * 1_024 ** 2,
    p50Ms: 0.912,
    p99Ms: 1_100,
    errorCount: 10,
  });
  assert.throws(() => parseWrk("unable to connect"), /Requests\/sec/);
});
