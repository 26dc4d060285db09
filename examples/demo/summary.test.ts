import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  propagationByPair,
  readServerFigures,
  renderSummary,
  type ServerFigures,
} from "./summary.js";

const METRICS = `# HELP fpzk_members Nodes
fpzk_members{status="alive"} 5
fpzk_members{status="suspect"} 1
fpzk_instances{state="up"} 11
fpzk_instances{state="offline"} 1
fpzk_propagation_seconds_bucket{le="0.05",from_region="us",to_region="eu"} 2
fpzk_propagation_seconds_sum{from_region="us",to_region="eu"} 0.1
fpzk_propagation_seconds_count{from_region="us",to_region="eu"} 2
fpzk_propagation_seconds_sum{from_region="us",to_region="ap"} 0
fpzk_propagation_seconds_count{from_region="us",to_region="ap"} 0
`;
const SERVICES = `{"services":[{"service":"a","instanceCount":2},{"service":"b","instanceCount":0}]}`;

function serverThatMeasured(from: string, to: string, count: number, sumMs: number): ServerFigures {
  const propagation = [{ from, to, count, sumMs }];
  return { ...readServerFigures(`of-${from}`, METRICS, SERVICES), propagation };
}

describe("readServerFigures", () => {
  it("adds up what the labels divide", () => {
    const figures = readServerFigures("us-1", METRICS, SERVICES);
    assert.deepEqual([figures.nodeCount, figures.serviceCount, figures.instanceCount], [6, 1, 12]);
    assert.deepEqual(figures.propagation, [{ from: "us", to: "eu", count: 2, sumMs: 100 }]);
  });

  it("says so when a server does not answer", () => {
    assert.equal(readServerFigures("us-1", undefined, undefined).isAnswering, false);
  });
});

describe("propagationByPair", () => {
  it("joins both ways and weighs by count", () => {
    const servers = [
      serverThatMeasured("us", "eu", 2, 100),
      serverThatMeasured("eu", "us", 6, 240),
    ];
    assert.deepEqual(
      propagationByPair(servers, []).map(({ pair, wireMs, meanMs }) => [pair, wireMs, meanMs]),
      [
        ["inside us", 0, undefined],
        ["us–eu", 40, 42.5],
        ["us–ap", 80, undefined],
        ["inside eu", 0, undefined],
        ["eu–ap", 110, undefined],
        ["inside ap", 0, undefined],
      ],
    );
  });

  it("counts only what came since, and all of it after a restart", () => {
    const earlier = [serverThatMeasured("us", "eu", 10, 5_000)];
    const later = propagationByPair([serverThatMeasured("us", "eu", 12, 5_090)], earlier);
    assert.equal(later[1]?.meanMs, 45);
    const restarted = propagationByPair([serverThatMeasured("us", "eu", 2, 84)], earlier);
    assert.equal(restarted[1]?.meanMs, 42);
    assert.equal(propagationByPair(earlier, earlier)[1]?.meanMs, undefined);
  });
});

describe("renderSummary", () => {
  it("shows every server, caller and pair", () => {
    const counts = { callCount: 3, failureCount: 1, lastAnswer: "orders-us-1", lastFailure: "" };
    const text = renderSummary({
      elapsedSeconds: 2,
      servers: [
        readServerFigures("us-1", METRICS, SERVICES),
        readServerFigures("us-2", undefined, undefined),
      ],
      earlierServers: [],
      edges: [{ region: "us", direct: counts, proxied: counts }],
    }).join("\n");
    for (const part of ["1 of 2", "us-2", "does not answer", "us by proxy", "50.0 ms", "not yet"]) {
      assert.ok(text.includes(part), part);
    }
  });
});
