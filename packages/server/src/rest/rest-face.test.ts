import assert from "node:assert/strict";
import { test } from "node:test";
import { member } from "./fake-port.test.support.js";
import { REST_BODY_MAX_BYTES } from "./rest-face.js";
import { createFixture } from "./rest-fixture.test.support.js";

const SERVICES = "/v1/namespaces/shop/services";
const CART = `${SERVICES}/cart`;
const CART_1 = `${CART}/instances/cart-1`;
const ENDPOINT = { host: "10.0.0.1", port: 8080 };

test("registers, shows, renews and removes an instance", async () => {
  const { call, port } = await createFixture();
  const body = { ttl: "30s", group: "blue", endpoints: [ENDPOINT], metadata: { lane: "a" } };
  const created = await call("PUT", CART_1, body);
  assert.equal(created.status, 201);
  assert.deepEqual(created.json, {
    namespace: "shop",
    service: "cart",
    id: "cart-1",
    ttlMs: 30_000,
    stamp: { incarnation: 1, session: 0, claim: 0 },
  });
  assert.equal((await call("PUT", CART_1, { ...body, visibility: "region" })).status, 200);
  assert.deepEqual(port.calls, ["register ttl 30000 scope 0", "register ttl 30000 scope 1"]);
  const shown = await call("GET", CART_1);
  assert.equal(shown.status, 200);
  assert.equal(shown.json.group, "blue");
  assert.equal(shown.json.startWallTime, 1_700_000_000_000);
  assert.deepEqual(shown.json.endpoints, [
    { protocol: "http", host: "10.0.0.1", port: 8080, tls: false, reach: "internal" },
  ]);
  assert.equal((await call("POST", `${CART_1}/renew`)).status, 204);
  assert.equal((await call("DELETE", CART_1)).status, 204);
  const gone = await call("POST", `${CART_1}/renew`);
  assert.equal(gone.status, 404);
  assert.equal(gone.json.code, "not_found");
  assert.match(String(gone.headers["content-type"]), /^application\/problem\+json/);
  assert.equal((await call("GET", CART_1)).json.code, "not_found");
});

test("makes an id on POST and says where", async () => {
  const { call } = await createFixture();
  const made = await call("POST", `${SERVICES}/caf%C3%A9/instances`, { endpoints: [ENDPOINT] });
  assert.equal(made.status, 201);
  assert.equal(made.json.id, "made-id");
  const path = "/v1/namespaces/shop/services/caf%C3%A9/instances/made-id";
  assert.equal(made.headers["location"], path);
  assert.equal((await call("GET", path)).json.service, "café");
});

test("takes ids with slashes and of the full length", async () => {
  const { call } = await createFixture();
  for (const id of ["a/b", "x".repeat(200), "日".repeat(66), "50%", "a b?c#d"]) {
    const path = `${CART}/instances/${encodeURIComponent(id)}`;
    assert.equal((await call("PUT", path, {})).status, 201, id);
    assert.equal((await call("GET", path)).json.id, id);
  }
});

test("patches the description and keeps the rest", async () => {
  const { call } = await createFixture();
  await call("PUT", CART_1, { group: "blue", weight: 7, metadata: { a: "1", b: "2" } });
  const patch = { weight: null, metadata: { a: null, c: "3" }, endpoints: [ENDPOINT] };
  const merge = { "content-type": "application/merge-patch+json" };
  const patched = await call("PATCH", CART_1, patch, merge);
  assert.equal(patched.status, 200);
  const { group, weight, metadata, endpoints } = (await call("GET", CART_1)).json;
  assert.deepEqual([group, weight, metadata], ["blue", 100, { b: "2", c: "3" }]);
  assert.equal(endpoints.length, 1);
  assert.deepEqual(patched.json, (await call("GET", CART_1)).json);
  assert.equal((await call("PATCH", CART_1, {})).status, 400);
  assert.equal((await call("PATCH", `${CART}/instances/none`, patch)).status, 404);
});

test("drains and tells who did not confirm", async () => {
  const { call, port } = await createFixture();
  await call("PUT", CART_1, {});
  port.drainOutcome = { confirmedCount: 3, unconfirmed: ["node-2/client-9"] };
  const drained = await call("PUT", `${CART_1}/state`, { state: "draining", timeout: "2.5s" });
  assert.deepEqual(drained.json, { confirmedCount: 3, unconfirmed: ["node-2/client-9"] });
  assert.equal(port.calls.at(-1), "set-state 2 timeout 2500");
  assert.equal((await call("GET", CART_1)).json.state, "draining");
  const late = await call("PUT", `${CART_1}/state`, { state: "draining", timeout: "1h" });
  assert.equal(late.status, 400);
  assert.equal(late.json.errors[0].path, "body/timeout");
});

test("an operator's word stands until it is lifted", async () => {
  const { call } = await createFixture();
  await call("PUT", CART_1, { weight: 50 });
  const word = { state: "offline", weight: 5, note: "disk is full" };
  assert.equal((await call("PUT", `${CART_1}/override`, word)).status, 200);
  let shown = (await call("GET", CART_1)).json;
  assert.deepEqual([shown.state, shown.weight], ["offline", 5]);
  const program = { authorization: "Bearer program" };
  assert.equal((await call("PUT", `${CART_1}/override`, word, program)).status, 403);
  assert.equal((await call("DELETE", `${CART_1}/override`)).status, 204);
  shown = (await call("GET", CART_1)).json;
  assert.deepEqual([shown.state, shown.weight], ["up", 50]);
});

test("filters a service's instances", async () => {
  const { call } = await createFixture();
  await call("PUT", `${CART}/instances/1`, { region: "eu", metadata: { lane: "a" } });
  await call("PUT", `${CART}/instances/2`, { region: "eu", state: "offline" });
  await call("PUT", `${CART}/instances/3`, { region: "us", version: "2" });
  const ids = async (query: string) =>
    (await call("GET", `${CART}${query}`)).json.instances.map(({ id }: { id: string }) => id);
  assert.deepEqual(await ids(""), ["1", "2", "3"]);
  assert.deepEqual(await ids("?region=eu"), ["1", "2"]);
  assert.deepEqual(await ids("?region=eu&state=up"), ["1"]);
  assert.deepEqual(await ids("?version=2"), ["3"]);
  assert.deepEqual(await ids("?metadata.lane=a"), ["1"]);
  assert.deepEqual(await ids("?metadata.constructor=a"), []);
  assert.equal((await call("GET", `${CART}?colour=red`)).json.errors[0].path, "query/colour");
  assert.equal((await call("GET", `${CART}?region=eu&region=us`)).status, 400);
});

test("answers 304 until something that is shown changes", async () => {
  const { call, port } = await createFixture();
  await call("PUT", CART_1, {});
  const first = await call("GET", CART);
  const tag = { "if-none-match": String(first.headers["etag"]) };
  const second = await call("GET", CART, undefined, tag);
  assert.equal(second.status, 304);
  assert.equal(second.text, "");
  port.members = [member("dead")];
  const orphaned = await call("GET", CART, undefined, tag);
  assert.equal(orphaned.json.instances[0].liveness, "orphaned");
  port.members = [member("alive")];
  await call("PUT", CART_1, { weight: 1 });
  assert.equal((await call("GET", CART, undefined, tag)).status, 200);
});

test("an unknown service is empty, an unready node is unavailable", async () => {
  const { call, port } = await createFixture();
  const none = await call("GET", `${SERVICES}/nobody`);
  assert.equal(none.status, 200);
  assert.deepEqual(none.json.instances, []);
  assert.equal((await call("GET", "/readyz")).status, 200);
  port.isReady = false;
  const warming = await call("GET", `${SERVICES}/nobody`);
  assert.equal(warming.status, 503);
  assert.equal(warming.json.code, "unavailable");
  assert.equal(warming.headers["retry-after"], "1");
  const readiness = await call("GET", "/readyz");
  assert.equal(readiness.status, 503);
  assert.equal(readiness.json.reason, "warming up");
  assert.equal((await call("GET", "/healthz")).status, 200);
});

test("lists services page by page", async () => {
  const { call } = await createFixture();
  for (const name of ["b", "a", "c"]) await call("PUT", `${SERVICES}/${name}/instances/1`, {});
  const first = await call("GET", `${SERVICES}?limit=2`);
  assert.deepEqual(first.json, {
    namespace: "shop",
    services: [
      { service: "a", instanceCount: 1, upCount: 1 },
      { service: "b", instanceCount: 1, upCount: 1 },
    ],
    next: "b",
  });
  const rest = await call("GET", `${SERVICES}?limit=2&after=${first.json.next}`);
  assert.deepEqual(
    rest.json.services.map(({ service }: { service: string }) => service),
    ["c"],
  );
  assert.equal(rest.json.next, undefined);
  assert.equal((await call("GET", `${SERVICES}?limit=99999`)).status, 400);
});

test("short paths stand for the namespace default", async () => {
  const { call } = await createFixture();
  await call("PUT", "/v1/services/cart/instances/1", {});
  const long = await call("GET", "/v1/namespaces/default/services/cart");
  assert.equal(long.json.instances[0].namespace, "default");
  assert.deepEqual((await call("GET", "/v1/services/cart")).json, long.json);
});

test("asks who calls before it reads anything", async () => {
  const { call } = await createFixture();
  const stranger = { authorization: "Bearer wrong" };
  const refused = await call("PUT", CART_1, "{ not json", stranger);
  assert.equal(refused.status, 401);
  assert.equal(refused.json.code, "unauthenticated");
  assert.match(String(refused.headers["www-authenticate"]), /^Bearer/);
  for (const url of ["/v1/nodes", "/v1/quarantine", "/metrics", `${CART}/watch`]) {
    assert.equal((await call("GET", url, undefined, stranger)).status, 401, url);
  }
  const reader = { authorization: "Bearer reader" };
  assert.equal((await call("PUT", CART_1, {}, reader)).status, 403);
  const closed = await call("GET", "/v1/namespaces/closed/services/x/watch");
  assert.equal(closed.json.code, "permission_denied");
});

test("names everything wrong with a registration at once", async () => {
  const { call } = await createFixture();
  const { status, json } = await call("PUT", CART_1, {
    ttl: "soon",
    weight: "7",
    colour: "red",
    endpoints: [{ host: "a b", port: 65_536 }, { port: "80" }],
    metadata: { ok: 1, "new\nline": "x" },
  });
  assert.equal(status, 400);
  assert.equal(json.code, "invalid_argument");
  const paths = new Set(json.errors.map(({ path }: { path: string }) => path));
  for (const path of [
    "body/ttl",
    "body/weight",
    "body/colour",
    "body/endpoints/0/host",
    "body/endpoints/0/port",
    "body/endpoints/1/host",
    "body/endpoints/1/port",
    "body/metadata/ok",
  ]) {
    assert.ok(paths.has(path), `${path} in ${[...paths]}`);
  }
  const port = json.errors.find(({ path }: { path: string }) => path === "body/endpoints/0/port");
  assert.deepEqual(port, {
    path: "body/endpoints/0/port",
    value: 65_536,
    message: "must be <= 65535",
    bound: 65_535,
  });
});

test("refuses bad names, sizes and shapes", async () => {
  const { call } = await createFixture();
  const long = encodeURIComponent("日".repeat(67));
  const big = JSON.stringify({ metadata: { a: "x".repeat(10 * 1024 * 1024) } });
  const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
  const cases: [name: string, url: string, body: unknown, status: number, path: string][] = [
    ["control character", `${CART}/instances/a%00b`, {}, 400, "path/id"],
    ["slash", `${SERVICES}/a%2Fb/instances/1`, {}, 400, "path/service"],
    ["long name", `${CART}/instances/${long}`, {}, 400, "path/id"],
    ["half a surrogate", CART_1, '{"group":"\\ud800"}', 400, "body/group"],
    ["ttl too short", CART_1, { ttl: 10 }, 400, "body/ttl"],
    ["ttl too long", CART_1, { ttl: "2h" }, 400, "body/ttl"],
    ["10 MB", CART_1, big, 413, "body"],
    ["16 KB and more", CART_1, { metadata: { a: "x".repeat(17_000) } }, 400, "body/metadata/a"],
    [
      "together too large",
      CART_1,
      { metadata: { a: "x".repeat(9_000), b: "y".repeat(9_000) } },
      400,
      "body",
    ],
    ["deep", CART_1, deep, 400, "body"],
    ["not JSON", CART_1, "{", 400, "body"],
    ["array", CART_1, [], 400, "body"],
    ["null", CART_1, "null", 400, "body"],
    ["prototype", CART_1, '{"metadata":{"__proto__":"x"}}', 400, "body"],
  ];
  for (const [name, url, body, status, path] of cases) {
    const answer = await call("PUT", url, body);
    assert.equal(answer.status, status, `${name}: ${answer.text}`);
    assert.equal(answer.json.code, "invalid_argument", name);
    assert.equal(answer.json.errors[0].path, path, name);
  }
  assert.ok(REST_BODY_MAX_BYTES <= 1024 * 1024);
});

test("refuses other media types and unknown routes as problems", async () => {
  const { call } = await createFixture();
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const media = await call("PUT", CART_1, "ttl=30s", form);
  assert.deepEqual([media.status, media.json.code], [415, "invalid_argument"]);
  const nowhere = await call("GET", "/v1/nowhere");
  assert.deepEqual([nowhere.status, nowhere.json.code], [404, "unimplemented"]);
  const broken = await call("GET", "/v1/services/%ZZ");
  assert.deepEqual([broken.status, broken.json.code], [400, "invalid_argument"]);
  const endless = await call("GET", `/v1/services/${"x".repeat(5_000)}`);
  assert.deepEqual([endless.status, endless.json.errors[0].path], [400, "path"]);
  const json = { "content-type": "application/json" };
  const nothing = await call("POST", `${CART_1}/renew`, undefined, json);
  assert.deepEqual([nothing.status, nothing.json.code], [404, "not_found"]);
  const empty = await call("PUT", `${CART_1}/state`);
  assert.deepEqual([empty.status, empty.json.code], [400, "invalid_argument"]);
});

test("keeps the text of its own faults to itself", async () => {
  const events: string[] = [];
  const logger = {
    debug() {},
    info() {},
    warn() {},
    error: (event: string) => events.push(event),
  };
  const { call } = await createFixture({
    logger,
    metricsText: () => Promise.reject(new Error("secret path /etc/x")),
  });
  const failed = await call("GET", "/metrics");
  assert.deepEqual([failed.status, failed.json.code], [500, "internal"]);
  assert.doesNotMatch(failed.text, /secret/);
  assert.deepEqual(events, ["rest.failed"]);
});
