import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { AssertionError, type Effect, type NodeEvent, RemovalReason } from "@fpzk/core";
import { CLUSTER, echoScript, NODE, RawClient, startEdge } from "./edge.test.support.js";
import { silentLogger } from "./logger.js";
import { SERVER_VERSION } from "./node-server.js";
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

test("three nodes, two regions, one secret: what one knows all know", async () => {
  const common = { clusterSecret: "open sesame" };
  await using a = await start({ ...common, nodeId: "a" });
  await using b = await start({ ...common, nodeId: "b", seeds: [a.address] });
  await using c = await start({ ...common, nodeId: "c", region: "us", seeds: [b.address] });
  const servers = [a, b, c];
  await eventually(() => servers.every((server) => server.port.nodes().length === 3));
  await eventually(() => servers.every((server) => server.port.state().isReady));
  await a.port.register(ROOT, {
    ...ADDRESS,
    description: DESCRIPTION,
    scope: 0,
    state: 0,
    ttlMs: 30_000,
  });
  await eventually(() =>
    servers.every((server) => server.port.query(ROOT, "default", "cart").instances.length === 1),
  );
  // The owner is another node in another region: the request is routed there.
  await c.port.deregister(ROOT, ADDRESS, RemovalReason.deregistered);
  await eventually(() =>
    servers.every((server) => server.port.query(ROOT, "default", "cart").instances.length === 0),
  );
  assert.match(await c.metricsText(), /fpzk_links\{state="open"\} [1-9]/);
});

test("REST on the same port asks for the token that sessions ask for", async () => {
  const token = { token: "t", name: "ops", namespace: "*", roles: ["operate"] as const };
  await using server = await start({ staticTokens: [token] });
  const ask = async (path: string, headers: Record<string, string> = {}) =>
    (await fetch(`http://${server.address}${path}`, { headers })).status;
  assert.equal(await ask("/healthz"), 200);
  assert.equal(await ask("/readyz"), 200);
  assert.equal(await ask("/v1/nodes"), 401);
  assert.equal(await ask("/v1/nodes", { authorization: "Bearer wrong" }), 401);
  assert.equal(await ask("/v1/nodes", { authorization: "Bearer t" }), 200);
  assert.equal(await ask("/metrics", { authorization: "Bearer t" }), 200);
});

test("a server beyond loopback without tokens and peer proof does not start", async () => {
  await assert.rejects(start({ host: "0.0.0.0" }), {
    code: "failed_precondition",
    message: /--insecure/,
  });
});

test("a port of its own for peers is what the node advertises to them", async () => {
  await using server = await start({ peerPort: 0 });
  assert.notEqual(server.peerAddress, server.address);
  assert.equal(server.nodeId, server.peerAddress);
  const status = async (address: string) => (await fetch(`http://${address}/healthz`)).status;
  assert.equal(await status(server.peerAddress), 200);
  assert.equal(await status(server.address), 200);
});

test("a port in use is an error, and nothing is left open", async () => {
  await using server = await start();
  const port = Number(server.address.split(":")[1]);
  await assert.rejects(start({ port }), { code: "EADDRINUSE" });
});

test("a broken invariant ends service, keeps the disk, and is told once", async () => {
  const folder = await mkdtemp(join(tmpdir(), "fpzk-fatal-"));
  const fatal: Error[] = [];
  const script = (event: NodeEvent): Effect[] => {
    if (event.type === "session-message") throw new AssertionError("version went backwards");
    return echoScript(event);
  };
  const more = { onFatal: (error: Error) => fatal.push(error) };
  const edge = await startEdge({ dataDirectory: folder }, script, {}, more);
  const client = await RawClient.open(edge.port);
  client.hello();
  await client.receive("welcome");
  const closed = client.closed();
  client.send({ type: "heartbeat", sequence: 1, wantsDigests: false });
  assert.equal((await closed).code, 1001);
  assert.deepEqual(
    fatal.map((error) => error.message),
    ["version went backwards"],
  );
  assert.ok(edge.logs.some(({ level, event }) => level === "error" && event === "driver.fatal"));
  assert.equal((await fetch(`http://${edge.server.address}/healthz`)).status, 500);
  await edge.close();
  assert.deepEqual(await readdir(folder), ["generation.json"]);
  await rm(folder, { recursive: true });
});

test("a stream whose listener fails is closed, and the node goes on", async () => {
  const script = (event: NodeEvent): Effect[] =>
    event.type === "session-message"
      ? [
          {
            type: "send-sessions",
            sessions: [event.session],
            message: { type: "done", requestId: 1 },
          },
        ]
      : [];
  await using edge = await startEdge({}, script);
  const from = { position: [], digest: { high: 0, low: 0 } };
  edge.server.port.watch(ROOT, "default", "cart", from, () => {
    throw new Error("the face fell over");
  });
  await edge.node.expect("session-close");
  assert.ok(edge.logs.some(({ event }) => event === "stream.failed"));
  assert.equal((await fetch(`http://${edge.server.address}/healthz`)).status, 200);
});

test("the version that is shown is the package's", async () => {
  const file = new URL("../package.json", import.meta.url);
  const { version } = JSON.parse(await readFile(file, "utf8")) as { version: string };
  assert.equal(SERVER_VERSION, version);
});

/** Waits for what other processes' messages bring about; the test's own timeout is the bound. */
async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
