import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SeededRandom } from "../random.js";
import { type AskedFor, queryOf } from "./query.fixture.js";
import type { Route, RouteMatch } from "./route.js";
import { createRouteTable } from "./route-table.js";

function matchOf(asked: AskedFor, routes: readonly Route[] = []): RouteMatch {
  const options = { isDynamic: true, random: new SeededRandom(1) };
  return createRouteTable(routes, options).match(queryOf(asked));
}

function check(expected: string, asked: AskedFor, routes: readonly Route[] = []): void {
  const match = matchOf(asked, routes);
  const found =
    match.type === "target" ? `${match.target.service} ${match.target.path}` : match.type;
  assert.equal(found, expected, JSON.stringify(asked));
}

function chosen(policy: string, headers: Readonly<Record<string, string>> = {}) {
  const match = matchOf({ path: "/s/x", headers: { "x-fpzk-policy": policy, ...headers } });
  return match.type === "target" ? match.target : match.type;
}

describe("dynamic mode", () => {
  it("reads the service from the first segment", () => {
    check("orders /", { path: "/orders" });
    check("orders /v1?x", { path: "/orders/v1?x" });
    check("orders /?x", { path: "/orders?x" });
    check("a b /", { path: "/a%20b/" });
    check("none", { path: "/" });
    check("invalid", { path: "/a%2Fb/" });
    check("invalid", { path: "/a%00/" });
    check("invalid", { path: "/%zz/" });
    check("invalid", { path: `/${"a".repeat(201)}/` });
  });

  it("or from a field, which leaves the path as it is", () => {
    const headers = { "x-fpzk-service": "orders" };
    check("orders /", { headers });
    check("orders /v1?x", { path: "/v1?x", headers });
    check("invalid", { headers: { "x-fpzk-service": "a/b" } });
    check("invalid", { headers: { "x-fpzk-service": "" } });
  });

  it("prefers configured routes, and takes the policy only where none matched", () => {
    const routes = [{ service: "fixed", pathPrefix: "/orders" }];
    const headers = { "x-fpzk-policy": "nonsense", "x-fpzk-service": "other" };
    check("fixed /orders/x", { path: "/orders/x", headers }, routes);
    check("invalid", { path: "/other/x", headers }, routes);
    check("other /x", { path: "/other/x", headers: { "x-fpzk-policy": "oldest" } }, routes);
  });

  it("takes policy, key and version from fields", () => {
    const headers = { "x-fpzk-key": "k", "x-fpzk-version": "2" };
    const target = chosen("hash", headers);
    assert.ok(typeof target === "object");
    assert.deepEqual(
      [target.policy, target.key, target.filter, target.isDynamic, target.routeName],
      ["rendezvous", "k", { version: "2" }, true, "dynamic"],
    );
    assert.equal(chosen("hash", { "x-fpzk-version": "\u0001" }), "invalid");
  });

  it("asks all instances for broadcast and quorum", () => {
    const fanOutOf = (policy: string, quorum?: string) => {
      const target = chosen(policy, quorum === undefined ? {} : { "x-fpzk-quorum": quorum });
      return typeof target === "object" ? target.fanOut?.quorum : target;
    };
    assert.equal(fanOutOf("broadcast"), "all");
    assert.equal(fanOutOf("quorum"), "majority");
    for (const word of ["all", "any", "majority"]) assert.equal(fanOutOf("quorum", word), word);
    assert.equal(fanOutOf("quorum", "2"), 2);
    for (const word of ["0", "-1", "1001", "most", ""]) {
      assert.equal(fanOutOf("quorum", word), "invalid", word);
    }
    assert.equal(fanOutOf("random"), undefined);
  });
});
