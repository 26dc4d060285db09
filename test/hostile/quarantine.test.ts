/**
 * A poisoned record costs itself (R17): three real nodes, and a peer that knows the secret and
 * sends what cannot be read. Its name stands in log, metrics and listing; nobody else notices.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type DigestEntry, type Origin, Scope } from "@fpzk/core";
import { decodePeerMessage } from "@fpzk/protocol";
import { until } from "../e2e/real-cluster.js";
import { Bystander } from "./bystander.js";
import { HostileServer } from "./hostile-server.js";
import { digestOf, entryOf, recordOf } from "./peer-words.js";
import { RawPeer, SECRET } from "./raw-peer.js";

const POISONER = "poisoner";
const SERVICE = "poisoned";
const ROUND_MS = 300;

interface Listed {
  readonly nodeId: string;
  readonly giver: string;
  readonly reason: string;
  readonly holeCount: number;
}

/** A peer that stays linked: it says what it holds again and again, as nodes do. */
class StayingPeer implements Disposable {
  readonly raw: RawPeer;
  entries: DigestEntry[] = [];
  readonly #timer: NodeJS.Timeout;

  private constructor(raw: RawPeer) {
    this.raw = raw;
    this.#timer = setInterval(() => raw.send(digestOf(this.entries)), ROUND_MS);
  }

  static async join(server: HostileServer, nodeId: string, generation: number) {
    const peer = new StayingPeer(await RawPeer.linked({ port: server.port, nodeId, generation }));
    peer.raw.send(digestOf([]));
    return peer;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.raw.close();
  }
}

describe("a poisoned record", { timeout: 120_000 }, () => {
  const servers: HostileServer[] = [];
  const bystanders: Bystander[] = [];
  let victim: HostileServer;
  let neighbour: HostileServer;

  before(async () => {
    const secret = ["--cluster-secret", SECRET];
    victim = await HostileServer.start({ nodeId: "victim", arguments: secret });
    servers.push(victim);
    const seeds = [...secret, "--seeds", victim.address];
    neighbour = await HostileServer.start({ nodeId: "neighbour", arguments: seeds });
    servers.push(neighbour);
    servers.push(await HostileServer.start({ nodeId: "third", arguments: seeds }));
    for (const server of servers) {
      await until("the mesh", 10_000, async () => {
        return (await server.metric('fpzk_links{state="open"}')) === 2;
      });
      const namespace = `of-${server.nodeId}`;
      bystanders.push(await Bystander.join(server, { namespace }));
    }
  });

  after(async () => {
    for (const each of [...bystanders, ...servers]) await each[Symbol.asyncDispose]();
  });

  async function isUnharmed(): Promise<void> {
    for (const server of servers) assert.ok(server.isRunning, server.log);
    for (const bystander of bystanders) await bystander.unharmed();
    // Every origin's changes go on to arrive everywhere.
    for (const [index, bystander] of bystanders.entries()) {
      const handle = await bystander.client.register({
        service: "spread",
        id: `s-${performance.now()}`,
        endpoints: [{ port: 80 }],
      });
      const namespace = `of-${servers[index]?.nodeId}`;
      for (const server of servers) {
        await until(`${server.nodeId} to show ${handle.id}`, 5_000, async () => {
          return (await idsAt(server, "spread", namespace)).includes(handle.id);
        });
      }
      await handle.deregister();
    }
  }

  test("is passed over with its origin's name in log, metrics and listing", async () => {
    const generation = Date.now();
    using peer = await StayingPeer.join(victim, POISONER, generation);
    const origin = { nodeId: POISONER, generation, scope: Scope.global };
    const records = ["1", "2", "3"].map((id, index) =>
      recordOf(origin, index + 1, { service: SERVICE, id }),
    );
    // A record as a broken version of FPZK might write it: its id is a number.
    records[1] = { ...recordOf(origin, 2, { service: SERVICE, id: "2" }), id: 2 as never };
    peer.raw.send({ type: "delta", groups: [{ origin, from: 0, to: 3, records }] });
    for (const [server, giver] of [
      [victim, POISONER],
      [neighbour, "victim"],
    ] as const) {
      await until(`${server.nodeId} to name the origin`, 5_000, async () => {
        return (await listedAt(server)).some((each) => each.nodeId === POISONER);
      });
      const [listed] = await listedAt(server);
      assert.equal(listed?.giver, giver);
      assert.equal(listed.holeCount, 1);
      assert.equal(await server.metric(`fpzk_quarantined_origins{origin="${POISONER}"}`), 1);
      assert.match(server.log, new RegExp(`"${POISONER}/.*"origin.quarantined"`));
      await until("the others of its records", 3_000, async () => {
        return (await idsAt(server, SERVICE)).join() === "1,3";
      });
    }
    const [listed] = await listedAt(victim);
    assert.match(listed?.reason ?? "", /records\[1\]\.id 2 must be a text/);
    assert.equal(peer.raw.isClosed, false, "its link lives");
    await isUnharmed();

    // The key is written again, so its stream holds the poison no more: asked for it, it says so.
    const good = recordOf(origin, 4, { service: SERVICE, id: "2" });
    const rest = [records[2] ?? good, good];
    peer.entries = [entryOf(origin, 4)];
    peer.raw.ws.on("message", () => {
      peer.raw.send({ type: "delta", groups: [{ origin, from: 1, to: 4, records: rest }] });
    });
    for (const server of [victim, neighbour]) {
      await until(`${server.nodeId} to release it`, 15_000, async () => {
        return (await listedAt(server)).length === 0;
      });
      assert.match(server.log, new RegExp(`"${POISONER}/.*"origin.released"`));
      assert.deepEqual(await idsAt(server, SERVICE), ["1", "2", "3"]);
      assert.equal(await server.metric(`fpzk_quarantined_origins{origin="${POISONER}"}`), 0);
    }
    await isUnharmed();
  });

  test("does not shut out an origin about which a peer lies", async () => {
    using liar = await StayingPeer.join(victim, "liar", Date.now());
    const origin = await originOf(neighbour);
    const record = { ...recordOf(origin, 1, { service: SERVICE, id: "x" }), id: 2 as never };
    for (let round = 0; round < 20; round += 1) {
      liar.raw.send({ type: "delta", groups: [{ origin, from: 0, to: 1, records: [record] }] });
    }
    await isUnharmed();
    assert.doesNotMatch(victim.log, /"giver":"liar"/, "what was read once stays read");
    // The next write of the origin, before it is made: the origin itself then gives it whole.
    const seen = await seenOf(liar, origin);
    const ahead = { ...record, version: seen + 1 };
    liar.raw.send({
      type: "delta",
      groups: [{ origin, from: seen, to: seen + 1, records: [ahead] }],
    });
    await until("the lie to be taken", 5_000, () => victim.log.includes('"giver":"liar"'));
    await until("the truth to win", 15_000, async () => {
      return (await listedAt(victim)).every((each) => each.giver !== "liar");
    });
    await isUnharmed();
  });
});

/** What the victim says that it has seen of an origin. */
function seenOf(peer: StayingPeer, origin: Origin): Promise<number> {
  return new Promise((resolve) => {
    peer.raw.ws.on("message", (data: Buffer) => {
      const decoded = decodePeerMessage(data);
      if (!decoded.ok || decoded.message.type !== "digest") return;
      const entry = decoded.message.entries.find(
        (each) => each.origin.nodeId === origin.nodeId && each.origin.scope === origin.scope,
      );
      if (entry !== undefined) resolve(entry.version);
    });
  });
}

async function listedAt(server: HostileServer): Promise<Listed[]> {
  const answer = await fetch(`${server.url}/v1/quarantine`);
  return ((await answer.json()) as { origins: Listed[] }).origins;
}

async function idsAt(
  server: HostileServer,
  service: string,
  namespace = "default",
): Promise<string[]> {
  const answer = await fetch(`${server.url}/v1/namespaces/${namespace}/services/${service}`);
  const { instances } = (await answer.json()) as { instances: { id: string }[] };
  return instances.map(({ id }) => id).sort();
}

async function originOf(server: HostileServer): Promise<Origin> {
  const answer = await fetch(`${server.url}/v1/nodes`);
  const { nodes } = (await answer.json()) as { nodes: Origin[] };
  const found = nodes.find(({ nodeId }) => nodeId === server.nodeId);
  assert.ok(found);
  return { nodeId: found.nodeId, generation: found.generation, scope: Scope.global };
}
