import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { SeededRandom } from "../random.js";
import { readRoutes } from "./check-routes.js";
import { queryOf } from "./query.fixture.js";
import { createRouteTable } from "./route-table.js";

/** What the faults of one route say, without its place. */
function faultsOf(route: unknown): readonly string[] {
  const { faults } = readRoutes([route]);
  return faults.map((fault) => fault.replace(/^routes\[0\]\.?/, ""));
}

/** One fault, and its place and bound. */
function check(route: Readonly<Record<string, unknown>>, expected: RegExp): void {
  const faults = faultsOf({ service: "s", ...route });
  assert.equal(faults.length, 1, JSON.stringify(faults));
  assert.match(faults[0] ?? "", expected);
}

describe("readRoutes", () => {
  it("takes all that a route can say", () => {
    const full = {
      ...{ name: "shop", host: "*.shop.example", pathPrefix: "/a", methods: ["GET"] },
      headers: [{ name: "x-a", exact: "1" }, { name: "x-b", prefix: "2" }, { name: "x-c" }],
      split: [
        {
          service: "a",
          weight: 95,
          namespace: "n",
          filter: { version: "1", metadata: { k: "v" } },
        },
        { service: "a", weight: 5, filter: { version: "2" } },
      ],
      ...{ splitKey: "cookie:sid", allowsVersion: true, policy: "rendezvous", key: "header:x-u" },
      ...{ replacePrefix: "/b", rewriteHost: "in.example:8080", timeoutMs: 1_000, retryCount: 2 },
      ...{ retryOn: ["503"], hedge: { afterMs: 20, countMax: 2 } },
      ...{ attemptTimeoutMs: 300, protocol: "h2c" },
      balancing: {
        ...{ prefersNear: false, regionOrder: ["eu"], slowStartMs: 0, keyLoadFactor: 1.25 },
        ...{ panicRatio: 0, instanceCallCountMax: 8, pendingCallCountMax: 0 },
        ...{ pendingTimeoutMs: 100, outlier: { errorCountMax: 3 } },
        retryBudget: { retryRatio: 0, retryPerSecondMin: 0 },
      },
      mirror: { service: "shadow", percent: 0.5 },
    };
    const { routes, faults } = readRoutes([full]);
    assert.deepEqual(faults, []);
    assert.deepEqual(routes, [full]);
  });

  it("names each fault with its place, its value and its bound", () => {
    check({ service: "a/b" }, /^service "a\/b" must be a text of 1 to 200 bytes/);
    check({ name: "none" }, /^name "none" must be a text .*, and none of dynamic, none, other/);
    check({ pathPrefix: "x" }, /^pathPrefix "x" must be a path .* begins with "\/"/);
    check({ pathPrefix: "/a/../b" }, /^pathPrefix .* dot segments/);
    check({ path: "/a b" }, /^path "\/a b" must be a path/);
    check({ path: "/a", pathPrefix: "/" }, /^path "\/a" must not stand beside pathPrefix/);
    check({ host: "a:80" }, /^host "a:80" must be a host name without port/);
    check({ host: "*.*.a" }, /^host/);
    check({ host: "a.*" }, /^host/);
    check({ policy: "best" }, /^policy "best" must be one of random, /);
    check({ retryCount: 9 }, /^retryCount 9 must be a whole number, 0 to 5/);
    check({ timeoutMs: 0 }, /^timeoutMs 0 must be a whole number, 1 to 86400000/);
    check({ retryOn: ["404"] }, /^retryOn\[0\] "404" must be one of connect-failure, /);
    check({ methods: ["GET IT"] }, /^methods\[0\] "GET IT" must be a name/);
    check({ headers: [{ exact: "x" }] }, /^headers\[0\]\.name undefined must be given/);
    check({ headers: [{ name: "a", exact: "x", prefix: "y" }] }, /^headers\[0\]\.exact .* prefix/);
    check({ headers: [{ name: "a", exact: "\r\n" }] }, /^headers\[0\]\.exact .* control/);
    check({ key: "user" }, /^key "user" must be "header:NAME"/);
    check({ splitKey: "cookie:" }, /^splitKey "cookie:" must be "header:NAME"/);
    check({ service: undefined }, /has neither service nor split/);
    check({ split: [{ service: "a", weight: 1 }] }, /has both service and split/);
    check({ service: undefined, split: [{ service: "a" }] }, /^split\[0\]\.weight undefined must/);
    check({ service: undefined, split: [] }, /^split .* must have 1 to 16 entries/);
    check({ filter: { version: 2 } }, /^filter\.version 2 must be a text/);
    check({ filter: { metadata: { a: 1 } } }, /^filter\.metadata\["a"\] 1 must be a text/);
    check({ stripPrefix: true, replacePrefix: "/x" }, /^replacePrefix .* stripPrefix/);
    check({ stripPrefix: true, path: "/x" }, /^path .* pathPrefix instead/);
    check({ rewriteHost: "a b" }, /^rewriteHost "a b" must be a host name/);
    check({ hedge: {} }, /^hedge\.afterMs undefined must be given/);
    check({ hedge: { after: "p50" } }, /^hedge\.after "p50" must be one of p95/);
    check({ hedge: { after: "p95", afterMs: 9 } }, /^hedge\.after "p95" must not stand beside/);
    check(
      { balancing: { policy: "random" } },
      /^balancing\.policy "random" is unknown; known: pre/,
    );
    check({ balancing: { slowStartMs: -1 } }, /^balancing\.slowStartMs -1 must be a whole number/);
    check({ balancing: { panicRatio: 2 } }, /^balancing\.panicRatio 2 must be 0 to 1/);
    check({ balancing: { panicRatio: "all" } }, /^balancing\.panicRatio "all" must be a number/);
    check({ balancing: { keyLoadFactor: 1 } }, /^balancing\.keyLoadFactor 1 must be 0 for no/);
    check({ balancing: { outlier: { errorCountMax: 0 } } }, /^balancing\.outlier\.errorCountMax 0/);
    check(
      { balancing: { retryBudget: { retryRatio: 2 } } },
      /^balancing\.retryBudget\.retryRatio 2/,
    );
    check({ balancing: { instanceCallCountMax: 0 } }, /^balancing\.instanceCallCountMax 0 must/);
    check({ protocol: "http3" }, /^protocol "http3" must be one of h2c, h2/);
    check({ attemptTimeoutMs: 0 }, /^attemptTimeoutMs 0 must be a whole number, 1 to/);
    check(
      { mirror: { service: "m", percent: 101 } },
      /^mirror\.percent 101 must be a number above 0/,
    );
    check({ servise: "x" }, /^servise "x" is unknown; known: name, host, /);
  });

  it("refuses a list that is none, is too long, or says one thing twice", () => {
    assert.match(readRoutes({}).faults[0] ?? "", /^routes \(an object\) must be a list/);
    const many = Array.from({ length: 1_001 }, (_, at) => ({ service: "s", path: `/${at}` }));
    assert.match(readRoutes(many).faults[0] ?? "", /1001.* must have at most 1000/);
    const twice = [
      { service: "a", host: "H", methods: ["PUT", "GET"] },
      { service: "b", host: "h", pathPrefix: "/", methods: ["GET", "PUT"] },
      { service: "c", host: "h" },
    ];
    assert.deepEqual(readRoutes(twice).faults, [
      "routes[1] (an object) takes the same requests as routes[0]: GET|PUT h /*",
    ]);
  });

  it("balancing of all is that of each, member by member where a route says nothing else", () => {
    const balancing = { slowStartMs: 0, panicRatio: 0.2, outlier: { errorCountMax: 3 } };
    const own = { panicRatio: 0, outlier: { errorCountMax: 4 }, retryBudget: { retryRatio: 0 } };
    const given = [{ service: "a" }, { service: "b", path: "/b", balancing: own }];
    const { routes, faults } = readRoutes(given, { balancing });
    assert.deepEqual(faults, []);
    assert.deepEqual(
      routes.map((route) => route.balancing),
      [balancing, { slowStartMs: 0, ...own }],
    );
  });

  it("names the faults of balancing of all once", () => {
    const given = [{ service: "a" }, { service: "b", path: "/b" }];
    const faultsWith = (balancing: unknown) => readRoutes(given, { balancing }).faults;
    assert.deepEqual(faultsWith({ panicRatio: 2 }), ["balancing.panicRatio 2 must be 0 to 1"]);
    assert.match(faultsWith({ policy: "x" }).join(), /^balancing\.policy "x" is unknown; known: /);
    assert.match(faultsWith(5).join(), /^balancing 5 must be an object with prefersNear, /);
  });

  it("a route set names no namespace", () => {
    const routes = [{ service: "a", namespace: "n" }];
    const { faults } = readRoutes(routes, { at: "shop.routes", allowsNamespace: false });
    assert.match(faults[0] ?? "", /^shop\.routes\[0\]\.namespace "n" must be left out/);
  });

  it("takes anything without throwing, and what it takes can be followed", () => {
    const text = fc.oneof(fc.string(), fc.constantFrom("/a", "a", "address", "*.a", "GET", "503"));
    const value = fc.oneof(text, fc.integer(), fc.array(text, { maxLength: 3 }), fc.boolean());
    const key = fc.constantFrom(
      ...["service", "host", "path", "pathPrefix", "methods", "key", "retryOn", "policy"],
      ...["stripPrefix", "replacePrefix", "rewriteHost", "name", "timeoutMs", "headers"],
    );
    const route = fc.dictionary(key, value).map((one) => ({ service: "s", ...one }));
    const random = new SeededRandom(1);
    fc.assert(
      fc.property(
        fc.oneof(fc.array(route), fc.array(fc.anything())),
        fc.webPath(),
        (list, path) => {
          const { routes } = readRoutes(list);
          createRouteTable(routes, { isDynamic: true, random }).match(queryOf({ path }));
        },
      ),
    );
  });
});
