/** Requests by the second: the rule with injected time, and a proxy with real sockets. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { connect } from "node:http2";
import { describe, it } from "node:test";
import fc from "fast-check";
import { startFixture, startInstance } from "./proxy-fixture.test.util.js";
import { callerAddress, RATE_ADDRESS_COUNT_MAX, RateLimit } from "./rate-limit.js";

describe("RateLimit", () => {
  it("lets a second's requests in at once, then an even pace", () => {
    const limit = new RateLimit(3);
    const at = (nowMs: number) => limit.admits("a", nowMs);
    assert.deepEqual([at(5_000), at(5_000), at(5_000), at(5_000)], [true, true, true, false]);
    assert.deepEqual([at(5_300), at(5_334), at(5_335)], [false, true, false]);
    assert.ok(limit.admits("b", 5_335), "another address has its own");
    assert.deepEqual([at(60_000), at(60_000), at(60_000), at(60_000)], [true, true, true, false]);
  });

  it("never lets in more than the rate and one burst, nor refuses who keeps to the rate", () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), gaps, (rate, waits) => {
        const limit = new RateLimit(rate);
        let [nowMs, admitted] = [1_000, 0];
        for (const wait of waits) {
          nowMs += wait;
          if (limit.admits("a", nowMs)) admitted += 1;
        }
        assert.ok(admitted <= rate + ((nowMs - 1_000) / 1_000) * rate + 1);
        const even = new RateLimit(rate);
        for (let count = 0; count < 100; count += 1) {
          assert.ok(even.admits("a", 1_000 + Math.ceil((count * 1_000) / rate)));
        }
      }),
    );
  });

  it("remembers a bounded number of addresses", () => {
    const limit = new RateLimit(1);
    assert.ok(limit.admits("first", 0));
    for (let index = 1; index < RATE_ADDRESS_COUNT_MAX; index += 1) limit.admits(`${index}`, 0);
    assert.ok(!limit.admits("first", 0));
    limit.admits("one more", 0);
    assert.ok(limit.admits("first", 0), "forgotten");
  });
});

it("takes what a trusted proxy noted last for the caller", () => {
  assert.equal(callerAddress("10.0.0.1", undefined), "10.0.0.1");
  assert.equal(callerAddress("10.0.0.1", ""), "10.0.0.1");
  assert.equal(callerAddress("10.0.0.1", "spoofed, 192.0.2.7"), "192.0.2.7");
  assert.equal(callerAddress("10.0.0.1", "x".repeat(1_000)).length, 64);
});

describe("a proxy with a rate", () => {
  it("answers 429 to who asks faster, by HTTP/1.1 and HTTP/2, and serves others", async (t) => {
    const limits = { requestsPerSecondMax: 2 };
    const { proxy, directory, nextEntry } = await startFixture(t, {
      limits,
      trustsForwarded: true,
    });
    const instance = await startInstance(t, (_, response) => void response.end("served"));
    directory.set("echo", { id: "a", port: instance.port });
    const ask = (forwarded: string) =>
      new Promise<{ status: number | undefined; retryAfter: string | undefined }>((resolve) => {
        const headers = { "x-forwarded-for": forwarded };
        request(proxy.url, { headers, agent: false }, (response) => {
          response.resume();
          const { statusCode: status } = response;
          response.on("end", () =>
            resolve({ status, retryAfter: response.headers["retry-after"] }),
          );
        }).end();
      });
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask("192.0.2.1")));
    assert.ok(answers.filter(({ status }) => status === 200).length >= 2);
    assert.deepEqual(
      answers.find(({ status }) => status === 429),
      { status: 429, retryAfter: "1" },
    );
    assert.equal((await ask("192.0.2.2")).status, 200);
    const session = connect(proxy.url);
    t.after(() => session.destroy());
    const headers = { ":path": "/", "x-forwarded-for": "192.0.2.3" };
    const statuses = await Promise.all(
      Array.from({ length: 20 }, () => {
        return new Promise<number | undefined>((resolve) => {
          const stream = session.request(headers);
          stream.on("response", (got) => resolve(got[":status"]));
          stream.resume();
        });
      }),
    );
    assert.ok(statuses.filter((status) => status === 200).length >= 2);
    assert.ok(statuses.includes(429));
    const entries = await Promise.all(answers.map(() => nextEntry()));
    const refused = entries.find(({ statusCode }) => statusCode === 429);
    assert.deepEqual([refused?.outcome, refused?.reason], ["refused", "resource_exhausted"]);
  });
});
