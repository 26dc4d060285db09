import assert from "node:assert/strict";
import { test } from "node:test";
import { rendezvousOrder } from "../hash.js";
import { SeededRandom } from "../random.js";
import { instant } from "../time.js";
import { Dialer } from "./dialer.js";
import { Membership } from "./membership.js";

function createDialer(options: { nodeId: string; seeds?: string[]; others?: string[] }) {
  const { nodeId, seeds = [], others = [] } = options;
  const linked = new Set<string>();
  const membership = new Membership({ nodeId, region: nodeId.slice(0, 2) });
  for (const id of [nodeId, ...others]) {
    const region = id.slice(0, 2);
    const description = { region, zone: "", address: id, peerAddress: id, tls: false };
    membership.announced(id, { generation: 1, description, now: instant(0) });
  }
  const isLinked = (id: string) => linked.has(id);
  const random = new SeededRandom(1);
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
