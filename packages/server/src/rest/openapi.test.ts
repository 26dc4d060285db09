import assert from "node:assert/strict";
import { test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import Fastify from "fastify";
import { FakePort } from "./fake-port.test.support.js";
import { openApiDocument } from "./openapi.js";
import { allRoutes, REST_SERVER_OPTIONS, restFace } from "./rest-face.js";
import { createFixture, type Fixture, type FixtureAnswer } from "./rest-fixture.test.support.js";
import { listen, WatchReader } from "./watch-reader.test.support.js";

interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<
    Record<string, { readonly $ref?: string; readonly content?: Readonly<Record<string, unknown>> }>
  >;
}
const document = openApiDocument(allRoutes({ version: "0.1.0", isMetricsPublic: false }), "0.1.0");
const paths = document.paths as Readonly<Record<string, Readonly<Record<string, Operation>>>>;
const operations = Object.entries(paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
);

test("the OpenAPI document is valid", async () => {
  const copy = JSON.parse(JSON.stringify(document));
  const { valid, errors } = await new Validator().validate(copy);
  assert.ok(valid, JSON.stringify(errors));
});

test("every route is documented and every documented path is served", async () => {
  const served = new Set<string>();
  const app = Fastify(REST_SERVER_OPTIONS);
  app.addHook("onRoute", ({ method, url }) => {
    for (const one of [method].flat()) served.add(`${one.toLowerCase()} ${url}`);
  });
  const authenticate = () => Promise.reject(new Error("not called"));
  await app.register(restFace({ port: new FakePort(), authenticate, metricsText: async () => "" }));
  await app.ready();
  const documented = operations.map(
    ({ path, method }) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`,
  );
  assert.deepEqual([...served].sort(), documented.sort());
});

test("operation ids are unique", () => {
  const ids = operations.map(({ operation }) => operation.operationId);
  assert.equal(new Set(ids).size, ids.length);
});

test("every documented answer is given by some request and is as documented", async () => {
  let isAlive = true;
  const fixture = await createFixture({ isAlive: () => isAlive });
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
  ajv.addSchema({ ...document, $id: "fpzk" });
  const left = new Set(
    operations.flatMap(({ operation }) =>
      Object.entries(operation.responses)
        .filter(([, { $ref }]) => $ref === undefined)
        .map(([status]) => `${operation.operationId} ${status}`),
    ),
  );
  const check = (path: string, method: string, answer: FixtureAnswer) => {
    const operation = paths[path]?.[method];
    assert.ok(operation, `${method} ${path} is documented`);
    const name = `${operation.operationId} ${answer.status}`;
    assert.ok(operation.responses[answer.status], `${name} is documented: ${answer.text}`);
    left.delete(name);
    const mediaType = String(answer.headers["content-type"] ?? "").split(";")[0] ?? "";
    const { $ref, content } = operation.responses[answer.status] ?? {};
    if ($ref === undefined && content === undefined) {
      assert.equal(answer.text, "", name);
      return;
    }
    const place =
      $ref !== undefined
        ? "#/components/schemas/Problem"
        : `#/paths/${pointer(path)}/${method}/responses/${answer.status}/content/${pointer(mediaType)}/schema`;
    const validate = ajv.getSchema(`fpzk${place}`);
    assert.ok(validate, `${name} has a schema for ${mediaType}`);
    assert.ok(validate(answer.json ?? answer.text), `${name}: ${JSON.stringify(validate.errors)}`);
  };
  await visitAll(fixture, check);
  isAlive = false;
  check("/healthz", "get", await fixture.call("GET", "/healthz"));
  await checkWatchLines(fixture, (line) => {
    const validate = ajv.getSchema("fpzk#/components/schemas/WatchLine");
    assert.ok(validate?.(line), `${JSON.stringify(line)}: ${JSON.stringify(validate?.errors)}`);
    left.delete("watchService 200");
    left.delete("watchServiceInDefault 200");
  });
  await checkDrainLines((line, operationId) => {
    const validate = ajv.getSchema("fpzk#/components/schemas/DrainLine");
    assert.ok(validate?.(line), `${JSON.stringify(line)}: ${JSON.stringify(validate?.errors)}`);
    left.delete(`${operationId} 200`);
  });
  assert.deepEqual([...left], []);
});

type AnswerCheck = (path: string, method: string, answer: FixtureAnswer) => void;

/** Asks everything that can be asked, under both kinds of paths. */
async function visitAll({ call, port }: Fixture, check: AnswerCheck): Promise<void> {
  for (const prefix of ["/v1/namespaces/{namespace}", "/v1"]) {
    const services = `${prefix}/services`;
    const instances = `${services}/{service}/instances`;
    const visit = async (
      method: "GET" | "PUT" | "POST" | "PATCH" | "DELETE",
      path: string,
      body?: unknown,
      headers?: Record<string, string>,
    ) => {
      const url = path.replace("{namespace}", "shop").replace("{service}", "cart");
      const named = url.replace("{id}", "1").replace("{name}", "web");
      const answer = await call(method, named, body, headers);
      check(path, method.toLowerCase(), answer);
      return answer;
    };
    const one = `${instances}/{id}`;
    const body = { endpoints: [{ host: "::1", port: 1 }], metadata: { a: "1" } };
    await visit("GET", one);
    await visit("PUT", one, { colour: 1 });
    await visit("PUT", one, body);
    await visit("PUT", one, body);
    await visit("POST", instances, body);
    await visit("GET", one);
    await visit("PATCH", one, { group: "g" });
    await visit("POST", `${one}/renew`);
    await visit("PUT", `${one}/override`, { weight: 1 });
    await visit("DELETE", `${one}/override`);
    await visit("PUT", `${one}/state`, { state: "draining" });
    const { headers } = await visit("GET", `${services}/{service}`);
    const tag = { "if-none-match": String(headers["etag"]) };
    await visit("GET", `${services}/{service}`, undefined, tag);
    await visit("GET", services);
    await visit("POST", `${prefix}/drains`, {});
    await visit("DELETE", `${prefix}/overrides`);
    const lift = await call(
      "DELETE",
      `${prefix.replace("{namespace}", "shop")}/overrides?service=cart`,
    );
    check(`${prefix}/overrides`, "delete", lift);
    await visit("DELETE", one);
    await visit("DELETE", one);
    await visit("PUT", one, body, { authorization: "Bearer reader" });
    await visit("PUT", one, body, { authorization: "" });
    await visit("PUT", one, "{", {});
    await visit("PUT", one, body, { "content-type": "text/plain" });
    await visit("GET", `${services}/{service}/watch`, undefined, { "last-event-id": "?" });
    const set = `${prefix}/route-sets/{name}`;
    await visit("GET", set);
    await visit("PUT", set, { routes: [{ service: "cart", pathPrefix: "cart" }] });
    await visit("PUT", set, { routes: [{ service: "cart" }], note: "first" });
    await visit("PUT", set, { routes: [{ service: "cart" }] });
    await visit("GET", set);
    await visit("GET", `${prefix}/route-sets`);
    await visit("DELETE", set);
    await visit("DELETE", set);
  }
  for (const path of [
    "/v1/nodes",
    "/v1/quarantine",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
  ]) {
    check(path, "get", await call("GET", path));
  }
  const word = { authorization: "Bearer reader" };
  check("/v1/nodes/{nodeId}", "delete", await call("DELETE", "/v1/nodes/n%2F1"));
  check("/v1/nodes/{nodeId}", "delete", await call("DELETE", "/v1/nodes/n1", undefined, word));
  port.isReady = false;
  check("/readyz", "get", await call("GET", "/readyz"));
  check("/v1/services", "get", await call("GET", "/v1/services"));
  port.isReady = true;
}

async function checkDrainLines(check: (line: unknown, operationId: string) => void) {
  const { call, port, app } = await createFixture();
  const types = new Set<string>();
  for (const [path, id] of [
    ["/v1/namespaces/default", "drainInstances"],
    ["/v1", "drainInstancesInDefault"],
  ] as const) {
    for (const name of ["1", "2"]) {
      await call("PUT", `/v1/services/cart/instances/${name}`, { zone: "z" });
    }
    port.drainOutcome = { confirmedCount: 1, unconfirmed: ["n/c"] };
    const { text } = await call("POST", `${path}/drains`, { zone: "z", batch: 1 });
    for (const line of text.trim().split("\n")) {
      const parsed = JSON.parse(line) as { type: string };
      types.add(parsed.type);
      check(parsed, id);
    }
    await call("DELETE", `${path}/overrides?zone=z`);
  }
  assert.deepEqual([...types].sort(), ["drained", "draining", "end", "held", "plan"]);
  check({ type: "failed", service: "s", id: "i", code: "not_found", reason: "gone" }, "");
  check({ type: "alive" }, "");
  await app.close();
}

async function checkWatchLines({ app, call }: Fixture, check: (line: unknown) => void) {
  const httpPort = await listen(app);
  await call("PUT", "/v1/services/cart/instances/1", {});
  const reader = (await WatchReader.open(httpPort, "/v1/services/cart/watch")).start();
  await reader.until("complete");
  await call("PUT", "/v1/services/cart/instances/2", {});
  await reader.until("changed");
  await call("DELETE", "/v1/services/cart/instances/2");
  await reader.until("removed");
  await app.close();
  await reader.until("end");
  const types = new Set(reader.lines.map(({ type }) => type));
  assert.deepEqual([...types].sort(), ["changed", "complete", "end", "instance", "removed"]);
  for (const line of reader.lines) check(line);
  check({ type: "alive" });
}

function pointer(part: string): string {
  const escaped = part.replaceAll("~", "~0").replaceAll("/", "~1");
  return encodeURIComponent(escaped);
}
