/** Metrics and access lines say which route took a request. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { startFixture, startInstance } from "./proxy-fixture.test.util.js";

it("says the route of each request: by name, by what it takes, dynamic, or none", async (t) => {
  const { proxy, directory, nextEntry } = await startFixture(t, {
    isDynamic: true,
    routes: [
      { name: "shop", pathPrefix: "/shop", service: "echo" },
      { pathPrefix: "/api", methods: ["GET"], service: "echo" },
    ],
  });
  const instance = await startInstance(t, (_request, response) => response.end("ok"));
  directory.set("echo", { id: "a", port: instance.port });
  const routeOf = async (path: string, method = "GET"): Promise<string> => {
    await (await fetch(`${proxy.url}${path}`, { method })).text();
    return (await nextEntry()).route;
  };
  assert.equal(await routeOf("/shop/1"), "shop");
  assert.equal(await routeOf("/api/1"), "GET /api*");
  assert.equal(await routeOf("/echo/x"), "dynamic");
  assert.equal(await routeOf("/nowhere"), "dynamic");
  assert.equal(await routeOf("/"), "none");
  const metrics = await proxy.metrics.registry.metrics();
  const counted = (route: string, service: string, codeClass: string): void => {
    const labels = `route="${route}",service="${service}",code_class="${codeClass}"`;
    assert.ok(metrics.includes(`proxy_requests_total{${labels}} 1\n`), `${labels} in ${metrics}`);
  };
  counted("shop", "echo", "2xx");
  counted("GET /api*", "echo", "2xx");
  counted("dynamic", "echo", "2xx");
  counted("dynamic", "unknown", "5xx");
  counted("none", "unknown", "4xx");
  assert.match(metrics, /duration_seconds_count\{route="shop",service="echo"\} 1/);
});

it("keeps labels of one route and two services apart, as a split makes them", async (t) => {
  const split = [
    { service: "a", weight: 1 },
    { service: "b", weight: 1 },
  ];
  const routes = [{ name: "canary", split, splitKey: "header:x-user" }];
  const { proxy, directory, nextEntry } = await startFixture(t, { routes });
  const instance = await startInstance(t, (_request, response) => response.end("ok"));
  for (const service of ["a", "b"]) directory.set(service, { id: service, port: instance.port });
  const services = new Set<string>();
  for (let user = 0; user < 16; user += 1) {
    await (await fetch(proxy.url, { headers: { "x-user": `u${user}` } })).text();
    const entry = await nextEntry();
    assert.equal(entry.route, "canary");
    services.add(entry.service);
  }
  const metrics = await proxy.metrics.registry.metrics();
  for (const service of services) {
    assert.match(metrics, new RegExp(`requests_total\\{route="canary",service="${service}",`));
  }
  assert.equal(services.size, 2);
});
