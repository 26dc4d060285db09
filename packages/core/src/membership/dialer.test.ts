import assert from "node:assert/strict";
import { test } from "node:test";
import { rendezvous, rendezvousOrder } from "../hash.js";
import { SeededRandom } from "../random.js";
import { instant } from "../time.js";
import { Dialer } from "./dialer.js";
import { Membership } from "./membership.js";

function createDialer(options: {
  nodeId: string;
  seeds?: string[];
  others?: string[];
  seed?: number;
}) {
  const { nodeId, seeds = [], others = [] } = options;
  const linked = new Set<string>();
  const membership = new Membership({ nodeId, region: nodeId.slice(0, 2) });
  for (const id of [nodeId, ...others]) {
    const region = id.slice(0, 2);
    const description = { region, zone: "", address: id, peerAddress: id, tls: false };
    membership.announced(id, { generation: 1, description, now: instant(0) });
  }
  const isLinked = (id: string) => linked.has(id);
  const random = new SeededRandom(options.seed ?? 1);
  const region = nodeId.slice(0, 2);
  const dialer = new Dialer({ nodeId, region, seeds, membership, random, isLinked });
  return { dialer, linked, membership };
}

function addressesAt(dialer: Dialer, at: number): string[] {
  return dialer.due(instant(at)).map((target) => target.address);
}

test("seeds are dialed until one is known, and a seed that is oneself never again", () => {
  const { dialer } = createDialer({ nodeId: "us-1", seeds: ["self:1", "other:1"] });
  assert.deepEqual(addressesAt(dialer, 0), ["self:1", "other:1"]);
  assert.deepEqual(addressesAt(dialer, 1), [], "each is dialed once at a time");
  dialer.failed("self:1", true, instant(2));
  dialer.failed("other:1", false, instant(2));
  assert.ok(dialer.next() > 2);
  assert.deepEqual(addressesAt(dialer, 10_000), ["other:1"]);
});

test("tries back off to a bound and never stop", () => {
  const { dialer } = createDialer({ nodeId: "us-1", others: ["us-2"] });
  let now = 0;
  let gapMs = 0;
  for (let round = 0; round < 20; round += 1) {
    assert.deepEqual(addressesAt(dialer, now), ["us-2"]);
    dialer.failed("us-2", false, instant(now));
    gapMs = dialer.next() - now;
    assert.ok(gapMs > 0 && gapMs <= 5_000);
    now = dialer.next();
  }
  assert.ok(gapMs >= 2_500);
});

test("the greater id lets the smaller one dial first", () => {
  const { dialer } = createDialer({ nodeId: "us-2", others: ["us-1"] });
  assert.deepEqual(addressesAt(dialer, 0), []);
  assert.deepEqual(addressesAt(dialer, 300), ["us-1"]);
});

test("one relay of another region is dialed; the next only when it fails", () => {
  const others = ["zu-1", "zu-2", "zu-3"];
  const { dialer, linked } = createDialer({ nodeId: "us-1", others });
  const order = rendezvousOrder("us-1", others);
  assert.deepEqual(addressesAt(dialer, 0), order.slice(0, 1));
  dialer.failed(order[0] ?? "", false, instant(1));
  assert.deepEqual(addressesAt(dialer, 1), order.slice(1, 2));
  linked.add(order[1] ?? "");
  dialer.succeeded(order[1] ?? "", order[1]);
  assert.equal(dialer.relayOf("zu"), order[1]);
  assert.ok(!addressesAt(dialer, 20_000).includes(order[2] ?? ""));
});

// A leaving or satisfied node was once woken without end by a dial that nobody wanted any more.
test("a dial that is no longer wanted and never answered asks for no more ticks", () => {
  const { dialer, linked } = createDialer({ nodeId: "us-1", others: ["us-2"] });
  assert.deepEqual(addressesAt(dialer, 0), ["us-2"]);
  linked.add("us-2");
  const due = dialer.next();
  assert.deepEqual(addressesAt(dialer, due), []);
  assert.ok(dialer.next() > due);
});

test("inside a region everyone is dialed, of other regions one relay, and nobody linked", () => {
  const others = ["us-2", "us-3", "us-4", "eu-1", "eu-2"];
  const { dialer, linked } = createDialer({ nodeId: "us-1", others });
  linked.add("us-3");
  const relay = rendezvousOrder("us-1", ["eu-1", "eu-2"])[0];
  assert.deepEqual(addressesAt(dialer, 0), ["us-2", "us-4"]);
  assert.deepEqual(addressesAt(dialer, 300), [relay], "the greater id waits a little");
});

test("a try waits between half of its bound and all of it, by chance", () => {
  const waits = new Map<number, number[]>();
  for (let seed = 0; seed < 50; seed += 1) {
    const { dialer } = createDialer({ nodeId: "us-1", others: ["us-2"], seed });
    let now = 0;
    for (let failure = 1; failure <= 8; failure += 1) {
      dialer.due(instant(now));
      dialer.failed("us-2", false, instant(now));
      waits.set(failure, [...(waits.get(failure) ?? []), dialer.next() - now]);
      now = dialer.next();
    }
  }
  for (const [failure, found] of waits) {
    const boundMs = Math.min(5_000, 100 * 2 ** failure);
    assert.ok(Math.min(...found) >= boundMs / 2 && Math.max(...found) <= boundMs);
    assert.ok(Math.max(...found) - Math.min(...found) > boundMs / 4, `${failure} has no jitter`);
  }
});

test("a driver that never answers a dial is asked again, not before the timeout", () => {
  const { dialer } = createDialer({ nodeId: "us-1", others: ["us-2"] });
  assert.deepEqual(addressesAt(dialer, 0), ["us-2"]);
  assert.deepEqual(addressesAt(dialer, 9_999), []);
  assert.deepEqual(addressesAt(dialer, 10_000), ["us-2"]);
});

test("a link to the first relay makes others surplus, but those over which others write here", () => {
  const far = ["zu-1", "zu-2", "zu-3", "zu-4", "zu-5", "zu-6"];
  const { dialer, linked, membership } = createDialer({ nodeId: "us-1", others: ["us-2", ...far] });
  const [first = "", second = ""] = rendezvousOrder("us-1", far);
  const isSurplus = (id: string) => {
    const member = membership.get(id);
    assert.ok(member);
    return dialer.isSurplus(member);
  };
  for (const id of ["us-2", ...far]) if (id !== first) linked.add(id);
  assert.equal(dialer.relayOf("zu"), second);
  assert.ok(!far.some(isSurplus), "while the first is not there another carries the writes");
  linked.add(first);
  assert.equal(dialer.relayOf("zu"), first);
  const isOfOther = (id: string) => rendezvous(id, ["us-1", "us-2"]) === "us-2";
  const surplus = far.filter((id) => id !== first && isOfOther(id));
  assert.ok(surplus.length > 0 && surplus.length < far.length - 1);
  assert.deepEqual(["us-2", ...far].filter(isSurplus), surplus);
});

test("a seed whose region is out of reach is dialed again", () => {
  const { dialer, linked, membership } = createDialer({
    nodeId: "us-1",
    seeds: ["seed:1"],
    others: ["zu-1"],
  });
  dialer.succeeded("zu-1", "seed:1");
  assert.deepEqual(addressesAt(dialer, 0), ["zu-1", "seed:1"]);
  linked.add("zu-1");
  assert.deepEqual(addressesAt(dialer, 60_000), []);
  assert.equal(membership.count, 2);
});

// A first node without seeds that left and came back was dialed by nobody.
test("a seed that left is dialed until somebody answers there", () => {
  const { dialer, linked, membership } = createDialer({
    nodeId: "us-1",
    seeds: ["seed:1"],
    others: ["us-2"],
  });
  linked.add("us-2");
  dialer.succeeded("us-2", "seed:1");
  assert.deepEqual(addressesAt(dialer, 0), []);
  membership.departed("us-2", 1, instant(1));
  assert.deepEqual(addressesAt(dialer, 2), [], "still linked");
  linked.delete("us-2");
  assert.deepEqual(addressesAt(dialer, 3), ["seed:1"]);
  dialer.failed("seed:1", false, instant(3));
  assert.deepEqual(addressesAt(dialer, 60_000), ["seed:1"]);
});
