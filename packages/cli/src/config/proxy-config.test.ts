import assert from "node:assert/strict";
import test from "node:test";
import { PROXY_LIMIT_DEFAULTS } from "@fpzk/proxy";
import { formatMistake } from "./mistake.js";
import { parseConfig } from "./parse-config.js";
import { proxyConfigKind, toBalancing, toProxyOptions } from "./proxy-config.js";

function parse(text: string, environment: Record<string, string> = {}) {
  const file = { name: "p.yaml", text };
  return parseConfig(proxyConfigKind, { file, environment, flags: new Map() });
}

const MISFITS: readonly (readonly [string, string])[] = [
  ["port: 1", "routes"],
  ["routes: [{pathPrefix: /a}]", "routes"],
  ["dynamic: true\nadmin: {port: 7180}", "admin.port"],
  ["dynamic: true\ntls: {certFile: a}", "tls.keyFile"],
  ["dynamic: true\ntls: {certificates: [{certFile: a, keyFile: b}]}", "tls.certificates"],
  ["dynamic: true\ninstanceCertFile: a", "instanceKeyFile"],
  ["dynamic: true\ntcp: [{port: 1}]", "tcp"],
  ["dynamic: true\nregistry: {caFile: a}", "registry.caFile"],
  ["dynamic: true\noutlier: {ejectionMax: 1s}", "outlier.ejectionMax"],
  ["dynamic: true\noutlier: {latencyFactor: 1.5}", "outlier.latencyFactor"],
  ["dynamic: true\nbalancing: {keyLoadFactor: 1}", "balancing.keyLoadFactor"],
];

test("settings of a proxy that do not fit together are refused", () => {
  for (const [text, path] of MISFITS) {
    const parsed = parse(text);
    assert.ok(!parsed.isGood, text);
    assert.deepEqual(
      parsed.mistakes.map((mistake) => mistake.path),
      [path],
      text,
    );
  }
  const broken = new Set(MISFITS.map(([, path]) => path));
  for (const { paths } of proxyConfigKind.relations) assert.ok(broken.has(paths[0]), paths[0]);
});

test("balancing becomes the options of every subscription", () => {
  const parsed = parse(
    "dynamic: true\nbalancing: {regionOrder: [us, ap], slowStart: 0, instanceCallCountMax: 9, pendingTimeout: 2s}",
  );
  assert.ok(parsed.isGood);
  assert.deepEqual(toBalancing(parsed.config), {
    ...{ prefersNear: true, regionOrder: ["us", "ap"], slowStartMs: 0 },
    ...{ keyLoadFactor: 0, panicRatio: 0.5, instanceCallCountMax: 9 },
  });
  assert.deepEqual(toProxyOptions(parsed.config).pending, { countMax: 1_000, timeoutMs: 2_000 });
});

test("routes become the proxy's routes, without what was not said", () => {
  const parsed = parse(
    [
      "routes:",
      "  - {service: shop, host: shop.example.net, pathPrefix: /v1, timeout: 2s, policy: oldest}",
      "  - {service: cart, namespace: other, filter: {version: '2', metadata: {lane: blue}}}",
    ].join("\n"),
    { FPZK_PROXY_RETRY_BUDGET_RETRY_RATIO: "0.5", FPZK_PROXY_LIMITS_REQUEST_TIMEOUT: "0" },
  );
  assert.ok(parsed.isGood, parsed.isGood ? "" : parsed.mistakes.map(formatMistake).join("\n"));
  const options = toProxyOptions(parsed.config);
  const common = { stripPrefix: false, allowsVersion: false, retryCount: 1 };
  assert.deepEqual(options.routes, [
    {
      ...common,
      service: "shop",
      pathPrefix: "/v1",
      host: "shop.example.net",
      policy: "oldest",
      timeoutMs: 2_000,
    },
    {
      ...common,
      service: "cart",
      namespace: "other",
      filter: { version: "2", metadata: { lane: "blue" } },
    },
  ]);
  assert.equal(options.retryBudget.retryRatio, 0.5);
  assert.equal(options.limits.requestTimeoutMs, 0);
  assert.equal("admin" in options, false);
});

test("the defaults are the proxy's own", () => {
  const parsed = parse("dynamic: true");
  assert.ok(parsed.isGood);
  assert.deepEqual(toProxyOptions(parsed.config).limits, PROXY_LIMIT_DEFAULTS);
});

test("balancing of a route holds what was said, and nothing else", () => {
  const parsed = parse(
    "routes: [{service: a, balancing: {slowStart: 2s, outlier: {ejectionBase: 1s}}}, {service: b, path: /b}]",
  );
  assert.ok(parsed.isGood);
  const [first, second] = toProxyOptions(parsed.config).routes;
  assert.deepEqual(first?.balancing, { slowStartMs: 2_000, outlier: { ejectionBaseMs: 1_000 } });
  assert.equal(second !== undefined && "balancing" in second, false);
});

test("mistakes in routes name their place", () => {
  const parsed = parse("routes: [{service: a, retryCount: 9}, {pathPrefix: x, filter: {lane: b}}]");
  assert.ok(!parsed.isGood);
  assert.deepEqual(
    parsed.mistakes.map((mistake) => mistake.path),
    ["routes[0].retryCount", "routes[1].pathPrefix", "routes[1].filter.lane"],
  );
});
