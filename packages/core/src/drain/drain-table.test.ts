import assert from "node:assert/strict";
import { test } from "node:test";
import type { SessionKey } from "../node/events.js";
import { instant } from "../time.js";
import {
  DRAIN_ASK_INTERVAL_MS,
  type DrainOutcome,
  DrainTable,
  type DrainWitness,
} from "./drain-table.js";

const SLOT = 3;
const STAMP = { incarnation: 1, session: 1, claim: 1 };
const NOW = instant(0);
const DONE = { confirmedCount: 0, unconfirmed: [] };

/** A table and the nodes that it waits for. */
class Bench {
  witnesses: DrainWitness[] = [];
  strangers: string[] = [];
  readonly outcomes: DrainOutcome[] = [];
  readonly table = new DrainTable({
    witnesses: () => this.witnesses,
    strangers: () => this.strangers,
  });

  constructor(...nodeIds: string[]) {
    this.witnesses = nodeIds.map((nodeId) => ({ nodeId, generation: 1 }));
  }

  wait(timeoutMs = 1_000): this {
    const finish = (outcome: DrainOutcome) => this.outcomes.push(outcome);
    assert.ok(this.table.wait(SLOT, { stamp: STAMP, timeoutMs, finish }, NOW));
    return this;
  }

  report(nodeId: string, report: DrainOutcome, stamp = STAMP, generation = 1): void {
    this.table.report(SLOT, { nodeId, generation }, stamp, report);
  }

  /** Who is asked again at an instant. */
  asked(atMs: number): string[] {
    return this.table.takeQuestions(instant(atMs)).flatMap((question) => question.nodeIds);
  }
}

function told(...sessions: SessionKey[]): [SessionKey, string][] {
  return sessions.map((session) => [session, `n/c${session}`]);
}

test("a node reports when the last session it told has confirmed or ended", () => {
  const { table } = new Bench();
  const first = table.show(SLOT, { stamp: STAMP, version: 1 }, told(1, 2, 3));
  assert.deepEqual(first, { confirmedCount: 0, unconfirmed: ["n/c1", "n/c2", "n/c3"] });
  assert.equal(table.confirm(SLOT, 1, STAMP), undefined);
  assert.equal(table.confirm(SLOT, 1, STAMP), undefined, "one confirms once");
  assert.deepEqual(table.forget(2), []);
  assert.equal(table.confirm(SLOT, 3, { ...STAMP, claim: 0 }), undefined, "an earlier drain");
  assert.deepEqual(table.confirm(SLOT, 3, STAMP), { confirmedCount: 2, unconfirmed: [] });
});

test("a node that is asked says what it knows, and nothing of another drain", () => {
  const { table } = new Bench();
  table.show(SLOT, { stamp: STAMP, version: 1 }, told(1, 2));
  table.confirm(SLOT, 1, STAMP);
  assert.deepEqual(table.reportOn(SLOT, STAMP), { confirmedCount: 1, unconfirmed: ["n/c2"] });
  assert.equal(table.reportOn(SLOT, { ...STAMP, claim: 2 }), undefined);
  assert.equal(table.reportOn(SLOT + 1, STAMP), undefined);
});

test("the writer waits for every witness (P7)", () => {
  const bench = new Bench("a", "b").wait();
  bench.report("a", { confirmedCount: 2, unconfirmed: [] });
  bench.table.settle(NOW);
  assert.deepEqual(bench.outcomes, []);
  bench.report("b", DONE, { ...STAMP, claim: 0 });
  bench.table.settle(NOW);
  assert.deepEqual(bench.outcomes, [], "a report on an earlier drain counts for nothing");
  bench.report("b", { confirmedCount: 1, unconfirmed: [] });
  bench.table.settle(NOW);
  assert.deepEqual(bench.outcomes, [{ confirmedCount: 3, unconfirmed: [] }]);
});

test("what an earlier life of a node said does not count for the next one (P7)", () => {
  const bench = new Bench("a").wait();
  bench.report("a", DONE);
  bench.witnesses = [{ nodeId: "a", generation: 2 }];
  bench.table.settle(NOW);
  assert.deepEqual(bench.outcomes, []);
  assert.deepEqual(bench.asked(DRAIN_ASK_INTERVAL_MS), ["a"]);
  bench.report("a", DONE, STAMP, 2);
  bench.table.settle(NOW);
  assert.deepEqual(bench.outcomes, [DONE]);
});

test("who has not reported, or named somebody, is asked again until the end (P7)", () => {
  const bench = new Bench("a", "b", "c").wait(10 * DRAIN_ASK_INTERVAL_MS);
  bench.report("a", DONE);
  bench.report("b", { confirmedCount: 0, unconfirmed: ["b/client"] });
  assert.equal(bench.table.next(), DRAIN_ASK_INTERVAL_MS);
  assert.deepEqual(bench.asked(DRAIN_ASK_INTERVAL_MS - 1), []);
  assert.deepEqual(bench.asked(DRAIN_ASK_INTERVAL_MS), ["b", "c"]);
  assert.deepEqual(bench.asked(DRAIN_ASK_INTERVAL_MS), [], "once for each interval");
  assert.deepEqual(bench.asked(2 * DRAIN_ASK_INTERVAL_MS), ["b", "c"]);
  bench.table.settle(instant(10 * DRAIN_ASK_INTERVAL_MS));
  assert.deepEqual(bench.asked(11 * DRAIN_ASK_INTERVAL_MS), []);
});

test("who was never met is named (P7)", () => {
  const bench = new Bench("a").wait(500);
  bench.strangers = ["10.0.0.7:7100"];
  bench.report("a", DONE);
  bench.table.settle(instant(499));
  assert.deepEqual(bench.outcomes, []);
  bench.table.settle(instant(500));
  assert.deepEqual(bench.outcomes, [{ confirmedCount: 0, unconfirmed: ["10.0.0.7:7100"] }]);
});

test("at the end of its time a drain names who did not confirm", () => {
  const bench = new Bench("a", "b").wait(500);
  bench.report("a", { confirmedCount: 1, unconfirmed: ["a/client"] });
  bench.table.settle(instant(499));
  assert.deepEqual(bench.outcomes, []);
  bench.table.settle(instant(500));
  assert.deepEqual(bench.outcomes, [{ confirmedCount: 1, unconfirmed: ["a/client", "b"] }]);
});

// The first drain was once told that everyone had confirmed, because it ended without members.
test("a second drain of the record ends the first as unconfirmed", () => {
  const bench = new Bench("a", "b").wait().wait();
  assert.deepEqual(bench.outcomes, [{ confirmedCount: 0, unconfirmed: ["a", "b"] }]);
  assert.equal(bench.table.waitingCount, 1);
});

test("a record that changes while it drains tells who had not confirmed", () => {
  const bench = new Bench("a").wait();
  bench.table.abandon(SLOT, NOW);
  assert.deepEqual(bench.outcomes, [{ confirmedCount: 0, unconfirmed: ["a"] }]);
  assert.equal(bench.table.waitingCount, 0);
});

test("a node whose watchers all ended has nobody that may still pick it (P7)", () => {
  const { table } = new Bench();
  table.show(SLOT, { stamp: STAMP, version: 1 }, told(1, 2));
  assert.deepEqual(table.forget(1), []);
  assert.deepEqual(table.forget(2), [{ slot: SLOT, report: DONE }]);
  assert.deepEqual(table.forget(2), []);
});

test("one that stops watching another service still owes its word on this one", () => {
  const { table } = new Bench();
  table.show(SLOT, { stamp: STAMP, version: 1 }, told(1));
  assert.deepEqual(table.forget(1, [SLOT + 1]), []);
  assert.equal(table.forget(1, [SLOT]).length, 1);
});

test("the same record is shown once; a new drain of it is a new wait for everyone", () => {
  const { table } = new Bench();
  table.show(SLOT, { stamp: STAMP, version: 1 }, told(1));
  assert.equal(table.show(SLOT, { stamp: STAMP, version: 1 }, told(1, 2)), undefined);
  table.confirm(SLOT, 1, STAMP);
  const next = { stamp: { ...STAMP, claim: 2 }, version: 2 };
  assert.deepEqual(table.show(SLOT, next, told(1))?.unconfirmed, ["n/c1"]);
  assert.equal(table.confirm(SLOT, 1, STAMP), undefined, "word on the first is none on this");
  assert.ok(table.confirm(SLOT, 1, next.stamp));
});

test("a record that drains no more is waited for by nobody", () => {
  const { table } = new Bench();
  table.show(SLOT, { stamp: STAMP, version: 1 }, told(1));
  table.hide(SLOT);
  assert.ok(!table.isShown(SLOT));
  assert.equal(table.confirm(SLOT, 1, STAMP), undefined);
  assert.equal(table.localCount, 0);
});

test("names of those who did not confirm are bounded", () => {
  const bench = new Bench("a").wait();
  const unconfirmed = Array.from({ length: 300 }, (_, index) => `a/c${index}`);
  bench.report("a", { confirmedCount: 2, unconfirmed });
  bench.table.settle(instant(1_000));
  const [outcome] = bench.outcomes;
  assert.deepEqual([outcome?.confirmedCount, outcome?.unconfirmed.length], [2, 100]);
  assert.equal(bench.table.waitingCount, 0);
});
