import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { EMPTY_DIGEST } from "../hash.js";
import { ACCUSATION_PER_SECOND_MAX } from "../limits.js";
import { originOf, recordFor, stampOf } from "../record.fixture.js";
import { InstanceState, RecordKind, Scope } from "../record.js";
import { instant } from "../time.js";
import { ACCUSATION_WINDOW_MS } from "./accusation-desk.js";
import type { Command, Effect } from "./events.js";
import { describeNode, GRANTS, NodeBench, notes } from "./node.fixture.js";

const AT = { namespace: "default", service: "cart" } as const;
const TTL_MS = 60_000;

function registration(id: string, ttlMs = TTL_MS): Command {
  return {
    ...{ kind: "register", ...AT, id, ttlMs, body: new Uint8Array([1]) },
    ...{ scope: Scope.global, state: InstanceState.up },
  };
}

function watch(bench: NodeBench, session: number): void {
  const asked = { requestId: 1, service: "cart", position: [], digest: EMPTY_DIGEST };
  bench.say(session, { type: "watch", ...asked });
}

/** A node with callers that watch, and the instance `x` with a lease by REST. */
function benchWithCallers(...callers: readonly number[]): NodeBench {
  const bench = new NodeBench();
  bench.run(registration("x"));
  for (const caller of callers) {
    bench.openSession(caller);
    watch(bench, caller);
  }
  return bench;
}

function accuse(bench: NodeBench, caller: number, id = "x", isRetraction = false): Effect[] {
  const incarnation = bench.instance(id)?.stamp.incarnation ?? 0;
  return bench.say(caller, { type: "accuse", service: "cart", id, incarnation, isRetraction });
}

describe("accusations of an instance with a lease by REST", () => {
  it("two accusers make it suspect at once; the next renewal lifts that", () => {
    const bench = benchWithCallers(1, 2);
    accuse(bench, 1);
    assert.equal(bench.seen("x"), "alive", "one never suffices");
    assert.ok(notes(accuse(bench, 2)).includes("instance.accused"));
    assert.equal(bench.seen("x"), "suspect");
    bench.run({ kind: "renew", ...AT, id: "x" });
    assert.equal(bench.seen("x"), "alive");
    accuse(bench, 1);
    assert.equal(bench.seen("x"), "alive", "what was said before the renewal is refuted");
    accuse(bench, 2);
    assert.equal(bench.seen("x"), "suspect");
    bench.run(registration("x"));
    assert.equal(bench.seen("x"), "alive", "a registration again is a renewal");
  });

  it("the node says why an instance is suspect: accused, silent, its connection closed", () => {
    const bench = benchWithCallers(1, 2, 3);
    const why = (id: string): unknown => {
      const { table } = bench.node;
      const slot = [...table.slots()].find((one) => table.read(one).id === id);
      return slot === undefined ? undefined : bench.node.suspicionOf(slot);
    };
    accuse(bench, 1);
    assert.equal(why("x"), undefined);
    accuse(bench, 2);
    accuse(bench, 3);
    assert.deepEqual(why("x"), { reason: "accused", accuserCount: 3 });
    bench.run({ kind: "renew", ...AT, id: "x" });
    assert.equal(why("x"), undefined);
    bench.register(3, "y", 1);
    assert.equal(why("y"), undefined);
    bench.step({ type: "session-close", session: 3 });
    assert.deepEqual(why("y"), { reason: "connection-closed" });
    bench.runUntil(bench.now + TTL_MS + 1, () => bench.beat(1, 2));
    assert.deepEqual(why("x"), { reason: "silent" });
  });

  it("one accuser does not suffice, however often, nor with another session", () => {
    const bench = benchWithCallers(1);
    for (let said = 0; said < 5; said += 1) accuse(bench, 1);
    bench.openSession(2, "c1", 2);
    watch(bench, 2);
    accuse(bench, 2);
    assert.equal(bench.seen("x"), "alive");
  });

  it("clients of one machine are one accuser", () => {
    const bench = benchWithCallers(1);
    for (const session of [2, 3]) {
      const client = { namespace: "default", grants: GRANTS, clientId: `c${session}` };
      const host = "10.0.0.7";
      bench.step({
        ...{ type: "session-open", session, kind: "native", sessionNumber: 1 },
        ...{ ...client, host },
      });
      watch(bench, session);
      accuse(bench, session);
      assert.equal(bench.seen("x"), "alive");
    }
    accuse(bench, 1);
    assert.equal(bench.seen("x"), "suspect");
  });

  it("two that do not coincide prove nothing", () => {
    const bench = benchWithCallers(1, 2);
    accuse(bench, 1);
    bench.runUntil(ACCUSATION_WINDOW_MS, () => bench.beat(1, 2));
    accuse(bench, 2);
    assert.equal(bench.seen("x"), "alive");
    accuse(bench, 1);
    assert.equal(bench.seen("x"), "suspect");
  });

  it("an accuser that takes it back clears it, alone of its own word", () => {
    const bench = benchWithCallers(1, 2, 3);
    accuse(bench, 1);
    accuse(bench, 2);
    accuse(bench, 3, "x", true);
    assert.equal(bench.seen("x"), "suspect", "who did not accuse takes nothing back");
    accuse(bench, 2, "x", true);
    assert.equal(bench.seen("x"), "alive");
    assert.equal(bench.node.counters.instancesCleared, 1);
  });

  it("nothing is removed earlier: the lease goes on as if nobody had said anything (P6)", () => {
    const removedAt = (isAccused: boolean) => {
      const bench = benchWithCallers(1, 2);
      const beat = () => {
        bench.beat(1, 2);
        if (!isAccused) return;
        accuse(bench, 1);
        accuse(bench, 2);
      };
      while (bench.instance("x")?.state !== InstanceState.removed) {
        bench.runUntil(bench.now + 500, beat);
      }
      return bench.now;
    };
    assert.equal(removedAt(true), removedAt(false));
  });

  it("once silent, it is suspect for that: nobody can take it back", () => {
    const bench = benchWithCallers(1, 2);
    accuse(bench, 1);
    accuse(bench, 2);
    bench.runUntil(TTL_MS - 10_000, () => bench.beat(1, 2));
    accuse(bench, 1);
    accuse(bench, 2);
    bench.runUntil(TTL_MS + 1_000, () => bench.beat(1, 2));
    accuse(bench, 1, "x", true);
    accuse(bench, 2, "x", true);
    assert.equal(bench.seen("x"), "suspect");
  });

  it("of an earlier life, of one that drains, and of none, nothing is heard", () => {
    const bench = benchWithCallers(1, 2);
    for (const caller of [1, 2]) {
      const said = { service: "cart", id: "x", incarnation: 1, isRetraction: false };
      bench.say(caller, { type: "accuse", ...said });
      accuse(bench, caller, "nobody");
    }
    assert.equal(bench.seen("x"), "alive");
    bench.run({
      ...{ kind: "set-state", ...AT, id: "x" },
      ...{ state: InstanceState.draining, timeoutMs: 0 },
    });
    accuse(bench, 1);
    accuse(bench, 2);
    assert.equal(bench.seen("x"), "alive");
    assert.equal(bench.node.counters.accusationsMoot, 6);
  });
});

describe("who is not believed", () => {
  it("accusers of an instance whose own session is heard (P6)", () => {
    const bench = benchWithCallers(1, 2, 3);
    bench.openSession(9);
    bench.register(9, "living");
    for (const caller of [1, 2, 3]) accuse(bench, caller, "living");
    assert.equal(bench.seen("living"), "alive");
    assert.equal(bench.node.counters.accusationsRefuted, 3);
  });

  it("a session that may not read, or does not watch the service", () => {
    const bench = benchWithCallers(1);
    bench.openSession(2);
    accuse(bench, 2);
    const grants = { ...GRANTS, mayRead: false };
    const client = { namespace: "default", clientId: "c3", sessionNumber: 1 };
    bench.step({ type: "session-open", session: 3, kind: "native", grants, ...client });
    accuse(bench, 3);
    accuse(bench, 1);
    assert.equal(bench.seen("x"), "alive");
    assert.equal(bench.node.counters.accusationsRefused, 2);
  });

  it("a session that accuses a large share of a service: the fault is rather its own", () => {
    const bench = benchWithCallers(1, 2);
    for (let index = 0; index < 20; index += 1) bench.run(registration(`i${index}`));
    for (let index = 0; index < 10; index += 1) {
      accuse(bench, 1, `i${index}`);
      accuse(bench, 2, `i${index}`);
    }
    const suspects = Array.from({ length: 20 }, (_, index) => bench.seen(`i${index}`)).filter(
      (seen) => seen === "suspect",
    );
    assert.equal(suspects.length, 3, "15 % of 21");
    assert.equal(bench.node.counters.accusationsDoubted, 14);
  });

  it("many accusers that each accuse few: no more than a share is suspect in a window", () => {
    const callers = Array.from({ length: 20 }, (_, index) => index + 1);
    const bench = benchWithCallers(...callers);
    for (let index = 0; index < 20; index += 1) bench.run(registration(`i${index}`));
    for (const caller of callers) {
      accuse(bench, caller, `i${caller - 1}`);
      accuse(bench, caller, `i${caller % 20}`);
    }
    const suspects = callers.filter((caller) => bench.seen(`i${caller - 1}`) === "suspect");
    // 41 leases: 21 by REST, 20 of sessions.
    assert.equal(suspects.length, Math.ceil(41 * 0.15));
  });

  it("a session that says too much (P10)", () => {
    const bench = benchWithCallers(1);
    for (let said = 0; said < 10 * ACCUSATION_PER_SECOND_MAX; said += 1) accuse(bench, 1);
    const { accusationsTaken, accusationsRefused } = bench.node.counters;
    assert.equal(accusationsTaken, ACCUSATION_PER_SECOND_MAX);
    assert.equal(accusationsRefused, 9 * ACCUSATION_PER_SECOND_MAX);
  });

  it("whatever one accuser says, in whatever order, harms nobody (property)", () => {
    const word = fc.record({ id: fc.constantFrom("x", "y", "z"), isRetraction: fc.boolean() });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat({ max: 3_000 }), word), { maxLength: 30 }), (words) => {
        const bench = benchWithCallers(1);
        for (const id of ["y", "z"]) bench.run(registration(id));
        let renewAt = 10_000;
        for (const [waitMs, { id, isRetraction }] of words) {
          bench.now = instant(bench.now + waitMs);
          bench.beat(1);
          accuse(bench, 1, id, isRetraction);
          if (bench.now < renewAt) continue;
          renewAt = bench.now + 10_000;
          for (const each of ["x", "y", "z"]) bench.run({ kind: "renew", ...AT, id: each });
        }
        for (const id of ["x", "y", "z"]) assert.equal(bench.seen(id), "alive");
      }),
      { numRuns: 50 },
    );
  });
});

/** A node that knows `b` and an instance `x` of it, and has two callers. */
function benchWithOther(knowsAccusations: boolean): NodeBench {
  const bench = new NodeBench({
    description: { ...describeNode("r", "a"), knowsAccusations: true },
    decodeNodeDescription: (body) => ({
      ...describeNode("r", `node${body[0] ?? 0}`),
      knowsAccusations,
    }),
  });
  bench.link(1, "b");
  const origin = originOf("b");
  const node = { kind: RecordKind.node, namespace: "", service: "", origin, stamp: stampOf(1, 0) };
  const records = [
    recordFor("b", node),
    recordFor("x", { origin, version: 2, stamp: stampOf(3, 7) }),
  ];
  bench.hear(1, { type: "delta", groups: [{ origin, from: 0, to: 2, records }] });
  bench.step({ type: "tick" });
  for (const caller of [1, 2]) {
    bench.openSession(caller);
    watch(bench, caller);
  }
  return bench;
}

function commands(effects: readonly Effect[]): unknown[] {
  return effects.flatMap((effect) => {
    if (effect.type !== "send-links" || effect.message.type !== "route") return [];
    const { to, payload } = effect.message;
    return payload.kind === "command" ? [{ to, ...payload.command }] : [];
  });
}

describe("an instance of another node", () => {
  it("the owner is told, with the name of the accuser, and answers nothing", () => {
    const bench = benchWithOther(true);
    assert.deepEqual(commands(accuse(bench, 1)), [
      {
        ...{ to: "b", kind: "accuse", ...AT, id: "x" },
        ...{ incarnation: 3, isRetraction: false, accuser: "c1" },
      },
    ]);
    assert.equal(bench.seen("x"), "alive");
    const taken = benchWithCallers();
    taken.link(1, "b");
    const incarnation = taken.instance("x")?.stamp.incarnation ?? 0;
    for (const accuser of ["c1", "c2"]) {
      const command = { kind: "accuse", ...AT, id: "x", incarnation, accuser } as const;
      const said = { ...command, isRetraction: false };
      const payload = { kind: "command", commandId: 0, command: said } as const;
      const effects = taken.hear(1, { type: "route", to: "a", from: "b", hops: 1, payload });
      assert.equal(
        effects.some((effect) => effect.type === "send-links" && effect.message.type === "route"),
        false,
      );
    }
    assert.equal(taken.seen("x"), "suspect");
  });

  it("a node of an earlier version is told nothing: it would end the link", () => {
    const bench = benchWithOther(false);
    assert.deepEqual(commands(accuse(bench, 1)), []);
    assert.equal(bench.node.counters.accusationsUnroutable, 1);
  });

  it("whose owner is gone is adopted at once, and comes back with its next session", () => {
    const bench = benchWithOther(true);
    bench.step({ type: "link-close", link: 1 });
    const failed = { type: "dial-failed", address: "node1", cause: "refused", detail: "" } as const;
    const meanwhile = () => {
      bench.step(failed);
      bench.beat(1, 2);
    };
    bench.runUntil(bench.now + 2_000, meanwhile);
    accuse(bench, 1);
    assert.equal(bench.seen("x"), "alive");
    accuse(bench, 2);
    assert.equal(bench.seen("x"), "suspect");
    assert.equal(bench.instance("x")?.origin.nodeId, "a");
    bench.openSession(9, "own", 8);
    bench.register(9, "x", 3, 1);
    assert.equal(bench.seen("x"), "alive");
  });
});
