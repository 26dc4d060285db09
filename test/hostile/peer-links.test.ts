/**
 * Hostile peers: those that are no nodes of the cluster are refused with both values; one that is
 * and lies costs its own link, and never a crash here or at the nodes behind.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { type DeltaGroup, type Origin, RecordKind, RemovalReason, Scope } from "@fpzk/core";
import { encodeNodeDescription, type PeerHandshakeOptions } from "@fpzk/protocol";
import { WebSocket } from "ws";
import { until } from "../e2e/real-cluster.js";
import { BYSTANDER_ID, BYSTANDER_SERVICE, Bystander } from "./bystander.js";
import { HostileServer } from "./hostile-server.js";
import { digestOf, entryOf, recordOf } from "./peer-words.js";
import { itemOf, maskedHead, RawSession, RawTcp } from "./raw-attacker.js";
import { RawPeer, SECRET } from "./raw-peer.js";

const UNPROVED = { source: "link", code: "unauthenticated" } as const;
const INVALID = { source: "link", code: "invalid_argument" } as const;
const POISONED = 'fpzk_core_events_total{event="poisonedRecords"}';
const MISMATCH = { source: "link", code: "failed_precondition" } as const;
/** Of a delta on the wire; see docs/protocol.md. */
const DELTA_TYPE = 65;
const HUGE = Number.MAX_SAFE_INTEGER;

describe("hostile peers", { timeout: 280_000 }, () => {
  let victim: HostileServer;
  /** An honest node behind the victim, to which lies could spread. */
  let neighbour: HostileServer;
  let bystander: Bystander;
  let farBystander: Bystander;

  before(async () => {
    const secret = ["--cluster-secret", SECRET];
    victim = await HostileServer.start({ nodeId: "victim", arguments: secret });
    neighbour = await HostileServer.start({
      nodeId: "neighbour",
      arguments: [...secret, "--seeds", victim.address],
    });
    await until("the two are linked", 10_000, async () => {
      return (await victim.metric('fpzk_links{state="open"}')) === 1;
    });
    bystander = await Bystander.join(victim);
    farBystander = await Bystander.join(neighbour, { namespace: "far" });
  });

  after(async () => {
    await bystander[Symbol.asyncDispose]();
    await farBystander[Symbol.asyncDispose]();
    await victim[Symbol.asyncDispose]();
    await neighbour[Symbol.asyncDispose]();
  });

  async function withstands(
    series: Parameters<HostileServer["counts"]>[0],
    attack: () => Promise<void>,
  ): Promise<void> {
    await victim.counts(series, attack);
    await isUnharmed();
  }

  /** Both nodes run, are linked with each other, and pass on what is registered. */
  async function isUnharmed(): Promise<void> {
    assert.ok(victim.isRunning, victim.log);
    assert.ok(neighbour.isRunning, neighbour.log);
    await bystander.unharmed();
    await farBystander.unharmed();
    const handle = await bystander.client.register({
      service: "spread",
      id: `s-${performance.now()}`,
      endpoints: [{ port: 80 }],
    });
    await until("the neighbour to show it", 3_000, async () => {
      const answer = await fetch(`${neighbour.url}/v1/namespaces/default/services/spread`);
      const { instances } = (await answer.json()) as { instances: { id: string }[] };
      return instances.some(({ id }) => id === handle.id);
    });
    await handle.deregister();
  }

  const port = () => victim.port;

  test("garbage, text, silence and half a frame instead of a handshake", async () => {
    for (const bytes of [Buffer.from([0xc1, 0xff]), Buffer.alloc(20_000, 0x91), "text"]) {
      const series = bytes.length === 20_000 ? { ...INVALID, code: "resource_exhausted" } : INVALID;
      await withstands(series, async () => {
        const ws = new WebSocket(`ws://127.0.0.1:${port()}/v1/peer`);
        ws.on("open", () => ws.send(bytes));
        const code = await new Promise((resolve) => ws.once("close", resolve));
        assert.equal(code, 1008);
      });
    }
    await withstands({ source: "link", code: "deadline_exceeded" }, async () => {
      const silent = await RawTcp.upgraded(port(), "/v1/peer");
      const half = await RawTcp.upgraded(port(), "/v1/peer");
      half.socket.write(maskedHead(100));
      await Promise.all([silent.ended, half.ended]);
    });
  });

  const strangers: Record<
    string,
    {
      readonly series: typeof UNPROVED | typeof MISMATCH | { source: "link"; code: string };
      readonly reason: RegExp;
      readonly secret?: string;
      readonly nodeId?: string;
      readonly handshake?: Partial<PeerHandshakeOptions>;
    }
  > = {
    "another secret": {
      series: UNPROVED,
      reason: /did not prove/,
      secret: "another secret, as long",
    },
    "no secret": { series: UNPROVED, reason: /secret is missing/, handshake: { proof: undefined } },
    "another cluster name": {
      series: MISMATCH,
      reason: /cluster name "other".*"fpzk"/,
      handshake: { clusterName: "other" },
    },
    "other cluster options": {
      series: MISMATCH,
      reason: /cluster options x=1 of node "liar" must equal/,
      handshake: { fingerprint: "x=1" },
    },
    "the victim's own id": {
      series: { source: "link", code: "already_exists" },
      reason: /used by two processes/,
      nodeId: "victim",
    },
  };
  for (const [what, { series, reason, ...options }] of Object.entries(strangers)) {
    test(what, () =>
      withstands(series, async () => {
        const peer = await RawPeer.open({ port: port(), ...options });
        const outcome = await peer.outcome;
        assert.equal(outcome.type, "refused");
        const { code, reason: closeReason } = await peer.closed;
        assert.equal(code, 1008);
        const told = outcome.type === "refused" ? outcome.refusal.message : "";
        assert.match(`${told} ${closeReason}`, reason);
      }),
    );
  }

  test("an older protocol", () =>
    withstands(MISMATCH, async () => {
      // The second value of the hello, after its type, is the protocol version 1.
      const tamper = (frame: Uint8Array) => {
        const changed = Uint8Array.from(frame);
        assert.equal(changed[2], 1);
        changed[2] = 2;
        return changed;
      };
      const peer = await RawPeer.open({ port: port(), tamper });
      const { reason } = await peer.closed;
      assert.match(reason, /^failed_precondition: protocol version 2 of node "liar" must equal 1/);
    }));

  test("a proof that was recorded from another connection", () =>
    withstands(UNPROVED, async () => {
      const honest = await RawPeer.linked({ port: port(), nodeId: "recorded" });
      const [, recordedProof] = honest.sent;
      assert.ok(recordedProof);
      let count = 0;
      const tamper = (frame: Uint8Array) => {
        count += 1;
        return count === 1 ? frame : recordedProof;
      };
      const replay = await RawPeer.open({ port: port(), nodeId: "recorded", tamper });
      assert.match((await replay.closed).reason, /^unauthenticated: .*did not prove/);
      honest.close();
    }));

  test("the victim's own hello and a proof it never gave, sent back", () =>
    withstands(UNPROVED, async () => {
      // Without the secret nothing can be made that fits; the victim proves nothing before.
      const frames: Buffer[] = [];
      const peer = await RawPeer.open({
        port: port(),
        nodeId: "mirror",
        tamper: (frame) =>
          frame.length > 40 ? frame : Buffer.concat([frame.subarray(0, -32), randomBytes(32)]),
      });
      peer.ws.on("message", (data: Buffer) => frames.push(data));
      assert.match((await peer.closed).reason, /^unauthenticated: /);
      assert.ok(frames.length <= 2, "a hello and a refusal, and no proof");
    }));

  test("a linked peer that sends nonsense, another type, text", async () => {
    const nonsense: [string | Uint8Array, RegExp, string][] = [
      [Buffer.from([0xc1, 0xff, 0x00]), /^invalid_argument/, "invalid_argument"],
      [Buffer.from([0x92, 0x7f, 0x01]), /^unimplemented/, "unimplemented"],
      ["text", /^invalid_argument: text/, "invalid_argument"],
      [Buffer.from([0x92, DELTA_TYPE, 0x01]), /^invalid_argument/, "invalid_argument"],
    ];
    for (const [frame, reason, code] of nonsense) {
      await withstands({ source: "link", code }, async () => {
        const peer = await RawPeer.linked({ port: port() });
        peer.ws.send(frame);
        const closed = await peer.closed;
        assert.equal(closed.code, 1008);
        assert.match(closed.reason, reason);
      });
    }
  });

  test("a linked peer that sends 5 MB", () =>
    withstands({ source: "link", code: "resource_exhausted" }, async () => {
      const peer = await RawPeer.linked({ port: port() });
      peer.ws.send(Buffer.alloc(5 * 1024 * 1024));
      assert.equal((await peer.closed).code, 1009);
    }));

  /** A linked liar's groups, after a digest that makes it a partner. */
  async function lies(
    groups: readonly DeltaGroup[],
    more: { readonly region?: string; readonly asReset?: boolean } = {},
  ): Promise<void> {
    const peer = await RawPeer.linked({ port: port(), ...more });
    peer.send(digestOf([]));
    if (more.asReset) {
      peer.send({ type: "reset", origins: [], groups, isFinal: false, entries: [], floors: [] });
      peer.send({
        type: "reset",
        origins: [],
        groups: [],
        isFinal: true,
        entries: groups.map(({ origin, to }) => entryOf(origin, to)),
        floors: [],
      });
    } else {
      peer.send({ type: "delta", groups });
    }
    const before = await victim.metric("fpzk_deltas_received_total");
    await until("the lie to be read, or its link to be closed", 5_000, async () => {
      return peer.isClosed || (await victim.metric("fpzk_deltas_received_total")) >= before;
    });
    await isUnharmed();
    peer.close();
  }

  const liarOrigin = (): Origin => ({ nodeId: "liar", generation: Date.now(), scope: 0 });

  for (const asReset of [false, true]) {
    const how = asReset ? "a reset" : "a delta";
    test(`${how} of the receiver's own stream with huge versions`, async () => {
      const nodes = (await (await fetch(`${victim.url}/v1/nodes`)).json()) as {
        nodes: { nodeId: string; generation: number }[];
      };
      const generation = nodes.nodes.find(({ nodeId }) => nodeId === "victim")?.generation ?? 0;
      assert.ok(generation > 0);
      const origin = { nodeId: "victim", generation, scope: Scope.global };
      // Such writes can only be of an earlier life with the same generation: this node begins a
      // later one, and shows what it is told of the earlier as orphaned.
      const record = recordOf(origin, HUGE, { service: "made-up", id: "m-1" });
      await lies([{ origin, from: 0, to: HUGE, records: [record] }], { asReset });
      const path = `${victim.url}/v1/namespaces/default/services`;
      const shown = async (service: string) => {
        const answer = (await (await fetch(`${path}/${service}`)).json()) as {
          instances: { id: string; liveness: string }[];
        };
        return answer.instances.map(({ id, liveness }) => `${id} ${liveness}`);
      };
      assert.ok(!(await shown("made-up")).includes("m-1 alive"));
      assert.deepEqual(await shown(BYSTANDER_SERVICE), [`${BYSTANDER_ID} alive`]);
    });

    test(`${how} with a later life of the receiver, at the end of the range`, () => {
      const origin = { nodeId: "victim", generation: HUGE, scope: Scope.global };
      const record = recordOf(origin, 1, {
        kind: RecordKind.canary,
        namespace: "",
        service: "",
        id: "victim",
        stamp: { incarnation: HUGE, session: 4_294_967_295, claim: 65_535 },
      });
      return lies([{ origin, from: 0, to: 1, records: [record] }], { asReset });
    });

    test(`${how} with stamps at the end of their range`, async () => {
      const origin = liarOrigin();
      const stamp = { incarnation: HUGE, session: 4_294_967_295, claim: 65_535 };
      const edge = recordOf(origin, 1, { service: "edge", id: "top", stamp, since: HUGE });
      const claimId = `claim-${asReset ? "reset" : "delta"}`;
      const claim = recordOf(origin, 2, {
        service: "edge",
        id: claimId,
        stamp: { incarnation: 1, session: 1, claim: 65_535 },
      });
      await lies([{ origin, from: 0, to: HUGE, records: [edge, claim] }], { asReset });
      // Whoever registers that id is told so; the node lives.
      for (const server of [victim, neighbour]) {
        await until(`${server.nodeId} to hold it`, 10_000, async () => {
          const answer = await fetch(
            `${server.url}/v1/namespaces/default/services/edge/instances/${claimId}`,
          );
          return answer.status === 200;
        });
        const session = await RawSession.welcomed(server.port);
        session.register(1, [itemOf("edge", "top")]);
        const { items } = await session.receive("registered");
        assert.equal(items[0]?.code, "out_of_range");
        session.close();
        const path = "/v1/namespaces/default/services/edge/instances/top";
        for (const [method, at] of [
          ["PUT", path],
          ["POST", `${path}/renew`],
          ["DELETE", path],
        ] as const) {
          const answer = await fetch(`${server.url}${at}`, {
            method,
            ...(method === "PUT"
              ? {
                  headers: { "content-type": "application/json" },
                  body: JSON.stringify({ endpoints: [{ host: "a", port: 1 }] }),
                }
              : {}),
          });
          await answer.arrayBuffer();
        }
      }
      const claimPath = `/v1/namespaces/default/services/edge/instances/${claimId}`;
      const removal = await fetch(`${neighbour.url}${claimPath}`, { method: "DELETE" });
      assert.equal(removal.status, 204);
      await until("the victim to hear of the removal", 5_000, async () => {
        return (await fetch(`${victim.url}${claimPath}`)).status === 404;
      });
      await isUnharmed();
    });

    test(`${how} that speaks for other nodes`, async () => {
      const origin = liarOrigin();
      const body = encodeNodeDescription({
        region: "us",
        zone: "",
        address: "127.0.0.1:1",
        peerAddress: "127.0.0.1:1",
        tls: false,
      });
      const records = ["neighbour", "victim"].map((id, index) =>
        recordOf(origin, index + 1, {
          kind: RecordKind.node,
          namespace: "",
          service: "",
          id,
          stamp: { incarnation: HUGE, session: 0, claim: 0 },
          body,
        }),
      );
      await victim.counts(POISONED, () => lies([{ origin, from: 0, to: 2, records }], { asReset }));
      const answer = await fetch(`${victim.url}/v1/nodes`);
      const { nodes } = (await answer.json()) as { nodes: { nodeId: string; status: string }[] };
      const judged = nodes.map(({ nodeId, status }) => `${nodeId} ${status}`);
      assert.ok(judged.includes("neighbour alive") && judged.includes("victim alive"));
    });

    test(`${how} of another region's private stream`, async () => {
      const origin = { ...liarOrigin(), nodeId: "stranger", scope: Scope.region };
      const record = recordOf(origin, 1, { service: "private", id: "p-1" });
      await lies([{ origin, from: 0, to: 1, records: [record] }], { region: "eu", asReset });
      const answer = await fetch(`${victim.url}/v1/namespaces/default/services/private`);
      const { instances } = (await answer.json()) as { instances: unknown[] };
      assert.deepEqual(instances, []);
    });
  }

  test("a body that nobody can read does no harm where it is shown", async () => {
    const origin = liarOrigin();
    const body = Uint8Array.from([0xc1, 0xff]);
    const record = recordOf(origin, 1, { service: BYSTANDER_SERVICE, id: "unreadable", body });
    await lies([{ origin, from: 0, to: 1, records: [record] }]);
    const tombstone = recordOf(origin, 2, {
      service: BYSTANDER_SERVICE,
      id: "unreadable",
      state: 3,
      reason: RemovalReason.deregistered,
      body: new Uint8Array(0),
    });
    await lies([{ origin, from: 1, to: 2, records: [tombstone] }]);
  });

  test("digests with lives of the receiver that cannot be", async () => {
    const peer = await RawPeer.linked({ port: port() });
    const origin = { nodeId: "victim", generation: HUGE, scope: Scope.global };
    peer.send(digestOf([entryOf(origin, 1)]));
    await isUnharmed();
    const answer = await fetch(`${victim.url}/v1/nodes`);
    const { nodes } = (await answer.json()) as { nodes: { nodeId: string; generation: number }[] };
    for (const { nodeId, generation } of nodes) {
      assert.ok(generation <= Date.now(), `${nodeId} has generation ${generation}`);
    }
    peer.close();
  });

  test("digests with more origins and floors than there can be nodes", async () => {
    const peer = await RawPeer.linked({ port: port() });
    for (let round = 0; round < 3; round += 1) {
      peer.send({
        ...digestOf([]),
        floors: Array.from({ length: 8_000 }, (_, n) => ({
          nodeId: `floor-${round}-${n}`,
          generation: 1,
        })),
      });
      const entries = Array.from({ length: 8_000 }, (_, n) =>
        entryOf({ nodeId: `made-up-${round}-${n}`, generation: 1, scope: Scope.global }, 1),
      );
      peer.send({ type: "reset", origins: [], groups: [], isFinal: true, entries, floors: [] });
    }
    await isUnharmed();
    peer.close();
  });

  test("after all of it both nodes go on writing of themselves", async () => {
    const series = 'fpzk_propagation_seconds_count{from_region="us",to_region="us"}';
    for (const server of [victim, neighbour]) {
      const before = await server.metric(series);
      await until(`canaries of ${server.nodeId}`, 15_000, async () => {
        return (await server.metric(series)) >= before + 2;
      });
    }
    await isUnharmed();
  });
});
