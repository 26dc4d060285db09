import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import test from "node:test";
import type { Effect, NodeEvent, PeerMessage } from "@fpzk/core";
import { encodePeerMessage } from "@fpzk/protocol";
import { WebSocket } from "ws";
import { CLUSTER, type Edge, echoScript, RawPeer, startEdge } from "./edge.test.support.js";
import type { NodeServerOptions } from "./options.js";

const DIGEST: PeerMessage = {
  type: "digest",
  entries: [],
  floors: [],
  hears: [],
  isReady: true,
  repair: "none",
  ended: [],
};

/** About 240 kB. */
const BIG: PeerMessage = {
  ...DIGEST,
  hears: Array.from({ length: 1_000 }, (_, index) => `${index}-`.padEnd(200, "x")),
};
const ANYBODY = {
  name: "anybody",
  grantsOf: () => ({ mayRead: true, mayRegister: true, mayOperate: true }),
};

/** Dials the addresses once, at the first tick. */
function dialing(
  ...targets: { address: string; expectedNodeId?: string }[]
): (event: NodeEvent) => Effect[] {
  let isFirst = true;
  return (event) => {
    if (event.type === "link-open") {
      return [{ type: "send-links", links: [event.link], message: DIGEST }];
    }
    if (event.type !== "tick" || !isFirst) return echoScript(event);
    isFirst = false;
    return targets.map(({ address, expectedNodeId }) => ({
      type: "dial",
      address,
      expectedNodeId,
    }));
  };
}

async function startPair(
  dialer: Partial<NodeServerOptions>,
  acceptor: Partial<NodeServerOptions>,
  more: { expectedNodeId?: string } = {},
): Promise<AsyncDisposable & { dialer: Edge; acceptor: Edge }> {
  const b = await startEdge({ nodeId: "b", ...acceptor }, dialing());
  const script = dialing({ address: b.server.address, ...more });
  const a = await startEdge({ nodeId: "a", ...dialer }, script);
  const dispose = async () => {
    await Promise.all([a.close(), b.close()]);
  };
  return { dialer: a, acceptor: b, [Symbol.asyncDispose]: dispose };
}

test("two nodes with one secret are linked and talk both ways", async () => {
  const secret = { clusterSecret: "open sesame" };
  await using pair = await startPair(secret, secret, { expectedNodeId: "b" });
  const [out, into] = await Promise.all([
    pair.dialer.node.expect("link-open"),
    pair.acceptor.node.expect("link-open"),
  ]);
  assert.equal(out.peer.nodeId, "b");
  assert.equal(out.isOutbound, true);
  assert.equal(out.address, pair.acceptor.server.address);
  assert.equal(into.peer.nodeId, "a");
  assert.equal(into.isOutbound, false);
  const messages = await Promise.all([
    pair.dialer.node.expect("link-message"),
    pair.acceptor.node.expect("link-message"),
  ]);
  for (const event of messages) assert.deepEqual(event.message, DIGEST);
  const closed = pair.dialer.node.expect("link-close");
  await pair.acceptor.close();
  assert.equal((await closed).link, out.link);
});

test("what does not belong together is refused with both values", async () => {
  const check = async (
    dialer: Partial<NodeServerOptions>,
    acceptor: Partial<NodeServerOptions>,
    detail: RegExp,
    more: { expectedNodeId?: string; cause?: string } = {},
  ) => {
    await using pair = await startPair(dialer, acceptor, more);
    const failed = await pair.dialer.node.expect("dial-failed");
    assert.equal(failed.cause, more.cause ?? "rejected");
    assert.match(failed.detail, detail);
    assert.equal(pair.dialer.node.seen("link-open").length, 0);
    assert.equal(pair.acceptor.node.seen("link-open").length, 0);
  };
  await check({ clusterSecret: "one" }, { clusterSecret: "two" }, /did not prove/);
  await check({ clusterSecret: "one" }, {}, /secret is (configured|missing)/);
  const secret = { clusterSecret: "one" };
  await check(secret, secret, /"c" was expected/, { expectedNodeId: "c" });
  await check({ nodeId: "b" }, {}, /used by two processes|reached itself/);
});

test("another cluster name and other options are refused with both values", async () => {
  const check = async (cluster: Partial<typeof CLUSTER>, detail: RegExp) => {
    await using b = await startEdge({ nodeId: "b" }, dialing());
    await using a = await startEdge(
      { nodeId: "a" },
      dialing({ address: b.server.address }),
      {},
      { cluster: { ...CLUSTER, ...cluster } },
    );
    const failed = await a.node.expect("dial-failed");
    assert.equal(failed.cause, "rejected");
    assert.match(failed.detail, detail);
  };
  await check({ name: "other" }, /"(other|test)".*"(other|test)"/);
  await check({ sessionTtlMs: 9_000 }, /sessionTtlMs=\d000.*sessionTtlMs=\d000/);
});

test("a dial to the node itself, to nobody and to a name that is none", async () => {
  const closedPort = await freePort();
  await using edge = await startEdge({ nodeId: "a" }, (event) =>
    event.type === "command"
      ? [{ type: "dial", address: addressOf(event), expectedNodeId: undefined }]
      : [],
  );
  const dial = async (address: string) => {
    const failed = edge.node.next("dial-failed");
    void edge.server.port
      .renew(ANYBODY, { namespace: "default", service: "dial", id: address })
      .catch(() => {});
    return failed;
  };
  assert.equal((await dial(edge.server.address)).cause, "self");
  assert.equal((await dial(`127.0.0.1:${closedPort}`)).cause, "refused");
  assert.equal((await dial("not an address")).cause, "rejected");
  assert.equal((await dial("name.invalid:7100")).cause, "timeout");
  const silent = createServer();
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as { port: number };
  assert.equal((await dial(`127.0.0.1:${port}`)).cause, "timeout");
  silent.close();
});

test("a name with several addresses is dialed at each, and one success is enough", async () => {
  await using b = await startEdge({ nodeId: "b" }, dialing());
  // `localhost` may be 127.0.0.1, ::1 or both; the node listens on the first.
  await using a = await startEdge({ nodeId: "a" }, dialing({ address: `localhost:${b.port}` }));
  const open = await a.node.expect("link-open");
  assert.equal(open.peer.nodeId, "b");
  assert.equal(open.address, `localhost:${b.port}`);
});

test("dialVia leads elsewhere and is not told to core", async () => {
  await using b = await startEdge({ nodeId: "b" }, dialing());
  await using a = await startEdge(
    { nodeId: "a", dialVia: { "far.example:7100": b.server.address } },
    dialing({ address: "far.example:7100" }),
  );
  assert.equal((await a.node.expect("link-open")).address, "far.example:7100");
});

test("nonsense, silence and oversize end one link and nothing else", async () => {
  await using edge = await startEdge({ nodeId: "b" }, dialing());
  await using hasty = await startEdge({ nodeId: "c" }, dialing(), { handshakeTimeoutMs: 20 });
  const knock = async (send: (ws: WebSocket) => void, port = edge.port): Promise<number> => {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/v1/peer`);
    ws.on("error", () => {});
    await once(ws, "open");
    send(ws);
    const [code] = (await once(ws, "close")) as [number];
    return code;
  };
  assert.equal(await knock((ws) => ws.send(Buffer.from("nonsense"))), 1008);
  assert.equal(await knock((ws) => ws.send(encodePeerMessage(DIGEST))), 1008);
  assert.equal(await knock((ws) => ws.send("text")), 1008);
  assert.equal(await knock((ws) => ws.send(Buffer.alloc(5 * 1024 * 1024))), 1009);
  assert.equal(await knock(() => {}, hasty.port), 1008);
  const text = await edge.server.metricsText();
  assert.match(text, /source="link",code="invalid_argument"} [1-9]/);
  const hastyText = await hasty.server.metricsText();
  assert.match(hastyText, /source="link",code="deadline_exceeded"} 1/);
  assert.equal(edge.node.seen("link-open").length, 0);
  await using other = await startEdge({ nodeId: "a" }, dialing({ address: edge.server.address }));
  await other.node.expect("link-open");
});

test("an older protocol, a replayed and an altered proof are refused", async () => {
  const secret = "open sesame";
  await using edge = await startEdge({ nodeId: "b", clusterSecret: secret }, dialing());
  const check = async (tamper: (frame: Uint8Array) => Uint8Array, message: RegExp) => {
    const peer = new RawPeer(edge.port, "eu", secret, tamper);
    const outcome = await peer.outcome;
    assert.equal(outcome.type, "refused");
    assert.match(outcome.refusal.message, message);
    assert.equal(edge.node.seen("link-open").length, 0);
  };
  // A hello is an array of 11: its second value is the protocol version.
  const isHello = (frame: Uint8Array) => frame[0] === 0x9b;
  const withVersion = (frame: Uint8Array, version: number) => {
    const copy = Uint8Array.from(frame);
    copy[2] = version;
    return copy;
  };
  await check(
    (frame) => (isHello(frame) ? withVersion(frame, 7) : frame),
    /protocol version 7 .*must equal 1/,
  );
  let recorded: Uint8Array | undefined;
  const good = new RawPeer(edge.port, "eu", secret, (frame) => {
    if (!isHello(frame)) recorded = frame;
    return frame;
  });
  assert.equal((await good.outcome).type, "accepted");
  edge.node.events.length = 0;
  await check((frame) => (isHello(frame) ? frame : (recorded ?? frame)), /did not prove/);
});

test("a message between regions arrives compressed, within a region as it is", async () => {
  const body = Buffer.from("all work and no play ".repeat(400));
  const origin = { nodeId: "b", generation: 1, scope: 0 } as const;
  const record = {
    kind: 1,
    scope: 0,
    namespace: "default",
    service: "s",
    id: "i",
    origin,
    version: 1,
    stamp: { incarnation: 1, session: 1, claim: 0 },
    state: 0,
    isSuspect: false,
    reason: 0,
    since: 0,
    body,
  } as const;
  const message: PeerMessage = {
    type: "delta",
    groups: [{ origin, from: 0, to: 1, records: [record] }],
  };
  await using edge = await startEdge({ nodeId: "b" }, (event) =>
    event.type === "link-open" ? [{ type: "send-links", links: [event.link], message }] : [],
  );
  const sizeFor = async (region: string) => {
    const peer = new RawPeer(edge.port, region, undefined);
    const data = await peer.first;
    const { bytesRead } = (peer.ws as unknown as { _socket: Socket })._socket;
    peer.ws.terminate();
    assert.ok(data.includes(body), "the message is whole");
    return bytesRead;
  };
  const [near, far] = [await sizeFor("eu"), await sizeFor("us")];
  assert.ok(near > body.length && far < body.length / 4, `${near} and ${far} bytes`);
});

test("a peer that stops reading is congested, and cut off if it never does", async () => {
  const digests = Array.from({ length: 40 }, () => BIG);
  await using edge = await startEdge({ nodeId: "b" }, (event) =>
    event.type === "command" || event.type === "link-open"
      ? digests.map((message) => ({ type: "send-links", links: [1], message }))
      : [],
  );
  const peer = new RawPeer(edge.port, "eu", undefined);
  await peer.outcome;
  peer.ws.pause();
  await edge.node.expect("link-congested");
  const writable = edge.node.expect("link-writable");
  peer.ws.resume();
  await writable;
  peer.ws.pause();
  const closed = edge.node.expect("link-close");
  while (edge.node.seen("link-close").length === 0) {
    void edge.server.port.renew(ANYBODY, { namespace: "n", service: "s", id: "i" }).catch(() => {});
    await edge.node.next("turn-end");
  }
  await closed;
  peer.ws.terminate();
});

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

function addressOf(event: Extract<NodeEvent, { type: "command" }>): string {
  return "id" in event.command ? event.command.id : "";
}
