import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { LatencyHistogram } from "./latency-histogram.js";

describe("LatencyHistogram", () => {
  it("has quantiles that are right up to a bucket (against sorting)", () => {
    const latency = fc.double({ min: 0.2, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(latency, { minLength: 1, maxLength: 500 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (latencies, ratio) => {
          const histogram = new LatencyHistogram();
          for (const ms of latencies) histogram.add(ms);
          const sorted = latencies.toSorted((a, b) => a - b);
          const exact = sorted[Math.ceil(ratio * sorted.length) - 1] ?? 0;
          const said = histogram.quantileMs(ratio) ?? 0;
          assert.ok(said >= exact * 0.999 && said <= exact * 1.2, `${said}, not ${exact}`);
        },
      ),
    );
  });

  it("follows when latencies change, and knows nothing at first", () => {
    const histogram = new LatencyHistogram();
    assert.equal(histogram.quantileMs(0.95), undefined);
    for (let call = 0; call < 10_000; call += 1) histogram.add(10);
    for (let call = 0; call < 10_000; call += 1) histogram.add(100);
    const median = histogram.quantileMs(0.5) ?? 0;
    assert.ok(median >= 100 && median < 120, `${median}`);
    assert.ok(histogram.total < 2_000);
  });

  it("takes any latency", () => {
    const histogram = new LatencyHistogram();
    for (const ms of [0, 1e-9, 1e15]) histogram.add(ms);
    assert.ok(Number.isFinite(histogram.quantileMs(1)));
  });
});
