import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { checkRoutes, createRouteTable, type Route, type RouteQuery } from "./route-table.js";

const ROUTES: readonly Route[] = [
  { service: "root" },
  { service: "api", pathPrefix: "/api", stripPrefix: true },
  { service: "api-v2", pathPrefix: "/api/v2" },
  { service: "slash", pathPrefix: "/files/", stripPrefix: true },
  { service: "shop", host: "Shop.example" },
  { service: "shop-api", host: "shop.example", pathPrefix: "/api" },
  { service: "v6", host: "[::1]", pathPrefix: "/only" },
];

/** `service path` of the target, `none`, or `invalid`. */
function check(
  expected: string,
  query: Partial<RouteQuery>,
  routes: readonly Route[] = ROUTES,
  isDynamic = false,
): void {
  const match = createRouteTable(routes, isDynamic).match({
    host: "x",
    path: "/",
    policyHeader: undefined,
    keyHeader: undefined,
    ...query,
  });
  const found =
    match.type === "target" ? `${match.target.service} ${match.target.path}` : match.type;
  assert.equal(found, expected, JSON.stringify(query));
}

describe("configured routes", () => {
  it("takes the longest prefix of whole segments", () => {
    check("root /", { path: "/" });
    check("root /apix", { path: "/apix" });
    check("api /", { path: "/api" });
    check("api /", { path: "/api/" });
    check("api /?q=1", { path: "/api?q=1" });
    check("api /a/b?q=/../", { path: "/api/a/b?q=/../" });
    check("api-v2 /api/v2/x", { path: "/api/v2/x" });
    check("api /v20", { path: "/api/v20" });
    check("root /files", { path: "/files" });
    check("slash /a", { path: "/files/a" });
    check("root //api", { path: "//api" });
    check("root /API", { path: "/API" });
  });

  it("takes an exact host before none, in any case and with any port", () => {
    check("shop /", { host: "shop.example" });
    check("shop /x", { host: "SHOP.example:8080", path: "/x" });
    check("shop-api /api/v2/x", { host: "shop.example", path: "/api/v2/x" });
    check("root /", { host: "other.shop.example" });
    check("v6 /only", { host: "[::1]:80", path: "/only" });
    check("root /", { host: "[::1]" });
    check("root /", { host: "" });
    check("none", { host: "a", path: "/x" }, [{ service: "b", host: "b" }]);
    check("none", { path: "*" });
  });

  it("refuses dot segments, however they are written", () => {
    for (const path of [
      "/..",
      "/.",
      "/a/../b",
      "/a/%2e%2E/b",
      "/a/.%2e",
      "/a%2f..%2fb",
      "/a\\..\\b",
    ]) {
      check("invalid", { path });
    }
    for (const path of ["/...", "/a.b", "/.well-known/x", "/a..b", "/%2e%2ex"]) {
      check(`root ${path}`, { path });
    }
  });

  it("never throws, and never leaves the prefix", () => {
    const table = createRouteTable([{ service: "s", pathPrefix: "/a/b" }], false);
    fc.assert(
      fc.property(fc.webPath(), fc.string(), (path, host) => {
        const query = { policyHeader: undefined, keyHeader: undefined, host, path };
        const match = table.match(query);
        if (match.type === "target") assert.match(path, /^\/a\/b(\/|\?|$)/);
      }),
    );
  });
});

describe("dynamic mode", () => {
  it("reads the service from the first segment", () => {
    check("orders /", { path: "/orders" }, [], true);
    check("orders /v1?x", { path: "/orders/v1?x" }, [], true);
    check("orders /?x", { path: "/orders?x" }, [], true);
    check("a b /", { path: "/a%20b/" }, [], true);
    check("none", { path: "/" }, [], true);
    check("invalid", { path: "/a%2Fb/" }, [], true);
    check("invalid", { path: "/a%00/" }, [], true);
    check("invalid", { path: "/%zz/" }, [], true);
    check("invalid", { path: `/${"a".repeat(201)}/` }, [], true);
    check("none", { path: "/orders/" }, [], false);
  });

  it("prefers configured routes, and takes the policy only where none matched", () => {
    const routes = [{ service: "fixed", pathPrefix: "/orders" }];
    check("fixed /orders/x", { path: "/orders/x", policyHeader: "nonsense" }, routes, true);
    check("invalid", { path: "/other/x", policyHeader: "nonsense" }, routes, true);
    check("other /x", { path: "/other/x", policyHeader: "oldest" }, routes, true);
  });
});

describe("checkRoutes", () => {
  it("accepts what is right", () => {
    assert.deepEqual(checkRoutes(ROUTES), []);
  });

  it("names every fault with its place", () => {
    const faults = checkRoutes([
      { service: "a/b" },
      { service: "a", pathPrefix: "x" },
      { service: "a", pathPrefix: "/a/../b" },
      { service: "a", host: "a:80", pathPrefix: "/1" },
      { service: "a", policy: "best" as never, pathPrefix: "/2" },
      { service: "a", retryCount: 9, pathPrefix: "/3" },
      { service: "a", timeoutMs: 0, pathPrefix: "/4" },
      { service: "a", host: "H", pathPrefix: "/5" },
      { service: "b", host: "h", pathPrefix: "/5" },
    ]);
    assert.equal(faults.length, 8);
    const places = ["[0].service", "[1].path", "[2].path", "[3].host", "[4].policy"];
    for (const [index, place] of places.entries()) assert.ok(faults[index]?.includes(place));
    assert.match(faults[7] ?? "", /routes\[8\].*taken/);
  });
});
