import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { SeededRandom } from "../random.js";
import { checkRoutes } from "./check-routes.js";
import { type AskedFor, queryOf } from "./query.fixture.js";
import type { Route, RouteTarget } from "./route.js";
import { createRouteTable, destinationsOf } from "./route-table.js";

const ROUTES: readonly Route[] = [
  { service: "root" },
  { service: "api", pathPrefix: "/api", stripPrefix: true },
  { service: "api-v2", pathPrefix: "/api/v2" },
  { service: "slash", pathPrefix: "/files/", stripPrefix: true },
  { service: "exact", path: "/api/v2/exact" },
  { service: "shop", host: "Shop.example" },
  { service: "shop-api", host: "shop.example", pathPrefix: "/api" },
  { service: "any-shop", host: "*.shop.example", pathPrefix: "/api" },
  { service: "v6", host: "[::1]", pathPrefix: "/only" },
];

/** `service path` of the target, `none`, or `invalid`. */
function check(expected: string, asked: AskedFor, routes: readonly Route[] = ROUTES): void {
  assert.deepEqual(checkRoutes(routes), []);
  const match = createRouteTable(routes, { random: new SeededRandom(1) }).match(queryOf(asked));
  const found =
    match.type === "target" ? `${match.target.service} ${match.target.path}` : match.type;
  assert.equal(found, expected, JSON.stringify(asked));
}

function targetOf(route: Route, asked: AskedFor = {}): RouteTarget {
  assert.deepEqual(checkRoutes([route]), []);
  const match = createRouteTable([route], { random: new SeededRandom(1) }).match(queryOf(asked));
  assert.ok(match.type === "target", JSON.stringify(match));
  return match.target;
}

describe("hosts and paths", () => {
  it("a whole path before prefixes, the longest prefix of whole segments first", () => {
    check("root /", { path: "/" });
    check("root /apix", { path: "/apix" });
    check("api /", { path: "/api" });
    check("api /", { path: "/api/" });
    check("api /?q=1", { path: "/api?q=1" });
    check("api /a/b?q=/../", { path: "/api/a/b?q=/../" });
    check("api-v2 /api/v2/x", { path: "/api/v2/x" });
    check("exact /api/v2/exact?q", { path: "/api/v2/exact?q" });
    check("api-v2 /api/v2/exact/", { path: "/api/v2/exact/" });
    check("api /v20", { path: "/api/v20" });
    check("root /files", { path: "/files" });
    check("slash /a", { path: "/files/a" });
    check("root //api", { path: "//api" });
    check("root /API", { path: "/API" });
  });

  it("exactly this host, then its pattern for one label, then any; in any case, with any port", () => {
    check("shop /", { host: "shop.example" });
    check("shop /x", { host: "SHOP.example:8080", path: "/x" });
    check("shop /x", { host: "shop.example.", path: "/x" });
    check("shop-api /api/v2/x", { host: "shop.example", path: "/api/v2/x" });
    check("any-shop /api/v2/x", { host: "de.shop.example", path: "/api/v2/x" });
    check("root /x", { host: "de.shop.example", path: "/x" });
    check("api-v2 /api/v2/x", { host: "a.de.shop.example", path: "/api/v2/x" });
    check("api-v2 /api/v2/x", { host: ".shop.example", path: "/api/v2/x" });
    check("v6 /only", { host: "[::1]:80", path: "/only" });
    check("root /", { host: "[::1]" });
    check("root /", { host: "" });
    check("none", { host: "a", path: "/x" }, [{ service: "b", host: "b" }]);
    check("none", { path: "*" });
  });

  it("refuses dot segments, however they are written", () => {
    const paths = ["/..", "/.", "/a/../b", "/a/%2e%2E/b", "/a/.%2e", "/a%2f..%2fb", "/a\\..\\b"];
    for (const path of paths) check("invalid", { path });
    for (const path of ["/...", "/a.b", "/.well-known/x", "/a..b", "/%2e%2ex"]) {
      check(`root ${path}`, { path });
    }
  });

  it("never throws, and never leaves the prefix", () => {
    const table = createRouteTable([{ service: "s", pathPrefix: "/a/b" }], {
      random: new SeededRandom(1),
    });
    fc.assert(
      fc.property(fc.webPath(), fc.string(), (path, host) => {
        const match = table.match(queryOf({ host, path }));
        if (match.type === "target") assert.match(path, /^\/a\/b(\/|\?|$)/);
      }),
    );
  });

  it("finds what looking through all prefixes from the longest would find", () => {
    const segment = fc.constantFrom("a", "b", "ab", "");
    const path = fc
      .array(segment, { minLength: 1, maxLength: 5 })
      .map((segments) => `/${segments.join("/")}`);
    fc.assert(
      fc.property(fc.uniqueArray(path, { maxLength: 12 }), path, (prefixes, asked) => {
        const routes = prefixes.map((pathPrefix, at) => ({ service: `s${at}`, pathPrefix }));
        const fits = prefixes
          .filter((one) => asked === one || asked.startsWith(one.endsWith("/") ? one : `${one}/`))
          .sort((a, b) => b.length - a.length);
        const meant = fits[0] === undefined ? "none" : `s${prefixes.indexOf(fits[0])} ${asked}`;
        check(meant, { path: asked }, routes);
      }),
    );
  });
});

describe("conditions", () => {
  const routes: readonly Route[] = [
    { service: "all" },
    { service: "write", methods: ["PUT", "POST"] },
    { service: "beta", headers: [{ name: "X-Ring", exact: "beta" }] },
    { service: "mobile", headers: [{ name: "user-agent", prefix: "Mob" }, { name: "x-id" }] },
    { service: "post-beta", methods: ["POST"], headers: [{ name: "x-ring", exact: "beta" }] },
  ];

  it("all must hold; those with more come first, then in the order given", () => {
    check("all /", {}, routes);
    check("write /", { method: "PUT" }, routes);
    check("all /", { method: "put" }, routes);
    check("beta /", { headers: { "x-ring": "beta" } }, routes);
    check("all /", { headers: { "x-ring": "beta2" } }, routes);
    check("write /", { method: "PUT", headers: { "x-ring": "beta" } }, routes);
    check("post-beta /", { method: "POST", headers: { "x-ring": "beta" } }, routes);
    check("all /", { headers: { "user-agent": "Mobile" } }, routes);
    check("mobile /", { headers: { "user-agent": "Mobile", "x-id": "" } }, routes);
  });

  it("a longer prefix whose conditions fail gives way to a shorter one", () => {
    const pair = [{ service: "short" }, { service: "long", pathPrefix: "/a", methods: ["PUT"] }];
    check("short /a", { path: "/a" }, pair);
    check("long /a", { path: "/a", method: "PUT" }, pair);
  });
});

describe("where and how", () => {
  it("rewrites prefix and host", () => {
    const route = { service: "s", pathPrefix: "/api", replacePrefix: "/v1", rewriteHost: "in:80" };
    assert.equal(targetOf(route, { path: "/api" }).path, "/v1");
    assert.equal(targetOf(route, { path: "/api?a" }).path, "/v1?a");
    assert.equal(targetOf(route, { path: "/api/x?a" }).path, "/v1/x?a");
    assert.equal(targetOf(route, { path: "/api/x" }).host, "in:80");
    const toRoot = { service: "s", pathPrefix: "/api", replacePrefix: "/" };
    assert.equal(targetOf(toRoot, { path: "/api/x" }).path, "/x");
    const fromSlash = { service: "s", pathPrefix: "/f/", replacePrefix: "/g" };
    assert.equal(targetOf(fromSlash, { path: "/f/x" }).path, "/g/x");
  });

  it("a tester chooses the version only where the route allows it", () => {
    const headers = { "x-fpzk-version": "2.0" };
    const closed: Route = { service: "s", filter: { group: "g" } };
    assert.deepEqual(targetOf(closed, { headers }).filter, { group: "g" });
    const open = targetOf({ ...closed, allowsVersion: true }, { headers });
    assert.deepEqual(open.filter, { group: "g", version: "2.0" });
    assert.ok(open.isVersionChosen && !open.isDynamic);
    const plain = targetOf({ ...closed, allowsVersion: true });
    assert.deepEqual([plain.filter, plain.isVersionChosen], [{ group: "g" }, false]);
  });

  it("the key comes from where the route says, else from the caller's address", () => {
    const keyOf = (key: string, headers = {}) =>
      targetOf({ service: "s", key }, { headers, path: "/p?q" }).key;
    assert.equal(keyOf("header:X-User", { "x-user": "u1" }), "u1");
    assert.equal(keyOf("cookie:sid", { cookie: "a=1; sid=s1; sid=s2" }), "s1");
    assert.equal(keyOf("cookie:sid", { cookie: "xsid=1; a=sid" }), "10.0.0.9");
    assert.equal(keyOf("header:x-user"), "10.0.0.9");
    assert.equal(keyOf("address"), "10.0.0.9");
    assert.equal(keyOf("path"), "/p");
  });

  it("defaults: one retry of what reached nobody or was reset, no hedge, no mirror", () => {
    const target = targetOf({ service: "s" });
    assert.deepEqual([...target.retryOn], ["connect-failure", "reset"]);
    const { retryCount, hedge, mirror, timeoutMs, routeName } = target;
    assert.deepEqual(
      { retryCount, hedge, mirror, timeoutMs, routeName },
      { retryCount: 1, hedge: undefined, mirror: undefined, timeoutMs: undefined, routeName: "/*" },
    );
    assert.deepEqual(targetOf({ service: "s", hedge: { afterMs: 5 } }).hedge, {
      afterMs: 5,
      countMax: 1,
    });
  });

  it("copies the share of requests that the mirror asks for", () => {
    const table = createRouteTable([{ service: "s", mirror: { service: "m", percent: 25 } }], {
      random: new SeededRandom(7),
    });
    let copies = 0;
    for (let request = 0; request < 4_000; request += 1) {
      const match = table.match(queryOf());
      if (match.type === "target" && match.target.mirror !== undefined) copies += 1;
    }
    assert.ok(copies > 850 && copies < 1_150, `${copies} of 4000 were copied`);
  });

  it("names every destination, for what must be watched", () => {
    const split = [
      { service: "a", weight: 1 },
      { service: "b", weight: 1, filter: { version: "2" } },
    ];
    const names = (route: Route) => destinationsOf(route).map(({ service }) => service);
    assert.deepEqual(names({ split, mirror: { service: "m" } }), ["a", "b", "m"]);
    assert.deepEqual(names({ service: "s" }), ["s"]);
  });
});
