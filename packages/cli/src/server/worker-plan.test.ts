import assert from "node:assert/strict";
import test from "node:test";
import { serverSchema, toNodeOptions } from "../config/server-config.js";
import { toWorkerOptions } from "./worker-plan.js";

const NO_SECRETS = { clusterSecret: undefined, tokenKey: undefined };

function plan(settings: object, number: number) {
  const node = toNodeOptions(serverSchema.parse(settings), NO_SECRETS);
  const { nodeId, peerPort, seeds, dataDirectory, port } = toWorkerOptions(node, {
    number,
    peerPorts: [5_001, 5_002, 5_003],
  });
  return { nodeId, peerPort, seeds, dataDirectory, port };
}

test("each worker has a name, peer port and folder of its own, and its siblings as seeds", () => {
  assert.deepEqual(plan({ dataDirectory: "/data", seeds: ["eu:7100"] }, 2), {
    nodeId: "127.0.0.1:7100-w2",
    peerPort: 5_002,
    seeds: ["127.0.0.1:5001", "127.0.0.1:5003", "eu:7100"],
    dataDirectory: "/data/w2",
    port: 7_100,
  });
});

test("siblings are dialled at an address that can be dialled", () => {
  const wildcard = { host: "0.0.0.0", advertise: "eu-1:7100" };
  assert.deepEqual(plan(wildcard, 1).seeds, ["127.0.0.1:5002", "127.0.0.1:5003"]);
  assert.equal(plan(wildcard, 1).nodeId, "eu-1:7100-w1");
  assert.deepEqual(plan({ host: "::" }, 1).seeds, ["[::1]:5002", "[::1]:5003"]);
  const tls = { certFile: "c", keyFile: "k" };
  assert.deepEqual(plan({ ...wildcard, tls }, 3).seeds, ["eu-1:5001", "eu-1:5002"]);
  assert.equal(plan({ nodeId: "n" }, 1).nodeId, "n-w1");
});
