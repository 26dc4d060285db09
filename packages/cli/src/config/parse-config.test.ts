import assert from "node:assert/strict";
import test from "node:test";
import { localClusterOptions, localNodeOptions } from "@fpzk/server";
import { formatMistake } from "./mistake.js";
import { type ConfigSources, parseConfig } from "./parse-config.js";
import { serverConfigKind, toClusterOptions, toNodeOptions } from "./server-config.js";

interface Given {
  readonly file?: string;
  readonly environment?: Record<string, string>;
  readonly flags?: Record<string, string | readonly string[] | boolean>;
}

function parse(given: Given) {
  const sources: ConfigSources = {
    file: given.file === undefined ? undefined : { name: "f.yaml", text: given.file },
    environment: given.environment ?? {},
    flags: new Map(Object.entries(given.flags ?? {})),
  };
  return parseConfig(serverConfigKind, sources);
}

function parseGood(given: Given) {
  const parsed = parse(given);
  assert.ok(parsed.isGood, parsed.isGood ? "" : parsed.mistakes.map(formatMistake).join("\n"));
  return parsed;
}

/** The mistakes, each as its message; all and only these. */
function checkMistakes(given: Given, expected: readonly string[]) {
  const parsed = parse(given);
  assert.ok(!parsed.isGood, `must be refused: ${JSON.stringify(given)}`);
  assert.deepEqual(parsed.mistakes.map(formatMistake), expected);
}

const TEXT_RULE = "a text of 1 to 200 bytes without control characters";

test("nothing given is one node on 127.0.0.1:7100 with the documented timings", () => {
  const { config, sources } = parseGood({});
  assert.equal(sources.size, 0);
  assert.deepEqual(toClusterOptions(config), localClusterOptions());
  assert.deepEqual(
    toNodeOptions(config, { clusterSecret: undefined, tokenKey: undefined }),
    localNodeOptions({ port: 7_100 }),
  );
});

test("flags win over the environment, which wins over the file", () => {
  const file = "region: file\nzone: file\nport: 1\ncluster:\n  sessionTtl: 5s\n  name: file";
  const environment = { FPZK_ZONE: "env", FPZK_PORT: "2", FPZK_CLUSTER_NAME: "env" };
  const { config, sources } = parseGood({ file, environment, flags: { "--port": "3" } });
  assert.equal(config.region, "file");
  assert.equal(config.zone, "env");
  assert.equal(config.port, 3);
  assert.equal(config.cluster.name, "env");
  assert.equal(config.cluster.sessionTtl, 5_000);
  assert.deepEqual(Object.fromEntries(sources), {
    region: "f.yaml:1",
    zone: "FPZK_ZONE",
    port: "--port",
    "cluster.name": "FPZK_CLUSTER_NAME",
    "cluster.sessionTtl": "f.yaml:5",
  });
});

test("lists, maps, flags and structures come from their texts", () => {
  const { config } = parseGood({
    environment: { FPZK_SEEDS: "a:1, b", FPZK_DIAL_VIA: "x:1=127.0.0.1:9,y:2=127.0.0.1:8" },
    flags: { "--insecure": true, "--snapshot-interval": "5s" },
    file: [
      "tokens:",
      "  - {token: 0123456789abcdef, name: ci, namespace: '*', roles: [read, operate]}",
    ].join("\n"),
  });
  assert.deepEqual(config.seeds, ["a:1", "b"]);
  assert.deepEqual(config.dialVia, { "x:1": "127.0.0.1:9", "y:2": "127.0.0.1:8" });
  assert.equal(config.insecure, true);
  assert.equal(config.snapshotInterval, 5_000);
  assert.deepEqual(config.tokens[0]?.roles, ["read", "operate"]);
  const node = toNodeOptions(config, { clusterSecret: undefined, tokenKey: "from a file" });
  assert.deepEqual(node.seeds, ["a:1", "b:7100"]);
  assert.equal(node.tokenKey, "from a file");
});

test("a checked configuration cannot be changed", () => {
  const { config } = parseGood({ file: "seeds: [a:1]" });
  assert.ok(Object.isFrozen(config) && Object.isFrozen(config.cluster));
  assert.throws(() => (config.seeds as string[]).push("b:2"), TypeError);
});

test("empty variables and those that Kubernetes writes count as unset", () => {
  const { config } = parseGood({
    environment: {
      FPZK_ZONE: "",
      FPZK_PORT: "tcp://10.0.0.1:7100",
      FPZK_SERVICE_HOST: "10.0.0.1",
      FPZK_SERVICE_PORT_HTTP: "7100",
      FPZK_PORT_7100_TCP_ADDR: "10.0.0.1",
      FPZK_EU_PORT: "tcp://10.0.0.2:7100",
      FPZK_TOKEN: "for the commands",
      FPZK_PROXY_PORT: "1",
    },
  });
  assert.equal(config.port, 7_100);
});

test("every mistake is told at once, with its place, its value and what is allowed", () => {
  checkMistakes(
    {
      file: "region: 1\nport: 70000\nseeds: us\ncluster:\n  sessionTtl: 3 parsecs\n  ttl: 1s",
      environment: { FPZK_WORKERS: "many" },
      flags: { "--log": "xml", "--advertise": "nowhere" },
    },
    [
      `region: 1 (f.yaml:1) is a number, not a text: put it in quotes; allowed: ${TEXT_RULE}`,
      "port: 70000 (f.yaml:2) is not allowed; allowed: a whole number from 0 to 65535",
      'advertise: "nowhere" (--advertise) is not allowed; allowed: a text "host:port" with a port ' +
        'from 1 to 65535, IPv6 as "[::1]:7100"',
      'seeds: "us" (f.yaml:3) is not allowed; allowed: a list of up to 256, each a text ' +
        '"host:port", or a DNS name (port 7100)',
      'workers: "many" (FPZK_WORKERS) is not allowed; allowed: a whole number from 1 to 64',
      'log: "xml" (--log) is not allowed; allowed: one of auto, pretty, json, off',
      'cluster.sessionTtl: "3 parsecs" (f.yaml:5) is not allowed; allowed: a duration such as ' +
        '"3s" or "500ms", or milliseconds, from 100ms to 1h',
      "cluster.ttl (f.yaml:6) is not a setting; allowed: one of cluster.name, " +
        "cluster.sessionTtl, cluster.heartbeatInterval, cluster.reconnectGrace, " +
        "cluster.confirmation, cluster.orphanSuspect, cluster.orphanTtl, cluster.tombstoneTtl",
    ],
  );
});

test("unknown settings are refused with the nearest known one", () => {
  checkMistakes({ file: "regoin: us" }, [
    "regoin (f.yaml:1) is not a setting; allowed: did you mean region?",
  ]);
  checkMistakes({ file: "sessionTtl: 1s" }, [
    "sessionTtl (f.yaml:1) is not a setting; allowed: did you mean cluster.sessionTtl?",
  ]);
  checkMistakes({ environment: { FPZK_REGOIN: "us" } }, [
    "FPZK_REGOIN (environment) is not a setting; allowed: did you mean FPZK_REGION?",
  ]);
});

test("secrets are never repeated", () => {
  for (const given of [
    { file: "clusterSecret: hunter2" },
    { environment: { FPZK_TOKEN_KEY: "hunter2" } },
    { file: "tokens: [{token: hunter2, name: a, namespace: b, roles: [read]}]" },
    { file: "tokens: hunter2" },
    { file: "clusterSecrett: hunter2" },
    { file: "tokens: [hunter2]" },
    { file: "tokens: [{tokn: hunter2}]" },
  ]) {
    const parsed = parse(given);
    assert.ok(!parsed.isGood);
    const told = parsed.mistakes.map(formatMistake).join("\n");
    assert.ok(!told.includes("hunter2"), told);
  }
});

test("mistakes inside a structure name their place", () => {
  const token = "tokens:\n  - token: 0123456789abcdef\n    name: ci\n";
  checkMistakes({ file: `${token}    roles: [admin]` }, [
    `tokens[0].namespace (f.yaml:2) is missing; allowed: ${TEXT_RULE}`,
    'tokens[0].roles[0]: "admin" (f.yaml:4) is not allowed; allowed: one of read, register, operate',
  ]);
});

test("a file that is no configuration is refused with its line", () => {
  checkMistakes({ file: "- a\n- b" }, [
    'file (f.yaml:1) holds no settings: it must be lines of "name: value"',
  ]);
  checkMistakes({ file: "region: us\nregion: eu" }, [
    "file (f.yaml:2:1) is not good YAML: Map keys must be unique",
  ]);
  const broken = parse({ file: "region: [us" });
  assert.ok(!broken.isGood && broken.mistakes[0]?.source.startsWith("f.yaml:1:"));
  checkMistakes({ file: "cluster: 5" }, [
    "cluster: (hidden) (f.yaml:1) is not allowed; allowed: a section with name, sessionTtl, " +
      "heartbeatInterval, reconnectGrace, confirmation, orphanSuspect, orphanTtl, tombstoneTtl",
  ]);
});

test("an empty file is no mistake", () => {
  parseGood({ file: "" });
  parseGood({ file: "# nothing yet\n" });
});

const SECRET = "a secret of enough bytes to be good";

/** Settings that do not fit, and the one to blame. */
const MISFITS: readonly (readonly [Given, string])[] = [
  [{ file: "cluster: {heartbeatInterval: 1500ms}" }, "cluster.heartbeatInterval"],
  [{ file: "cluster: {sessionTtl: 40s}" }, "cluster.orphanSuspect"],
  [{ file: "cluster: {tombstoneTtl: 15m}" }, "cluster.tombstoneTtl"],
  [{ file: "host: 0.0.0.0\nseeds: [a:1]\ninsecure: true" }, "advertise"],
  [{ file: "peerPort: 7100" }, "peerPort"],
  [{ file: "peerPort: 7099\nworkers: 2" }, "peerPort"],
  [{ file: "peerPort: 65535\nworkers: 2" }, "peerPort"],
  [{ file: "port: 0\nworkers: 2" }, "port"],
  [{ file: "tls: {certFile: a.pem}" }, "tls.keyFile"],
  [{ file: "tls: {caFile: a.pem}" }, "tls.caFile"],
  [{ file: `clusterSecret: ${SECRET}\nclusterSecretFile: a` }, "clusterSecretFile"],
  [{ file: `tokenKey: ${SECRET}\ntokenKeyFile: a` }, "tokenKeyFile"],
  [{ file: "host: 10.0.0.1" }, "host"],
  [{ file: `host: 10.0.0.1\ntokenKey: ${SECRET}` }, "host"],
  [{ file: `host: 10.0.0.1\nclusterSecret: ${SECRET}` }, "host"],
];

test("settings that do not fit together are refused", () => {
  for (const [given, path] of MISFITS) {
    const parsed = parse(given);
    assert.ok(!parsed.isGood, `must be refused: ${given.file}`);
    assert.deepEqual(
      parsed.mistakes.map((mistake) => mistake.path),
      [path],
      given.file,
    );
    assert.match(formatMistake(parsed.mistakes[0]!), / does not fit: .*; allowed: /);
  }
});

test("every relation has a case that breaks it", () => {
  const broken = new Set(MISFITS.map(([, path]) => path));
  for (const { paths } of serverConfigKind.relations) assert.ok(broken.has(paths[0]), paths[0]);
});

test("a server beyond this machine starts with tokens and proof of peers, or insecure", () => {
  parseGood({ file: `host: 0.0.0.0\ntokenKey: ${SECRET}\nclusterSecret: ${SECRET}` });
  parseGood({ file: "host: 0.0.0.0\ntokenKeyFile: a\nclusterSecretFile: b" });
  parseGood({ file: "host: 0.0.0.0\ninsecure: true" });
});
