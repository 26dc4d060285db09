import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EMPTY_DIGEST } from "../hash.js";
import { HLC_COUNTER_SPAN } from "../hlc.js";
import type { DeltaGroup, DigestMessage } from "../messages.js";
import { SeededRandom } from "../random.js";
import { originOf, recordFor, stampOf } from "../record.fixture.js";
import {
  INCARNATION_MAX,
  InstanceState,
  type Origin,
  RecordKind,
  type RegistryRecord,
  RemovalReason,
} from "../record.js";
import { NodeBench, notes, toSession } from "./node.fixture.js";

function nodeRecord(nodeId: string, generation = 1): RegistryRecord {
  return recordFor(nodeId, {
    ...{ kind: RecordKind.node, namespace: "", service: "" },
    origin: originOf(nodeId, generation),
    stamp: { incarnation: generation, session: 0, claim: 0 },
  });
}

/** A delta of one origin, whole from its beginning. */
function delta(origin: Origin, ...records: RegistryRecord[]): DeltaGroup {
  return { origin, from: 0, to: records.at(-1)?.version ?? 0, records };
}

function digest(change: Partial<DigestMessage> = {}): DigestMessage {
  const entries: DigestMessage["entries"] = [];
  const rest = { floors: [], hears: [], isReady: true, repair: "lagging", ended: [] } as const;
  return { type: "digest", entries, ...rest, ...change };
}

describe("a session", () => {
  it("is welcomed, registers, and is told its stamp", () => {
    const bench = new NodeBench();
    const [welcome, members] = toSession(bench.openSession(1), 1);
    assert.ok(welcome?.type === "welcome" && members?.type === "members");
    assert.deepEqual(
      [welcome.nodeId, welcome.generation, welcome.ttlMs, welcome.isReady],
      ["a", 5, 3_000, true],
    );
    assert.ok(welcome.firstIncarnation > 0);
    const [registered] = toSession(bench.register(1, "x", 1), 1);
    assert.ok(registered?.type === "registered");
    assert.deepEqual(registered.items[0]?.stamp, { incarnation: 1, session: 1, claim: 0 });
    assert.ok((registered.items[0]?.since ?? 0) > 0);
  });

  it("killed: suspect at once, gone after the grace, and not before (P4)", () => {
    const bench = new NodeBench();
    bench.openSession(1);
    bench.register(1, "x");
    bench.runUntil(1_000);
    bench.step({ type: "session-close", session: 1 });
    assert.equal(bench.seen("x"), "suspect");
    bench.runUntil(2_999);
    assert.equal(bench.seen("x"), "suspect");
    bench.runUntil(3_100);
    assert.equal(bench.seen("x"), "removed 3");
  });

  it("come back within the grace: alive, and the old lease takes nothing away", () => {
    const bench = new NodeBench();
    bench.openSession(1, "c", 1);
    bench.register(1, "x", 1);
    bench.step({ type: "session-close", session: 1 });
    bench.openSession(2, "c", 2);
    bench.register(2, "x", 1);
    assert.equal(bench.seen("x"), "alive");
    bench.runUntil(20_000, () => bench.beat(2));
    assert.equal(bench.seen("x"), "alive");
    assert.deepEqual(bench.instance("x")?.stamp, { incarnation: 1, session: 2, claim: 0 });
  });

  it("silent: suspect at the ttl, gone after the confirmation, then closed (P4)", () => {
    const bench = new NodeBench();
    bench.openSession(1);
    bench.register(1, "x");
    bench.runUntil(2_999);
    assert.equal(bench.seen("x"), "alive");
    bench.runUntil(3_100);
    assert.equal(bench.seen("x"), "suspect");
    bench.runUntil(7_999);
    assert.equal(bench.seen("x"), "suspect");
    bench.runUntil(8_200);
    assert.equal(bench.seen("x"), "removed 4");
    assert.ok(bench.effects.some((one) => one.type === "close-session" && one.session === 1));
    assert.equal(bench.node.sessionCount, 0);
  });

  it("heard again while suspect: alive again", () => {
    const bench = new NodeBench();
    bench.openSession(1);
    bench.register(1, "x");
    bench.runUntil(4_000);
    assert.equal(bench.seen("x"), "suspect");
    bench.beat(1);
    assert.equal(bench.seen("x"), "alive");
  });

  it("goodbye: all it holds is gone at once, with its reason", () => {
    const bench = new NodeBench();
    bench.openSession(1);
    bench.register(1, "x");
    bench.say(1, { type: "goodbye" });
    assert.equal(bench.seen("x"), "removed 1");
    assert.equal(bench.node.leaseCount, 0);
  });

  it("a second session of one client takes the first one's place", () => {
    const bench = new NodeBench();
    bench.openSession(1, "c", 1);
    const effects = bench.openSession(2, "c", 2);
    assert.ok(effects.some((one) => one.type === "close-session" && one.session === 1));
    const late = bench.openSession(3, "c", 1);
    assert.ok(late.some((one) => one.type === "close-session" && one.session === 3));
    assert.equal(bench.node.sessionCount, 1);
  });

  it("two processes of one id: the later one has it, the earlier one is told to stop", () => {
    const bench = new NodeBench();
    bench.openSession(1);
    bench.openSession(2);
    bench.register(1, "x");
    const first = bench.instance("x")?.stamp.incarnation ?? Number.NaN;
    const effects = bench.register(2, "x");
    const told = toSession(effects, 1).find((one) => one.type === "superseded");
    assert.deepEqual([told?.isAlive, told?.isUndecided], [true, false]);
    assert.ok((told?.stamp.incarnation ?? 0) > first);
    assert.equal(told?.since, bench.instance("x")?.since, "when the winner began");
    bench.step({ type: "session-close", session: 1 });
    bench.runUntil(20_000, () => bench.beat(2));
    assert.equal(bench.seen("x"), "alive", "the end of the earlier one harms nobody");
  });

  it("an incarnation beyond counting is refused, and the node goes on", () => {
    const bench = new NodeBench();
    bench.openSession(1);
    bench.openSession(2);
    bench.register(1, "x", INCARNATION_MAX);
    const [answer] = toSession(bench.register(2, "x"), 2);
    assert.ok(answer?.type === "registered");
    assert.equal(answer.items[0]?.code, "out_of_range");
    assert.equal(bench.seen("x"), "alive");
  });
});

describe("self-doubt (P6)", () => {
  it("a node that slept blames nobody for a window", () => {
    const bench = new NodeBench();
    bench.openSession(1);
    bench.register(1, "x");
    bench.runUntil(500);
    bench.now = 10_000 as typeof bench.now;
    assert.ok(notes(bench.step({ type: "tick" })).includes("node.stalled"));
    assert.equal(bench.seen("x"), "alive");
    bench.runUntil(12_900);
    assert.equal(bench.seen("x"), "alive");
    bench.beat(1);
    bench.runUntil(14_500);
    assert.equal(bench.seen("x"), "alive");
  });

  it("many silent at once: a share is suspect, then the next, and it says so", () => {
    const bench = new NodeBench();
    for (let session = 1; session <= 40; session += 1) {
      bench.openSession(session);
      bench.register(session, `x${session}`);
    }
    const suspects = () =>
      Array.from({ length: 40 }, (_, index) => bench.seen(`x${index + 1}`)).filter(
        (seen) => seen !== "alive",
      ).length;
    bench.runUntil(5_900);
    assert.equal(suspects(), 6, "15 % of 40");
    assert.equal(bench.node.doubtReason, "many-silent");
    bench.runUntil(60_000);
    assert.equal(suspects(), 40, "it goes on by itself");
    assert.ok(notes(bench.effects).includes("lease.expiry-resumed"));
  });
});

describe("peers", () => {
  it("while warming up watches wait and queries are refused; in sync it answers", () => {
    const bench = new NodeBench({ seeds: ["b:1"] });
    const [welcome] = toSession(bench.openSession(1), 1);
    assert.ok(welcome?.type === "welcome" && !welcome.isReady);
    const watch = { type: "watch", requestId: 7, service: "cart", position: [] } as const;
    assert.deepEqual(toSession(bench.say(1, { ...watch, digest: EMPTY_DIGEST }), 1), []);
    const query = { type: "query", requestId: 8, service: "cart" } as const;
    const [refused] = toSession(bench.say(1, query), 1);
    assert.ok(refused?.type === "refused" && refused.code === "unavailable");
    bench.link(1, "b");
    const b = originOf("b");
    const instance = recordFor("y", { origin: b, version: 2 });
    const entry = { origin: b, version: 2, watermark: 0, content: EMPTY_DIGEST };
    bench.hear(1, digest({ entries: [entry] }));
    assert.ok(!bench.node.isReady, "the digest names what is not here yet");
    const groups = [delta(b, nodeRecord("b"), instance)];
    const effects = bench.hear(1, { type: "delta", groups });
    assert.ok(bench.node.isReady);
    const snapshot = toSession(effects, 1).find((one) => one.type === "snapshot");
    assert.equal(snapshot?.requestId, 7);
    assert.deepEqual(
      snapshot.groups.flatMap((group) => group.records.map((one) => one.id)),
      ["y"],
    );
  });

  it("without any peer it waits one ttl and then serves", () => {
    const bench = new NodeBench({ seeds: ["b:1"] });
    bench.runUntil(2_999);
    assert.ok(!bench.node.isReady);
    bench.runUntil(3_000);
    assert.ok(bench.node.isReady);
  });

  it("another node's later record takes an instance: its session is told, its lease lets go", () => {
    const bench = new NodeBench();
    bench.openSession(1);
    bench.register(1, "x", 1, 7);
    bench.link(1, "b");
    const b = originOf("b");
    const winner = recordFor("x", { origin: b, version: 2, stamp: stampOf(2) });
    const groups = [delta(b, nodeRecord("b"), winner)];
    const effects = bench.hear(1, { type: "delta", groups });
    const told = toSession(effects, 1).find((one) => one.type === "superseded");
    assert.deepEqual([told?.isAlive, told?.stamp.incarnation], [true, 2]);
    bench.step({ type: "session-close", session: 1 });
    bench.runUntil(10_000, () => bench.hear(1, digest()));
    assert.equal(bench.seen("x"), "alive");
  });

  it("a clock that is ahead, heard in any record, is followed by what begins from then on", () => {
    const hour = 3_600_000 * HLC_COUNTER_SPAN;
    const b = originOf("b");
    const heard = (record: (ahead: number) => RegistryRecord) => {
      const bench = new NodeBench();
      const firstOf = (session: number) =>
        toSession(bench.openSession(session), session).find((one) => one.type === "welcome")
          ?.firstIncarnation ?? Number.NaN;
      const ahead = firstOf(1) + hour;
      bench.link(1, "b");
      bench.hear(1, { type: "delta", groups: [delta(b, nodeRecord("b"), record(ahead))] });
      return firstOf(2) > ahead;
    };
    const at = { origin: b, version: 2 };
    const canary = { kind: RecordKind.canary, namespace: "", service: "" };
    assert.ok(heard((ahead) => recordFor("x", { ...at, since: ahead })));
    assert.ok(heard((ahead) => recordFor("x", { ...at, stamp: stampOf(ahead) })));
    assert.ok(heard((since) => ({ ...recordFor("b", { ...at, since }), ...canary })));
  });

  it("word that comes once the node knows its peers is of a later process", () => {
    const bench = new NodeBench();
    bench.link(1, "b");
    bench.hear(1, digest());
    bench.openSession(1);
    bench.register(1, "x", 1);
    bench.runUntil(10_000, () => bench.hear(1, digest()) && bench.beat(1));
    const b = originOf("b");
    const winner = recordFor("x", { origin: b, version: 2, stamp: stampOf(2) });
    const effects = bench.hear(1, { type: "delta", groups: [delta(b, nodeRecord("b"), winner)] });
    const told = toSession(effects, 1).find((one) => one.type === "superseded");
    assert.equal(told?.isAlive, true);
  });

  // The first clock was an hour behind the one of the life before.
  it("one that registered before the node knew anything is told that it may come back (P6)", () => {
    const bench = new NodeBench({ seeds: ["b:1"] });
    bench.openSession(1);
    bench.register(1, "x", 1);
    bench.link(1, "b");
    const b = originOf("b");
    const older = recordFor("x", { origin: b, version: 2, stamp: stampOf(2 ** 52) });
    const effects = bench.hear(1, { type: "delta", groups: [delta(b, nodeRecord("b"), older)] });
    const told = toSession(effects, 1).find((one) => one.type === "superseded");
    assert.deepEqual([told?.isAlive, told?.isUndecided], [false, true]);
    bench.register(1, "x", 2 ** 52 + 1);
    assert.equal(bench.instance("x")?.origin.nodeId, "a");
  });

  // It claimed while the later one looked gone, or did not know that it was back.
  it("an earlier process is not given an id that a later one holds, however high it claims (S5)", () => {
    const bench = new NodeBench();
    bench.link(1, "b");
    const b = originOf("b");
    const later = recordFor("x", { origin: b, version: 2, stamp: stampOf(7), since: 7 });
    bench.hear(1, { type: "delta", groups: [delta(b, nodeRecord("b"), later)] });
    bench.openSession(1);
    const effects = bench.register(1, "x", 9, 6);
    const told = toSession(effects, 1).find((one) => one.type === "superseded");
    assert.deepEqual([told?.stamp, told?.isAlive, told?.since], [stampOf(7), true, 7]);
    assert.equal(bench.instance("x")?.origin.nodeId, "b");
    // Suspect now: it may have the id.
    const suspect = { ...later, version: 3, isSuspect: true };
    bench.hear(1, { type: "delta", groups: [{ ...delta(b, suspect), from: 2 }] });
    bench.register(1, "x", 9, 6);
    assert.equal(bench.instance("x")?.origin.nodeId, "a");
    // The later one comes back, here.
    bench.openSession(2);
    bench.register(2, "x", 10, 7);
    assert.equal(bench.instance("x")?.stamp.incarnation, 10);
    bench.register(1, "x", 11, 6);
    assert.equal(bench.instance("x")?.stamp.incarnation, 10);
  });

  it("a later record that is suspect: its process may come back, and the earlier one is told so", () => {
    const bench = new NodeBench();
    bench.openSession(1);
    bench.register(1, "x", 1, 7);
    bench.link(1, "b");
    const b = originOf("b");
    const told = (version: number, change: Partial<RegistryRecord>) => {
      const winner = recordFor("x", { origin: b, version, stamp: stampOf(version), ...change });
      const lead = version === 2 ? [nodeRecord("b")] : [];
      const group = { ...delta(b, ...lead, winner), from: version - 2 };
      const effects = bench.hear(1, { type: "delta", groups: [group] });
      const found = toSession(effects, 1).find((one) => one.type === "superseded");
      return [found?.isAlive, found?.isUndecided];
    };
    assert.deepEqual(told(2, { isSuspect: true }), [false, true]);
    bench.register(1, "x", 3, 7);
    const removed = { state: InstanceState.removed, reason: RemovalReason.silent };
    assert.deepEqual(told(4, removed), [false, false]);
  });

  // Both went above by one, and wrote different things under one origin and version.
  it("two lives that go above the same generation do not meet (R1)", () => {
    const strange = { origin: originOf("a", 9), version: 3, watermark: 0, content: EMPTY_DIGEST };
    const raised = [1, 2].map((seed) => {
      const bench = new NodeBench({ random: new SeededRandom(seed) });
      bench.link(1, "b");
      bench.hear(1, digest({ entries: [strange] }));
      return bench.node.generation;
    });
    assert.notEqual(raised[0], raised[1]);
  });

  it("a peer that holds writes of this life which it did not make: it begins a higher one", () => {
    const bench = new NodeBench();
    bench.openSession(1);
    bench.register(1, "x");
    bench.register(1, "gone");
    const deregister = { type: "deregister", requestId: 2, service: "cart", id: "gone" } as const;
    bench.say(1, { ...deregister, reason: RemovalReason.deregistered });
    const offline = { state: InstanceState.offline, description: {}, timeoutMs: 0 };
    const word = { kind: "override", namespace: "default", service: "cart", id: "x" } as const;
    bench.run({ ...word, ...offline, body: new Uint8Array([1]) });
    bench.link(1, "b");
    const strange = { origin: originOf("a", 9), version: 3, watermark: 0, content: EMPTY_DIGEST };
    const effects = bench.hear(1, digest({ entries: [strange] }));
    assert.ok(notes(effects).includes("node.generation-raised"));
    assert.ok(bench.node.generation > 9);
    assert.equal(bench.instance("x")?.origin.generation, bench.node.generation);
    const { table } = bench.node;
    const own = [...table.slots()].map((slot) => table.read(slot).origin);
    // What stayed behind, peers would hold otherwise or not at all (R11).
    assert.deepEqual(
      new Set(own.map((origin) => origin.generation)),
      new Set([bench.node.generation]),
    );
    assert.equal(bench.seen("x"), "alive");
    bench.runUntil(10_000, () => bench.beat(1));
    bench.step({ type: "session-close", session: 1 });
    bench.runUntil(12_500);
    assert.equal(bench.seen("x"), "removed 3", "it still hangs on its session");
  });
});

describe("shutdown", () => {
  it("asks everyone to move, suspects nobody, says goodbye and ends", () => {
    const bench = new NodeBench();
    bench.openSession(1);
    bench.register(1, "x");
    const effects = bench.step({ type: "shutdown" });
    assert.equal(toSession(effects, 1)[0]?.type, "move");
    bench.runUntil(1_000, () => bench.beat(1));
    bench.step({ type: "session-close", session: 1 });
    assert.equal(bench.seen("x"), "alive");
    bench.runUntil(1_100);
    assert.ok(bench.effects.some((one) => one.type === "left"));
    const table = bench.node.table;
    const goodbye = [...table.slots()].map((slot) => table.read(slot)).find((r) => r.id === "a");
    assert.equal(goodbye?.kind === RecordKind.node && goodbye.state, InstanceState.removed);
    assert.equal(bench.node.nextDeadline(), Number.POSITIVE_INFINITY);
  });

  it("does not wait for ever for those that do not move", () => {
    const bench = new NodeBench();
    bench.openSession(1);
    bench.step({ type: "shutdown" });
    bench.runUntil(15_000, () => bench.beat(1));
    assert.ok(bench.effects.some((one) => one.type === "left"));
  });
});
