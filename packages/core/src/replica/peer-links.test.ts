import assert from "node:assert/strict";
import { test } from "node:test";
import type { DigestMessage, PeerMessage } from "../messages.js";
import type { PeerIdentity } from "../node/events.js";
import { InstanceState, type Origin, RecordKind, RemovalReason, Scope } from "../record.js";
import { MapRecordTable } from "../table/map-record-table.js";
import { type Instant, instant } from "../time.js";
import type { PeerLink } from "./peer-link.js";
import { PeerLinks } from "./peer-links.js";
import { Replica } from "./replica.js";

const NOW = instant(1_000);
const TOMBSTONE_TTL_MS = 10_000;

/** One side of a link, with the queue of what it sent. */
class Side {
  readonly replica: Replica;
  readonly links: PeerLinks;
  readonly identity: PeerIdentity;
  readonly sent: PeerMessage[] = [];
  readonly collected: string[] = [];
  readonly counters = {
    ...{ deltasSent: 0, deltasReceived: 0, recordsSent: 0, recordsReceived: 0, repairRounds: 0 },
    ...{ resetsSent: 0, resetsReceived: 0, divergences: 0, gaps: 0 },
    ...{ poisonedRecords: 0, refusedParts: 0 },
  };
  link: PeerLink | undefined;

  constructor(nodeId: string, generation: number, region = "us") {
    this.identity = { nodeId, generation, region, zone: "" };
    this.replica = new Replica({
      table: new MapRecordTable(),
      ...{ nodeId, generation, tombstoneTtlMs: TOMBSTONE_TTL_MS },
      listener: {
        recordChanged: (slot) => {
          const index = this.replica.table.originOf(slot);
          if (this.replica.isOwn(this.replica.table.origin(index))) this.links.wroteOwn(index);
        },
        refutes: () => false,
        buried: () => {},
        recordCollected: (record) => this.collected.push(record.id),
      },
    });
    const send = (_links: readonly number[], message: PeerMessage) => this.sent.push(message);
    const { replica, counters } = this;
    this.links = new PeerLinks({ replica, region, counters, send, note: () => {} });
  }

  write(id: string, incarnation: number, options: { scope?: Scope; state?: InstanceState } = {}) {
    const { scope = Scope.global, state = InstanceState.up } = options;
    const isRemoved = state === InstanceState.removed;
    this.replica.write(
      {
        kind: RecordKind.instance,
        ...{ scope, namespace: "default", service: "orders", id, state, isSuspect: false },
        stamp: { incarnation, session: 1, claim: 0 },
        reason: isRemoved ? RemovalReason.deregistered : RemovalReason.none,
        ...{ since: 0, body: new Uint8Array(0) },
      },
      NOW,
    );
  }

  digest(repair: DigestMessage["repair"] = "now"): void {
    assert.ok(this.link !== undefined);
    this.links.sendDigest(this.link, { hears: [], isReady: true, repair });
  }

  get ids(): string[] {
    const { table } = this.replica;
    return [...table.slots()]
      .filter((slot) => table.state(slot) !== InstanceState.removed)
      .map((slot) => table.read(slot).id)
      .sort();
  }
}

function connect(a: Side, b: Side): void {
  a.link = a.links.open(1, b.identity, true, NOW);
  b.link = b.links.open(1, a.identity, false, NOW);
}

/** Delivers until both are silent; false when some delta did not attach. */
function settle(a: Side, b: Side, now: Instant = NOW): boolean {
  let isAttached = true;
  for (let round = 0; a.sent.length + b.sent.length > 0; round += 1) {
    assert.ok(round < 100, "the two talk without end");
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const { link } = to;
      assert.ok(link !== undefined);
      for (const message of from.sent.splice(0)) {
        if (message.type === "digest") to.links.receiveDigest(link, message, { isReady: true });
        else if (message.type === "reset") to.links.receiveReset(link, message, now);
        else if (message.type === "delta") {
          isAttached = to.links.receiveDelta(link, message, now) && isAttached;
        }
      }
      to.links.pump();
    }
  }
  return isAttached;
}

function exchange(a: Side, b: Side): void {
  a.digest();
  b.digest();
  settle(a, b);
}

test("two copies that exchange digests become equal, and news follows at once", () => {
  const [a, b] = [new Side("a", 1), new Side("b", 1)];
  a.write("x", 1);
  b.write("y", 1);
  connect(a, b);
  exchange(a, b);
  assert.deepEqual(
    [a.ids, b.ids],
    [
      ["x", "y"],
      ["x", "y"],
    ],
  );
  a.write("z", 1);
  a.links.pushNews(() => []);
  assert.ok(settle(a, b));
  assert.deepEqual(b.ids, ["x", "y", "z"]);
});

test("what was lost on the way makes a gap, and the next digest fills it", () => {
  const [a, b] = [new Side("a", 1), new Side("b", 1)];
  connect(a, b);
  exchange(a, b);
  a.write("x", 1);
  a.links.pushNews(() => []);
  a.sent.length = 0;
  a.write("y", 1);
  a.links.pushNews(() => []);
  assert.equal(settle(a, b), false);
  assert.deepEqual(b.ids, []);
  b.digest();
  settle(a, b);
  assert.deepEqual(b.ids, ["x", "y"]);
});

// Everything of the peer's node id was held back, so a restarted node never got it again.
test("a restarted node is given what its earlier life wrote", () => {
  const [a, before] = [new Side("a", 1), new Side("b", 1)];
  before.write("x", 1);
  connect(a, before);
  exchange(a, before);
  const after = new Side("b", 2);
  connect(a, after);
  exchange(a, after);
  assert.deepEqual(after.ids, ["x"]);
});

test("a region's own records never leave it", () => {
  const [us, eu] = [new Side("a", 1, "us"), new Side("b", 1, "eu")];
  us.write("global", 1);
  us.write("local", 1, { scope: Scope.region });
  connect(us, eu);
  exchange(us, eu);
  assert.deepEqual(eu.ids, ["global"]);
});

test("who missed a collected tombstone is reset and drops what is gone", () => {
  const [a, b] = [new Side("a", 1), new Side("b", 1)];
  a.write("x", 1);
  a.write("y", 1);
  connect(a, b);
  exchange(a, b);
  a.write("x", 1, { state: InstanceState.removed });
  a.replica.collectTombstones(instant(NOW + TOMBSTONE_TTL_MS), 10);
  connect(a, b);
  exchange(a, b);
  assert.deepEqual(b.ids, ["y"]);
  assert.deepEqual(b.collected, ["x"]);
  assert.equal(a.counters.resetsSent, 1);
});

// A floor was taken from the first digest, so that views lost an instance that had only moved.
test("a collected origin's records stay until what replaced them is here", () => {
  const [a, b, dead] = [new Side("a", 1), new Side("b", 1), new Side("dead", 1)];
  dead.write("x", 1);
  for (const side of [a, b]) {
    connect(dead, side);
    exchange(dead, side);
  }
  a.write("x", 2);
  a.replica.raiseFloor("dead", 1);
  connect(a, b);
  exchange(a, b);
  assert.deepEqual(b.collected, [], "the instance was replaced before its old origin went");
  assert.deepEqual(b.ids, ["x"]);
  exchange(a, b);
  assert.equal(b.replica.floorOf("dead"), 1);
  const origin: Origin = { nodeId: "dead", generation: 1, scope: Scope.global };
  assert.ok(b.replica.isCollected(origin));
});

test("a round is put together once for the mesh, and once for other regions", () => {
  const rounds: { links: readonly number[]; message: PeerMessage }[] = [];
  const copy = new Side("us-1", 1);
  const { replica, counters } = copy;
  const send = (links: readonly number[], message: PeerMessage) => rounds.push({ links, message });
  const links = new PeerLinks({ replica, region: "us", counters, send, note: () => {} });
  copy.write("i-1", 1);
  copy.write("i-2", 1, { scope: Scope.region });
  for (const [key, nodeId] of ["us-2", "eu-1", "us-3", "eu-2"].entries()) {
    const peer = { nodeId, generation: 1, region: nodeId.slice(0, 2), zone: "" };
    links.open(key, peer, true, NOW);
  }
  links.sendDigests({ hears: ["us-2"], isReady: true, repair: "lagging" });
  const told = rounds.map(({ links: keys, message }) => [
    keys,
    message.type === "digest" ? message.entries.map(({ origin }) => origin.scope) : [],
  ]);
  assert.deepEqual(told, [
    [
      [0, 2],
      [Scope.global, Scope.region],
    ],
    [[1, 3], [Scope.global]],
  ]);
});
