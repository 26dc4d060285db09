import assert from "node:assert/strict";
import { it } from "node:test";
import type { Route } from "./route.js";
import { routeLabel } from "./route-label.js";

function check(route: Route, expected: string): void {
  assert.equal(routeLabel(route), expected);
}

it("a route is called by its name, else by what it takes, without values of fields", () => {
  check({ service: "s", name: "shop", path: "/x" }, "shop");
  check({ service: "s" }, "/*");
  check({ service: "s", pathPrefix: "/api" }, "/api*");
  check({ service: "s", host: "Shop.Example", path: "/health" }, "shop.example/health");
  check(
    { service: "s", host: "*.shop.example", methods: ["PUT", "GET"] },
    "GET|PUT *.shop.example/*",
  );
  const headers = [
    { name: "X-Tester", exact: "secret" },
    { name: "a", prefix: "b" },
  ];
  check({ service: "s", pathPrefix: "/api", headers }, "/api* a x-tester");
});

it("what it takes is cut at 200 characters", () => {
  const label = routeLabel({ service: "s", path: `/${"a".repeat(300)}` });
  assert.equal(label.length, 200);
  assert.ok(label.endsWith("a…"));
});
