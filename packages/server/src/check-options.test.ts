import assert from "node:assert/strict";
import test from "node:test";
import { checkExposure, isLoopbackHost } from "./check-options.js";
import type { NodeServerOptions } from "./options.js";

const base: NodeServerOptions = {
  nodeId: undefined,
  region: "eu",
  zone: "a",
  host: "0.0.0.0",
  port: 0,
  advertise: undefined,
  peerPort: undefined,
  seeds: [],
  dialVia: {},
  clusterSecret: undefined,
  staticTokens: [],
  tokenKey: undefined,
  tls: undefined,
  isInsecure: false,
  dataDirectory: undefined,
  snapshotIntervalMs: 60_000,
};
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
