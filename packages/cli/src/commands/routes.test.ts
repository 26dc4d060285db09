import assert from "node:assert/strict";
import test from "node:test";
import { answerJson, startFakeRest } from "../testing/fake-rest.js";
import { runInMemory } from "../testing/memory-io.js";

const FILE = `
name: web
note: ticket 42
routes:
  - { host: shop.example, pathPrefix: /api, service: cart, timeout: 2s }
  - split:
      - { service: shop, weight: 95, filter: { version: "1" } }
      - { service: shop, weight: 5, filter: { version: "2" } }
    splitKey: cookie:sid
`;
const ROUTES = [
  {
    ...{ host: "shop.example", pathPrefix: "/api", service: "cart", allowsVersion: false },
    ...{ stripPrefix: false, retryCount: 1, timeoutMs: 2_000 },
  },
  {
    ...{ splitKey: "cookie:sid", allowsVersion: false, stripPrefix: false, retryCount: 1 },
    split: [
      { service: "shop", weight: 95, filter: { version: "1" } },
      { service: "shop", weight: 5, filter: { version: "2" } },
    ],
  },
];

async function fpzk(args: string, answer: unknown, file = FILE) {
  const rest = await startFakeRest((_asked, response) => answerJson(response, answer));
  try {
    const environment = { FPZK_SERVER: rest.url };
    const result = await runInMemory(args.split(" "), { environment, files: { "web.yaml": file } });
    return { ...result, asked: rest.asked };
  } finally {
    await rest[Symbol.asyncDispose]();
  }
}

test("routes apply writes what a file says, with times in milliseconds", async () => {
  const { exitCode, stdout, asked } = await fpzk("routes apply web.yaml -n n1", {});
  assert.deepEqual([exitCode, stdout], [0, "web is written: 2 routes\n"]);
  const [put] = asked;
  assert.deepEqual([put?.method, put?.url], ["PUT", "/v1/namespaces/n1/route-sets/web"]);
  assert.deepEqual(put?.body, { routes: ROUTES, note: "ticket 42" });
});

test("routes apply writes a set's balancing into each of its routes", async () => {
  const file = `
name: web
balancing: { instanceCallCountMax: 50, slowStart: 10s, outlier: { errorCountMax: 3 } }
routes:
  - { service: a }
  - { service: b, path: /b, balancing: { slowStart: 0s, outlier: { maxEjectionPercent: 10 } } }
`;
  const [put] = (await fpzk("routes apply web.yaml", {}, file)).asked;
  assert.ok(put !== undefined);
  const { routes } = put.body as { routes: { balancing: unknown }[] };
  assert.deepEqual(
    routes.map(({ balancing }) => balancing),
    [
      { instanceCallCountMax: 50, slowStartMs: 10_000, outlier: { errorCountMax: 3 } },
      {
        ...{ instanceCallCountMax: 50, slowStartMs: 0 },
        outlier: { errorCountMax: 3, maxEjectionPercent: 10 },
      },
    ],
  );
});

test("routes apply names every mistake of a file, and then writes nothing", async () => {
  const check = async (file: string, expected: RegExp) => {
    const { exitCode, stderr, asked } = await fpzk("routes apply web.yaml", {}, file);
    assert.deepEqual([exitCode, asked.length], [2, 0], file);
    assert.match(stderr, expected);
  };
  await check("name: a/b\nroutes: [{service: s}]", /name: "a\/b" \(web\.yaml:1\)/);
  await check("name: a\nroutes: [{servise: s}]", /routes\[0\]\.servise .* did you mean .*service/);
  await check("name: a\nroutes: [{pathPrefix: /x}]", /neither service nor split/);
  await check("name: a\nroutes: [{service: s, namespace: n}]", /namespace "n" must be left out/);
  await check("name: a", /there are none/);
  const bad = "name: a\nbalancing: { panicRatio: 2 }\nroutes: [{service: s}]";
  await check(bad, /balancing\.panicRatio: 2 \(web\.yaml:2\)/);
  const unknown = "name: a\nbalancing: { slowstart: 1s }\nroutes: [{service: s}]";
  await check(unknown, /balancing\.slowstart .* did you mean .*slowStart/);
});

test("routes list, show and delete", async () => {
  const stamp = { incarnation: 1, session: 0, claim: 0 };
  const routeSets = [
    { name: "new", stamp, writtenBy: "n1", routes: [], fault: "form 2 must be 1" },
    { name: "web", stamp, writtenBy: "n1", routes: ROUTES, note: "ticket 42" },
  ];
  const list = await fpzk("routes list", { namespace: "default", routeSets });
  assert.equal(
    list.stdout,
    [
      "SET  TAKES               GOES TO              NOTE",
      "new  cannot be read      form 2 must be 1",
      "web  shop.example /api*  cart                 ticket 42",
      "web  any host /*         shop 1:95, shop 2:5  ticket 42",
      "",
    ].join("\n"),
  );
  const empty = await fpzk("routes list", { namespace: "default", routeSets: [] });
  assert.match(empty.stderr, /no route sets in namespace default/);
  const show = await fpzk("routes show web", routeSets[1]);
  assert.deepEqual(JSON.parse(show.stdout), routeSets[1]);
  const gone = await fpzk("routes delete web", {});
  assert.equal(gone.stdout, "web is deleted\n");
  assert.deepEqual(
    gone.asked.map(({ method, url }) => `${method} ${url}`),
    ["DELETE /v1/namespaces/default/route-sets/web"],
  );
});
