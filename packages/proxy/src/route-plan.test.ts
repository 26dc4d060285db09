import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ROUTE_COUNT_MAX } from "@fpzk/core";
import { type OfferedRouteSet, planRoutes } from "./route-plan.js";

const OWN = [{ service: "own", pathPrefix: "/own" }];
const services = (plan: ReturnType<typeof planRoutes>) => plan.routes.map(({ service }) => service);

describe("planRoutes", () => {
  it("puts the proxy's own first, then the sets'", () => {
    const offered = [
      { name: "a", routes: [{ service: "a", pathPrefix: "/a" }] },
      { name: "b", routes: [{ service: "b", pathPrefix: "/b" }] },
    ];
    const plan = planRoutes(OWN, offered, []);
    assert.deepEqual(services(plan), ["own", "a", "b"]);
    assert.deepEqual(plan.sets, offered);
    assert.deepEqual(plan.refusals, []);
  });

  it("what takes the same requests goes to the proxy's own, then to the set first by name", () => {
    const offered = [
      { name: "a", routes: [{ service: "a", pathPrefix: "/own" }, { service: "a" }] },
      { name: "b", routes: [{ service: "b" }, { service: "b", pathPrefix: "/b" }] },
    ];
    const plan = planRoutes(OWN, offered, []);
    assert.deepEqual(services(plan), ["own", "a", "b"]);
    assert.deepEqual(plan.refusals, [
      { name: "a", reason: "any host /own* is taken already, by the proxy's own routes" },
      { name: "b", reason: "any host /* is taken already, by route set a" },
    ]);
  });

  it("a set that cannot be followed is refused whole, and the last good one stays", () => {
    const before = [{ name: "a", routes: [{ service: "old" }] }];
    const bad: OfferedRouteSet[] = [
      { name: "a", routes: [], fault: "form 2 must be 1" },
      { name: "b", routes: [], fault: "oneDay is unknown" },
    ];
    const plan = planRoutes([], bad, before);
    assert.deepEqual(services(plan), ["old"]);
    assert.deepEqual(plan.sets, before);
    assert.deepEqual(plan.refusals, [
      { name: "a", reason: "form 2 must be 1; the last good one stays" },
      { name: "b", reason: "oneDay is unknown; nothing stands in for it" },
    ]);
  });

  it("a set that is deleted is followed no more", () => {
    const plan = planRoutes(OWN, [], [{ name: "a", routes: [{ service: "old" }] }]);
    assert.deepEqual([services(plan), plan.sets], [["own"], []]);
  });

  it("is bounded: a set that is too much beside the others is refused", () => {
    const routes = Array.from({ length: ROUTE_COUNT_MAX }, (_, at) => ({
      ...{ service: "s", path: `/${at}` },
    }));
    const plan = planRoutes(
      OWN,
      [
        { name: "big", routes },
        { name: "c", routes: [{ service: "c" }] },
      ],
      [],
    );
    assert.deepEqual(services(plan), ["own", "c"]);
    assert.match(plan.refusals[0]?.reason ?? "", /1000 routes beside 1 others are more than 1000/);
  });
});
