import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EMPTY_DIGEST } from "../hash.js";
import { remarkOfTtl } from "../lease/ttl-remark.js";
import { RISE_PER_SECOND_MAX } from "../limits.js";
import type { RouteMessage } from "../messages.js";
import { originOf, recordFor, stampOf } from "../record.fixture.js";
import { InstanceState, RecordKind, type RegistryRecord, Scope } from "../record.js";
import type { Command, Effect } from "./events.js";
import { NodeBench } from "./node.fixture.js";

const AT = { namespace: "default", service: "cart", id: "x" } as const;
const BODY = new Uint8Array([1]);

function registration(ttlMs: number): Command {
  return {
    ...{ kind: "register", ...AT, ttlMs, body: BODY },
    ...{ scope: Scope.global, state: InstanceState.up },
  };
}

function setState(state: InstanceState, timeoutMs = 1_000): Command {
  return { kind: "set-state", ...AT, state, timeoutMs };
}

/** A bench that knows node `b` (one life) and an instance `x` that `b` wrote. */
function benchWithOther(change: Partial<RegistryRecord> = {}): NodeBench {
  const bench = new NodeBench();
  bench.link(1, "b");
  const origin = originOf("b");
  const node = { kind: RecordKind.node, namespace: "", service: "", origin, stamp: stampOf(1, 0) };
  const records = [
    recordFor("b", node),
    recordFor("x", { origin, version: 2, stamp: stampOf(3, 7), ...change }),
  ];
  bench.hear(1, { type: "delta", groups: [{ origin, from: 0, to: 2, records }] });
  bench.step({ type: "tick" });
  return bench;
}

/** B's process is gone: its link closed, and its host refuses. */
function loseOther(bench: NodeBench): void {
  bench.step({ type: "link-close", link: 1 });
  const failed = { type: "dial-failed", address: "node1", cause: "refused", detail: "" } as const;
  bench.runUntil(bench.now + 2_000, () => bench.step(failed));
  assert.equal(bench.node.members().find((one) => one.nodeId === "b")?.status, "dead");
}

function routes(effects: readonly Effect[]): RouteMessage[] {
  return effects.flatMap((effect) =>
    effect.type === "send-links" && effect.message.type === "route" ? [effect.message] : [],
  );
}

describe("a lease without a session", () => {
  it("is kept by renewals, and lapses without them", () => {
    const bench = new NodeBench();
    assert.equal(bench.run(registration(2_000))?.refusal, undefined);
    assert.equal(bench.instance("x")?.reason, remarkOfTtl(2_000));
    const renew = () => assert.equal(bench.run({ kind: "renew", ...AT })?.refusal, undefined);
    bench.runUntil(10_000, renew);
    assert.equal(bench.seen("x"), "alive");
    bench.runUntil(12_100);
    assert.equal(bench.seen("x"), "suspect");
    renew();
    assert.equal(bench.seen("x"), "alive", "only to be heard restores");
    bench.runUntil(30_000);
    assert.equal(bench.seen("x"), "removed 5");
    assert.equal(bench.run({ kind: "renew", ...AT })?.refusal?.code, "not_found");
  });

  it("a registration again is a renewal: stamp and age stay", () => {
    const bench = new NodeBench();
    const first = bench.run(registration(2_000));
    const since = bench.instance("x")?.since;
    bench.runUntil(1_500);
    assert.deepEqual(bench.run(registration(2_000))?.stamp, first?.stamp);
    assert.equal(bench.instance("x")?.since, since);
    bench.runUntil(3_400);
    assert.equal(bench.seen("x"), "alive");
    bench.run(registration(10_000));
    assert.equal(bench.node.leaseCount, 1, "another ttl is another lease, not one more");
    bench.runUntil(13_000);
    assert.equal(bench.seen("x"), "alive");
  });

  it("a change of its state or description is no word of life: suspect stays suspect", () => {
    const bench = new NodeBench();
    bench.run(registration(2_000));
    bench.runUntil(2_200);
    bench.run(setState(InstanceState.offline));
    assert.equal(bench.instance("x")?.state, InstanceState.offline);
    assert.equal(bench.seen("x"), "suspect");
    bench.run({ kind: "update", ...AT, body: new Uint8Array([2]) });
    assert.equal(bench.seen("x"), "suspect");
  });

  it("what somebody has seen higher goes above that, if it is heard and that can be true", () => {
    const bench = new NodeBench();
    bench.run(registration(2_000));
    const before = bench.instance("x");
    assert.ok(before);
    const rise = (above: number) =>
      bench.run({ kind: "rise", ...AT, stamp: { ...before.stamp, incarnation: above } });
    const own = before.stamp.incarnation;
    rise(own - 1);
    rise(Number.MAX_SAFE_INTEGER);
    assert.deepEqual(bench.instance("x")?.stamp, before.stamp, "lower, or decades ahead");
    rise(own + 1_000_000);
    const risen = bench.instance("x");
    assert.ok(risen && risen.stamp.incarnation > own + 1_000_000);
    assert.deepEqual([risen.since, bench.seen("x")], [before.since, "alive"]);
    bench.runUntil(2_100);
    rise(risen.stamp.incarnation + 1);
    assert.deepEqual(bench.instance("x")?.stamp, risen.stamp, "it is not heard");
  });

  it("writes only so much anew in a second (P10)", () => {
    const bench = new NodeBench();
    bench.run(registration(2_000));
    for (let count = 0; count < 2 * RISE_PER_SECOND_MAX; count += 1) {
      bench.run({ kind: "rise", ...AT, stamp: bench.instance("x")?.stamp ?? assert.fail() });
    }
    const version = bench.instance("x")?.version ?? 0;
    assert.ok(version >= RISE_PER_SECOND_MAX && version <= RISE_PER_SECOND_MAX + 10);
  });

  it("taken over from an owner that is gone, it lapses as soon as it did there", () => {
    const bench = benchWithOther({ reason: remarkOfTtl(3_000) });
    loseOther(bench);
    assert.equal(bench.run({ kind: "renew", ...AT })?.refusal, undefined);
    const takenAt = bench.now;
    bench.runUntil(takenAt + 4_900);
    assert.equal(bench.seen("x"), "alive");
    bench.runUntil(takenAt + 5_200);
    assert.equal(bench.seen("x"), "suspect", "not 15 min later");
    bench.runUntil(takenAt + 10_500);
    assert.equal(bench.seen("x"), "removed 5");
  });

  it("a change by another node than its owner that is gone gives it no longer life", () => {
    const bench = benchWithOther({ reason: remarkOfTtl(3_000) });
    loseOther(bench);
    assert.equal(bench.run(setState(InstanceState.offline))?.refusal, undefined);
    bench.runUntil(bench.now + 5_200);
    assert.equal(bench.seen("x"), "suspect");
  });

  it("deregistering ends record and lease", () => {
    const bench = new NodeBench();
    bench.run(registration(2_000));
    bench.run({ kind: "deregister", ...AT, reason: 6 });
    assert.equal(bench.seen("x"), "removed 6");
    assert.equal(bench.node.leaseCount, 0);
  });

  it("what a session keeps needs no renewal", () => {
    const bench = new NodeBench();
    bench.openSession(1);
    bench.register(1, "x");
    assert.equal(bench.run({ kind: "renew", ...AT })?.refusal?.code, "failed_precondition");
  });
});

describe("an instance of another node (P1)", () => {
  it("while its owner lives the request is routed there, and its answer comes back", () => {
    const bench = benchWithOther();
    const effects = bench.step({ type: "command", commandId: 4, command: setState(1) });
    const [route] = routes(effects);
    assert.ok(route?.to === "b" && route.payload.kind === "command");
    const answer = { code: undefined, message: "", stamp: stampOf(3, 7), confirmedCount: 0 };
    const { commandId } = route.payload;
    const payload = { kind: "command-result", commandId, ...answer, unconfirmed: [] } as const;
    const reply = { type: "route", to: "a", from: "b", hops: 1, payload } as const;
    const results = () => bench.hear(1, reply).filter((effect) => effect.type === "command-result");
    const [result] = results();
    assert.ok(result?.commandId === 4 && result.result.refusal === undefined);
    assert.deepEqual(results(), [], "an answer counts once");
  });

  it("an owner that does not answer in time is said so", () => {
    const bench = benchWithOther();
    bench.step({ type: "command", commandId: 4, command: { kind: "renew", ...AT } });
    const alive = {
      type: "digest",
      entries: [],
      floors: [],
      hears: [],
      isReady: true,
      ended: [],
    } as const;
    bench.runUntil(5_100, () => bench.hear(1, { ...alive, repair: "none" }));
    const result = bench.effects.find((effect) => effect.type === "command-result");
    assert.equal(result?.result.refusal?.code, "deadline_exceeded");
  });

  it("an owner that cannot be reached is said so at once", () => {
    const bench = benchWithOther();
    bench.step({ type: "link-close", link: 1 });
    assert.equal(bench.run({ kind: "renew", ...AT })?.refusal?.code, "unavailable");
    assert.equal(bench.instance("x")?.origin.nodeId, "b");
  });

  it("what is routed here is done and answered, also when it is unknown", () => {
    const bench = benchWithOther();
    bench.run({ ...registration(2_000), id: "y" } as Command);
    const ask = (id: string) => {
      const command = { kind: "renew", ...AT, id } as const;
      const payload = { kind: "command", commandId: 9, command } as const;
      const [route] = routes(
        bench.hear(1, { type: "route", to: "a", from: "b", hops: 1, payload }),
      );
      assert.ok(route?.to === "b" && route.payload.kind === "command-result");
      return [route.payload.commandId, route.payload.code];
    };
    assert.deepEqual(ask("y"), [9, undefined]);
    assert.deepEqual(ask("nobody"), [9, "not_found"]);
  });
});

describe("an instance whose owner is gone", () => {
  it("a renewal takes it over, alive, on a lease of the long ttl", () => {
    const bench = benchWithOther();
    loseOther(bench);
    assert.equal(bench.run({ kind: "renew", ...AT })?.refusal, undefined);
    assert.deepEqual(bench.instance("x")?.stamp, stampOf(3, 8));
    assert.equal(bench.instance("x")?.origin.nodeId, "a");
    bench.runUntil(60_000);
    assert.equal(bench.seen("x"), "alive");
  });

  it("any other change takes it over too, and it still ends when nobody comes back (P4)", () => {
    for (const command of [
      setState(InstanceState.offline),
      { kind: "update", ...AT, body: new Uint8Array([9]) } as const,
    ]) {
      const bench = benchWithOther();
      loseOther(bench);
      assert.equal(bench.run(command)?.refusal, undefined);
      assert.equal(bench.instance("x")?.origin.nodeId, "a");
      assert.equal(bench.node.leaseCount, 1, `${command.kind} left it without a lease`);
      bench.runUntil(bench.now + 910_000);
      assert.equal(bench.seen("x"), "removed 6");
    }
  });

  it("a registration over one that was taken over has a lease of its own, whatever its ttl", () => {
    const bench = benchWithOther();
    loseOther(bench);
    bench.run(setState(InstanceState.offline));
    bench.runUntil(bench.now + 600_000);
    assert.equal(bench.run(registration(900_000))?.refusal, undefined);
    bench.runUntil(bench.now + 600_000);
    assert.equal(bench.seen("x"), "alive");
  });

  it("a claim beyond counting becomes that of a session, which still wins", () => {
    for (const kind of ["deregister", "update"] as const) {
      const bench = benchWithOther({ stamp: stampOf(3, 7, 65_535) });
      loseOther(bench);
      const result = bench.run({ kind, ...AT, reason: 6, body: BODY });
      assert.equal(result?.refusal, undefined);
      assert.deepEqual(bench.instance("x")?.stamp, stampOf(3, 8, 0));
    }
  });
});

describe("an operator's word", () => {
  it("stands beside the instance's own, the later one wins, and lifting is a tombstone", () => {
    const bench = new NodeBench();
    bench.run(registration(60_000));
    const say = (state: InstanceState | undefined) =>
      bench.run({ kind: "override", ...AT, state, body: BODY, description: {}, timeoutMs: 0 });
    const word = () =>
      [...bench.node.table.slots()]
        .map((slot) => bench.node.table.read(slot))
        .find((one) => one.kind === RecordKind.override);
    const first = say(InstanceState.offline)?.stamp?.incarnation ?? 0;
    assert.equal(word()?.state, InstanceState.offline);
    assert.equal(bench.seen("x"), "alive");
    assert.ok((say(undefined)?.stamp?.incarnation ?? 0) > first);
    assert.equal(word()?.state, InstanceState.removed);
  });

  it("about nobody is refused", () => {
    const command = { kind: "override", ...AT, state: 1, body: BODY, description: {} } as const;
    const result = new NodeBench().run({ ...command, timeoutMs: 0 });
    assert.equal(result?.refusal?.code, "not_found");
  });

  it("a drain without subscribers is over at once (P7)", () => {
    const bench = new NodeBench();
    bench.run(registration(60_000));
    const result = bench.run(setState(InstanceState.draining));
    assert.deepEqual([result?.confirmedCount, result?.unconfirmed], [0, []]);
  });

  it("a drain names the subscriber that did not confirm until its time was up (P7)", () => {
    const bench = new NodeBench();
    bench.run(registration(60_000));
    bench.openSession(1, "shop");
    const watch = { type: "watch", requestId: 1, service: "cart", position: [] } as const;
    bench.say(1, { ...watch, digest: EMPTY_DIGEST });
    assert.equal(bench.run(setState(InstanceState.draining)), undefined);
    bench.runUntil(1_100, () => bench.beat(1));
    const result = bench.effects.findLast((effect) => effect.type === "command-result");
    assert.deepEqual(result?.result.unconfirmed, ["a/shop"]);
  });
});
