import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { propagationByPair, readServerFigures, renderSummary } from "./summary.js";

const METRICS = `# HELP fpzk_members Nodes
fpzk_members{status="alive"} 5
fpzk_members{status="suspect"} 1
fpzk_services 2
fpzk_instances{state="up"} 11
fpzk_instances{state="offline"} 1
fpzk_propagation_seconds_bucket{le="0.05",from_region="us",to_region="eu"} 2
fpzk_propagation_seconds_sum{from_region="us",to_region="eu"} 0.1
fpzk_propagation_seconds_count{from_region="us",to_region="eu"} 2
fpzk_propagation_seconds_sum{from_region="us",to_region="ap"} 0
fpzk_propagation_seconds_count{from_region="us",to_region="ap"} 0
`;

describe("readServerFigures", () => {
  it("adds up what the labels divide", () => {
    const figures = readServerFigures("us-1", METRICS);
    assert.deepEqual([figures.nodeCount, figures.serviceCount, figures.instanceCount], [6, 2, 12]);
    assert.deepEqual(figures.propagation, [{ from: "us", to: "eu", count: 2, meanMs: 50 }]);
  });

  it("says so when a server does not answer", () => {
    assert.equal(readServerFigures("us-1", undefined).isAnswering, false);
  });
});

describe("propagationByPair", () => {
  it("joins both ways and weighs by count", () => {
    const back = METRICS.replaceAll(
      'from_region="us",to_region="eu"',
      'from_region="eu",to_region="us"',
    )
      .replace("0.1\n", "0.24\n")
      .replace(
        '} 2\nfpzk_propagation_seconds_sum{from_region="us"',
        '} 6\nfpzk_propagation_seconds_sum{from_region="us"',
      );
    const pairs = propagationByPair([
      readServerFigures("a", METRICS),
      readServerFigures("b", back),
    ]);
    assert.deepEqual(
      pairs.map(({ pair, wireMs }) => [pair, wireMs]),
      [
        ["inside us", 0],
        ["us–eu", 40],
        ["us–ap", 80],
        ["inside eu", 0],
        ["eu–ap", 110],
        ["inside ap", 0],
      ],
    );
    assert.equal(Math.round(pairs[1]?.meanMs ?? 0), 43);
    assert.equal(pairs[2]?.meanMs, undefined);
  });
});

describe("renderSummary", () => {
  it("shows every server, caller and pair", () => {
    const counts = { callCount: 3, failureCount: 1, lastAnswer: "orders-us-1", lastFailure: "" };
    const text = renderSummary({
      elapsedSeconds: 2,
      servers: [readServerFigures("us-1", METRICS), readServerFigures("us-2", undefined)],
      edges: [{ region: "us", direct: counts, proxied: counts }],
    }).join("\n");
    for (const part of ["1 of 2", "us-2", "does not answer", "us by proxy", "50.0 ms", "not yet"]) {
      assert.ok(text.includes(part), part);
    }
  });
});
