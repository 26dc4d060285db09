import assert from "node:assert/strict";
import test from "node:test";
import { checkExposure, checkOptions, isLoopbackHost } from "./check-options.js";
import { localClusterOptions, localNodeOptions } from "./local-options.js";
import { silentLogger } from "./logger.js";
import type { ClusterOptions, NodeServerOptions } from "./options.js";

const base = localNodeOptions({ host: "0.0.0.0" });
const tls = { certFile: "c", keyFile: "k", caFile: undefined };

test("beyond loopback a server needs tokens and peer proof, or the word insecure", () => {
  const check = (change: Partial<NodeServerOptions>, refused: RegExp | undefined) => {
    const run = () => checkExposure({ ...base, ...change });
    if (refused === undefined) run();
    else assert.throws(run, refused);
  };
  const tokenKey = "k".repeat(32);
  check({}, /no tokens.*no peer proof.*--insecure/);
  check({ tokenKey }, /no peer proof/);
  check({ clusterSecret: "s" }, /no tokens/);
  check({ tokenKey, tls }, /no peer proof/);
  check({ tokenKey, clusterSecret: "s" }, undefined);
  check({ tokenKey, tls: { ...tls, caFile: "ca" } }, undefined);
  check({ isInsecure: true }, undefined);
  check({ host: "127.0.0.1" }, undefined);
  check({ host: "::" }, /refusing to listen on ::/);
});

test("loopback hosts", () => {
  for (const host of ["127.0.0.1", "127.9.9.9", "::1", "localhost"]) {
    assert.equal(isLoopbackHost(host), true, host);
  }
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "localhost.example", "1127.0.0.1"]) {
    assert.equal(isLoopbackHost(host), false, host);
  }
});

const goodCluster = localClusterOptions();

test("options are checked all at once, each with its value and bound", () => {
  const check = (
    cluster: Partial<ClusterOptions>,
    node: Partial<NodeServerOptions>,
    ...refused: RegExp[]
  ) => {
    const run = () =>
      checkOptions({
        cluster: { ...goodCluster, ...cluster },
        node: { ...base, ...node },
        logger: silentLogger,
      });
    if (refused.length === 0) run();
    for (const pattern of refused) assert.throws(run, pattern);
  };
  check({}, {});
  check({}, { seeds: ["a:1", "[::1]:7100", "name"], advertise: "h:1", clusterSecret: "s" });
  check({ heartbeatIntervalMs: 1_500 }, {}, /heartbeatIntervalMs 1500 must be < 1500/);
  check({ orphanTtlMs: 0, name: "" }, { zone: "\u0000" }, /orphanTtlMs 0/, /clusterName/, /zone/);
  check({ tombstoneTtlMs: Number.NaN }, {}, /tombstoneTtlMs NaN/);
  check({}, { port: 65_536, peerPort: -1 }, /port 65536/, /peerPort -1/);
  check({}, { seeds: ["a:b"], dialVia: { x: "" } }, /"a:b"/, /address ""/);
  check({}, { clusterSecret: "" }, /clusterSecret/);
  check({}, { snapshotIntervalMs: 3e9 }, /snapshotIntervalMs/);
});
