import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import type { Effect, NodeEvent, SessionMessage } from "@fpzk/core";
import { encodeSessionRequest } from "@fpzk/protocol";
import { signToken } from "./authenticator.js";
import { type Edge, echoScript, RawClient, startEdge } from "./edge.test.support.js";

const TOKEN_KEY = "k".repeat(32);

test("a session says hello, may pipeline, and ends with goodbye", async () => {
  await using edge = await startEdge();
  const client = await RawClient.open(edge.port);
  client.hello();
  client.send({ type: "heartbeat", sequence: 1, wantsDigests: false });
  client.send({ type: "heartbeat", sequence: 2, wantsDigests: false });
  assert.equal((await client.receive("welcome")).isReady, true);
  assert.equal((await client.receive("pong")).sequence, 1);
  assert.equal((await client.receive("pong")).sequence, 2);
  const open = await edge.node.expect("session-open");
  assert.deepEqual(open.grants, { mayRead: true, mayRegister: true, mayOperate: true });
  const closed = client.closed();
  client.send({ type: "goodbye" });
  assert.equal((await closed).code, 1000);
  const types = edge.node.seen("session-message").map((event) => event.message.type);
  assert.deepEqual(types, ["heartbeat", "heartbeat", "goodbye"]);
  assert.equal(edge.node.seen("session-close").length, 0);
});

test("a connection that ends without goodbye is told to core", async () => {
  await using edge = await startEdge();
  const client = await RawClient.open(edge.port);
  client.hello();
  await client.receive("welcome");
  const closed = edge.node.expect("session-close");
  client.ws.terminate();
  assert.equal((await closed).session, (await edge.node.expect("session-open")).session);
});

test("what is not a hello first is refused, counted and never reaches core", async () => {
  await using edge = await startEdge();
  const check = async (send: (client: RawClient) => void, code: string) => {
    const client = await RawClient.open(edge.port);
    const closed = client.closed();
    send(client);
    const refused = await client.receive("refused");
    assert.equal(refused.requestId, 0);
    assert.equal(refused.code, code);
    assert.match((await closed).reason, new RegExp(`^${code}`));
  };
  await check((client) => client.send({ type: "goodbye" }), "failed_precondition");
  await check((client) => client.hello({ protocolVersion: 2 }), "failed_precondition");
  await check((client) => client.ws.send("hello"), "invalid_argument");
  await check((client) => client.ws.send(Buffer.from("garbage")), "invalid_argument");
  await check((client) => client.ws.send(Buffer.alloc(0)), "invalid_argument");
  assert.equal(edge.node.seen("session-open").length, 0);
  const text = await edge.server.metricsText();
  assert.match(text, /source="session",code="invalid_argument"} 3/);
});

test("garbage after the welcome ends that session and no other", async () => {
  await using edge = await startEdge();
  const [bad, good] = await Promise.all([RawClient.open(edge.port), RawClient.open(edge.port)]);
  bad.hello({ clientId: "bad" });
  good.hello({ clientId: "good" });
  await Promise.all([bad.receive("welcome"), good.receive("welcome")]);
  const closed = bad.closed();
  bad.ws.send(Buffer.from([0x91, 0xc1]));
  assert.equal((await bad.receive("refused")).code, "invalid_argument");
  await closed;
  await edge.node.expect("session-close");
  good.send({ type: "heartbeat", sequence: 9, wantsDigests: false });
  assert.equal((await good.receive("pong")).sequence, 9);
});

test("a frame over the limit is closed as too big", async () => {
  await using edge = await startEdge();
  const client = await RawClient.open(edge.port);
  client.hello();
  await client.receive("welcome");
  const closed = client.closed();
  client.ws.send(Buffer.alloc(4 * 1024 * 1024 + 1));
  assert.equal((await closed).code, 1009);
  await edge.node.expect("session-close");
});

test("tokens decide what a session may do", async () => {
  await using edge = await startEdge({
    tokenKey: TOKEN_KEY,
    staticTokens: [{ token: "t", name: "reader", namespace: "shop", roles: ["read"] }],
  });
  const check = async (token: string, namespace: string, code: string) => {
    const client = await RawClient.open(edge.port);
    client.hello({ token, namespace });
    assert.equal((await client.receive("refused")).code, code);
  };
  await check("", "shop", "unauthenticated");
  await check("wrong", "shop", "unauthenticated");
  await check("t", "other", "permission_denied");
  const claims = { subject: "s", namespace: "shop", roles: ["register"] as const };
  const expired = await signToken(TOKEN_KEY, { ...claims, ttlMs: -1_000 });
  await check(expired, "shop", "unauthenticated");
  assert.equal(edge.node.seen("session-open").length, 0);
  const client = await RawClient.open(edge.port);
  client.hello({
    token: await signToken(TOKEN_KEY, { ...claims, ttlMs: 60_000 }),
    namespace: "shop",
  });
  // Pipelined while the token is checked: kept in order.
  client.send({ type: "heartbeat", sequence: 1, wantsDigests: false });
  await client.receive("welcome");
  await client.receive("pong");
  const { grants } = await edge.node.expect("session-open");
  assert.deepEqual(grants, { mayRead: true, mayRegister: true, mayOperate: false });
});

test("a session ends when its token expires", async () => {
  // The sweep runs as often as the shorter of its bounds.
  await using edge = await startEdge({ tokenKey: TOKEN_KEY }, echoScript, { congestedMaxMs: 20 });
  const claims = { subject: "s", namespace: "*", roles: ["read"] as const };
  const client = await RawClient.open(edge.port);
  client.hello({ token: await signToken(TOKEN_KEY, { ...claims, ttlMs: 1_500 }) });
  await client.receive("welcome");
  assert.equal((await client.receive("refused")).code, "unauthenticated");
  await edge.node.expect("session-close");
});

test("more frames than may wait while the token is checked end the session", async () => {
  await using edge = await startEdge({ tokenKey: TOKEN_KEY });
  const client = await RawClient.open(edge.port);
  const hello = encodeSessionRequest({
    type: "hello",
    protocolVersion: 1,
    namespace: "default",
    token: "x.y.z",
    clientId: "flood",
    sessionNumber: 1,
    region: "",
    zone: "",
    agent: "",
  });
  const heartbeat = encodeSessionRequest({ type: "heartbeat", sequence: 1, wantsDigests: false });
  client.ws.send(hello);
  for (let count = 0; count < 3_000; count += 1) client.ws.send(heartbeat);
  const { code } = await client.receive("refused");
  assert.ok(code === "resource_exhausted" || code === "unauthenticated", code);
  assert.equal(edge.node.seen("session-open").length, 0);
});

test("a hello that does not come is given up on", async () => {
  await using edge = await startEdge({}, echoScript, { helloTimeoutMs: 20 });
  const client = await RawClient.open(edge.port);
  const closed = client.closed();
  assert.equal((await client.receive("refused")).code, "deadline_exceeded");
  assert.match((await closed).reason, /hello/);
});

/** A script that answers a query with as many big snapshots as its request id says. */
function floodScript(): (event: NodeEvent) => Effect[] {
  const filler = Buffer.alloc(200 * 1024, 1);
  const change: SessionMessage = {
    type: "snapshot",
    requestId: 1,
    service: "s",
    kind: "full",
    isFinal: true,
    position: [],
    digest: { high: 0, low: 0 },
    groups: [
      {
        origin: { nodeId: "n", generation: 1, scope: 0 },
        records: Array.from({ length: 14 }, (_, index) => ({
          kind: 1,
          scope: 0,
          namespace: "default",
          service: "s",
          id: `i${index}`,
          origin: { nodeId: "n", generation: 1, scope: 0 },
          version: index + 1,
          stamp: { incarnation: 1, session: 1, claim: 0 },
          state: 0,
          isSuspect: false,
          reason: 0,
          since: 0,
          body: filler.subarray(0, 16_000),
        })),
      },
    ],
  };
  return (event) => {
    if (event.type !== "session-message" || event.message.type !== "query") {
      return echoScript(event);
    }
    const sends = Array.from({ length: event.message.requestId }, () => change);
    return sends.map((message) => ({
      type: "send-sessions",
      sessions: [event.session],
      message,
    }));
  };
}

/** A session that asks for much and reads nothing, until it counts as congested. */
async function stall(edge: Edge): Promise<RawClient> {
  const client = await RawClient.open(edge.port);
  client.hello();
  await client.receive("welcome");
  client.ws.pause();
  // Enough to fill the kernel's buffers on both sides and the bound of the queue.
  for (let round = 0; round < 40 && edge.node.seen("session-congested").length === 0; round += 1) {
    const turnEnd = edge.node.next("turn-end");
    client.send({ type: "query", requestId: 4, service: "s" });
    await turnEnd;
  }
  await edge.node.expect("session-congested");
  return client;
}

test("a reader that stops is congested, then writable again", async () => {
  await using edge = await startEdge({}, floodScript());
  const client = await stall(edge);
  const writable = edge.node.expect("session-writable");
  client.ws.resume();
  await writable;
  client.ws.terminate();
  await edge.node.expect("session-close");
});

test("a reader that stays away is cut off, and core is told", async () => {
  await using edge = await startEdge({}, floodScript(), { congestedMaxMs: 20 });
  const client = await stall(edge);
  await edge.node.expect("session-close");
  assert.ok(edge.logs.some((line) => line.event === "session.dropped"));
  client.ws.terminate();
});

test("browsers' upgrades and unknown paths are refused", async () => {
  await using edge = await startEdge();
  const check = async (path: string, headers: Record<string, string>, status: number) => {
    const client = new RawClient(`ws://127.0.0.1:${edge.port}${path}`, { headers });
    const [error] = (await once(client.ws, "error")) as [Error];
    assert.match(error.message, new RegExp(String(status)));
  };
  await check("/v1/session", { origin: "http://evil.example" }, 403);
  await check("/v1/peer", { origin: "http://evil.example" }, 403);
  await check("/v1/none", {}, 404);
});

test("closing the server ends sessions as going away", async () => {
  const edge = await startEdge();
  const client = await RawClient.open(edge.port);
  client.hello();
  await client.receive("welcome");
  const closed = client.closed();
  await edge.close();
  assert.equal((await closed).code, 1001);
});

test("a request that decodes is handed on as it is", async () => {
  await using edge = await startEdge();
  const client = await RawClient.open(edge.port);
  client.hello();
  const frame = encodeSessionRequest({ type: "unwatch", service: "s" });
  client.ws.send(frame);
  const event = await edge.node.expect("session-message");
  assert.deepEqual(event.message, { type: "unwatch", service: "s" });
});
