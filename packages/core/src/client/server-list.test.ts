import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { MemberView } from "../messages.js";
import { SeededRandom } from "../random.js";
import { instant } from "../time.js";
import { BACKOFF_MAX_MS, BACKOFF_MIN_MS, ServerList } from "./server-list.js";

function newList(seed = 1, tls = false): ServerList {
  return new ServerList({ random: new SeededRandom(seed), region: "r", zone: "z", tls });
}

function seed(address: string, serverName?: string) {
  return { address, serverName };
}

function member(address: string, change: Partial<MemberView> = {}): MemberView {
  const base = { generation: 1, region: "r", zone: "z", tls: false, status: "alive" } as const;
  return { nodeId: address, address, ...base, ...change };
}

/** Addresses in the order in which they are tried when each fails at once. */
function order(list: ServerList): string {
  const tried: string[] = [];
  for (;;) {
    const next = list.next(instant(0));
    if (next === undefined || "waitUntil" in next) return tried.join(" ");
    tried.push(next.server.address);
    list.failed(next.server.address, instant(0));
  }
}

test("zone, region, others, unknown seeds, then those that may be gone", () => {
  const list = newList();
  list.setSeeds([seed("seed"), seed("near")]);
  list.setMembers([
    member("left", { status: "left" }),
    member("unreachable", { status: "unreachable" }),
    member("suspect", { status: "suspect" }),
    member("far", { region: "q" }),
    member("region", { zone: "y" }),
    member("near"),
  ]);
  assert.equal(order(list), "near region far seed suspect unreachable left");
});

test("an empty region is near nothing", () => {
  const list = new ServerList({ random: new SeededRandom(1), region: "", zone: "", tls: false });
  list.setMembers([member("a", { region: "", zone: "" }), member("b", { region: "q" })]);
  const firsts = new Set<string>();
  for (let draw = 0; draw < 50; draw += 1) {
    const next = list.next(instant(0));
    assert.ok(next !== undefined && "server" in next);
    firsts.add(next.server.address);
  }
  assert.deepEqual([...firsts].sort(), ["a", "b"]);
});

test("a node that is known by a seed keeps the name for its certificate", () => {
  const list = newList();
  list.setSeeds([seed("10.0.0.1:7100", "registry")]);
  list.setMembers([member("10.0.0.1:7100", { tls: true })]);
  assert.deepEqual(list.next(instant(0)), {
    server: seed("10.0.0.1:7100", "registry"),
    tls: true,
  });
});

test("who demands TLS gets it, whatever a node says", () => {
  const list = newList(1, true);
  list.setMembers([member("a", { tls: false })]);
  const next = list.next(instant(0));
  assert.equal(next !== undefined && "tls" in next && next.tls, true);
});

test("a node that was started again is near at once, whatever its last process asked for", () => {
  const list = newList();
  list.setMembers([member("near"), member("far", { region: "q" })]);
  list.avoid("near", instant(60_000));
  list.setMembers([member("near", { status: "left" }), member("far", { region: "q" })]);
  const next = list.next(instant(0));
  assert.equal(next !== undefined && "server" in next && next.server.address, "far");
  list.setMembers([member("near", { generation: 2 }), member("far", { region: "q" })]);
  assert.equal(order(list), "near far");
});

test("a lost worker's siblings are tried after their equals and before those farther away", () => {
  const list = newList();
  const shared = [
    member("w1", { address: "workers" }),
    member("w2", { address: "workers" }),
    member("far", { region: "q" }),
  ];
  list.setMembers(shared);
  list.lost("workers", "w1", instant(0));
  assert.equal(order(list), "workers far");
  // Lost again at once: it waits as any other.
  list.succeeded("workers");
  list.succeeded("far");
  list.lost("workers", "w2", instant(10));
  assert.equal(order(list), "far");

  const equal = newList();
  equal.setMembers([...shared, member("near")]);
  equal.lost("workers", "w1", instant(0));
  assert.equal(order(equal), "near workers far");

  const alone = newList();
  alone.setMembers([member("w1", { address: "workers" }), ...shared.slice(2)]);
  alone.lost("workers", "w1", instant(0));
  assert.equal(order(alone), "far");
});

// A reset in the moment of a region's cut: the nodes left were those whose connections had closed.
test("a node whose connection closed comes after its equals, and before those farther away", () => {
  const list = newList();
  list.setMembers([member("near"), member("lost"), member("far", { region: "q" })]);
  list.lost("lost", "lost", instant(0));
  const next = (now: number, ...tried: string[]) => {
    const found = list.next(instant(now), new Set(tried));
    return found !== undefined && "server" in found ? found.server.address : undefined;
  };
  assert.equal(next(0), "near");
  assert.equal(next(0, "near"), "far", "it waits out its backoff");
  assert.equal(next(BACKOFF_MIN_MS, "near"), "lost");
  list.failed("lost", instant(BACKOFF_MIN_MS));
  assert.equal(next(BACKOFF_MAX_MS, "near"), "far", "it cannot be reached");
});

// Six silent hosts were tried first after a reset, until the grace at the node left was over.
test("P6 where a session was heard till its connection closed comes second, and once", () => {
  const list = newList();
  const near = ["a", "b", "c"].map((address) => member(address));
  list.setMembers([...near, member("far", { region: "q" })]);
  const next = (now: number, ...tried: string[]) => {
    const found = list.next(instant(now), new Set(tried));
    return found !== undefined && "server" in found ? found.server.address : undefined;
  };
  for (const lasted of [true, false]) {
    if (lasted) list.lost("far", "far", instant(0));
    else list.failed("far", instant(0));
    list.lastHeard("far");
    assert.notEqual(next(BACKOFF_MIN_MS), "far", "another is tried first: this one may be gone");
    assert.notEqual(next(0, "a"), "far", "it waits out its backoff");
    assert.equal(next(BACKOFF_MAX_MS, "a"), "far");
    assert.notEqual(next(BACKOFF_MAX_MS, "a", "far"), "far", "it is being tried");
    list.failed("far", instant(BACKOFF_MAX_MS));
    assert.notEqual(next(BACKOFF_MAX_MS * 3, "a"), "far", "it cannot be reached either");
  }
  list.lastHeard("gone");
  assert.equal(
    next(BACKOFF_MAX_MS * 3, "a", "b"),
    "c",
    "one that is no server any more is passed by",
  );
});

// Twelve hosts that answer nothing, and six tries at a time, kept a client from the one that did.
test("a node that failed twice is tried after every other, however near it is believed", () => {
  const list = newList();
  const near = ["a", "b", "c"].map((address) => member(address));
  list.setMembers([...near, member("gone", { status: "unreachable" })]);
  const tried: string[] = [];
  for (let now = 0; tried.length < 7; now += BACKOFF_MAX_MS) {
    const next = list.next(instant(now));
    assert.ok(next !== undefined && "server" in next, "each is out of its backoff");
    tried.push(next.server.address);
    list.failed(next.server.address, instant(now));
  }
  assert.equal(tried[6], "gone");
  assert.deepEqual([...new Set(tried.slice(0, 3))].sort(), ["a", "b", "c"]);
});

// Six hosts of a region that was cut off were tried before a neighbour that had failed long ago.
test("P6 what failed before the last session that lasted is no farther away for it", () => {
  const list = newList();
  list.setMembers([member("near"), member("home"), member("far", { region: "q" })]);
  list.failed("near", instant(0));
  list.succeeded("home");
  list.failed("home", instant(60_000));
  const next = list.next(instant(60_000));
  assert.equal(next !== undefined && "server" in next && next.server.address, "near");
});

test("the backoff doubles up to its bound, with jitter, and ends with success", () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 30 }), (draw, failureCount) => {
      const list = newList(draw);
      list.setSeeds([seed("a")]);
      for (let count = 0; count < failureCount; count += 1) list.failed("a", instant(0));
      const next = list.next(instant(0));
      assert.ok(next !== undefined && "waitUntil" in next);
      const ceilingMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** (failureCount - 1));
      assert.ok(next.waitUntil >= ceilingMs / 2 && next.waitUntil <= ceilingMs);
      list.succeeded("a");
      assert.ok("server" in (list.next(instant(0)) ?? {}));
    }),
  );
});

test("P10 failures of servers that are no longer known are forgotten", () => {
  const list = newList();
  list.setSeeds([seed("a")]);
  list.failed("a", instant(0));
  list.setSeeds([seed("b")]);
  list.setSeeds([seed("a")]);
  assert.ok("server" in (list.next(instant(0)) ?? {}));
});

test("no servers: nothing to try", () => {
  assert.equal(newList().next(instant(0)), undefined);
});

test("nearer is what is alive in the zone or region, of which the node is not", () => {
  const list = newList();
  const check = (nodeId: string, expected: string | undefined) => {
    const next = list.nextNearer(nodeId, instant(0));
    assert.equal(next?.server.address, expected, nodeId);
    assert.equal(list.isNearerAlive(nodeId), expected !== undefined, nodeId);
  };
  const far = member("far", { region: "q" });
  list.setMembers([far, member("far2", { region: "q" }), member("gone", { status: "dead" })]);
  check("far", undefined);
  list.setMembers([far, member("region", { zone: "y" })]);
  check("far", "region");
  check("region", undefined);
  check("unknown", undefined);
  list.setMembers([far, member("region", { zone: "y" }), member("near")]);
  check("far", "near");
  check("region", "near");
  check("near", undefined);
  list.failed("near", instant(0));
  assert.equal(list.nextNearer("far", instant(0))?.server.address, "region");
  assert.equal(list.nextNearer("region", instant(0)), undefined, "not before its backoff");
});
