import assert from "node:assert/strict";
import test from "node:test";
import { RemovalReason } from "@fpzk/core";
import { CLUSTER, NODE, RawClient } from "./edge.test.support.js";
import { silentLogger } from "./logger.js";
import type { NodeServerOptions } from "./options.js";
import type { Principal } from "./registry-port.js";
import { startServer } from "./start-server.js";

const ROOT: Principal = {
  name: "root",
  grantsOf: () => ({ mayRead: true, mayRegister: true, mayOperate: true }),
};
const DESCRIPTION = {
  group: "",
  version: "1",
  region: "eu",
  zone: "a",
  endpoints: [
    { protocol: "http", host: "10.0.0.1", port: 80, tls: false, reach: "internal" as const },
  ],
  weight: 100,
  metadata: {},
  startWallTime: 1,
};
const ADDRESS = { namespace: "default", service: "cart", id: "cart-1" };

function start(change: Partial<NodeServerOptions> = {}) {
  return startServer({
    cluster: CLUSTER,
    node: { ...NODE, ...change },
    logger: silentLogger,
  });
}

test("one node registers, answers, renews and deregisters through the port", async () => {
  await using server = await start();
  assert.equal(server.port.state().isReady, true);
  await server.port.register(ROOT, {
    ...ADDRESS,
    description: DESCRIPTION,
    scope: 0,
    state: 0,
    ttlMs: 30_000,
  });
  const [instance] = server.port.query(ROOT, "default", "cart").instances;
  assert.equal(instance?.id, "cart-1");
  assert.equal(instance?.liveness, "alive");
  assert.deepEqual(instance?.description, DESCRIPTION);
  await server.port.renew(ROOT, ADDRESS);
  assert.deepEqual(server.port.services(ROOT, "default"), [
    { service: "cart", instanceCount: 1, upCount: 1 },
  ]);
  await server.port.deregister(ROOT, ADDRESS, RemovalReason.deregistered);
  assert.deepEqual(server.port.query(ROOT, "default", "cart").instances, []);
  await assert.rejects(server.port.renew(ROOT, ADDRESS), { code: "not_found" });
});

test("a session over a real socket is welcomed and sees the members", async () => {
  await using server = await start();
  const client = await RawClient.open(Number(server.address.split(":")[1]));
  client.hello();
  const welcome = await client.receive("welcome");
  assert.equal(welcome.nodeId, server.nodeId);
  const { members } = await client.receive("members");
  assert.deepEqual(
    members.map((member) => [member.nodeId, member.status]),
    [[server.nodeId, "alive"]],
  );
  client.send({ type: "heartbeat", sequence: 7, wantsDigests: false });
  assert.equal((await client.receive("pong")).sequence, 7);
  client.send({ type: "goodbye" });
});
