import assert from "node:assert/strict";
import { test } from "node:test";
import { NodeStatus } from "../instance.js";
import type { Member } from "../membership/membership.js";
import { instant } from "../time.js";
import { type DrainOutcome, DrainTable } from "./drain-table.js";

const SLOT = 3;
const STAMP = { incarnation: 1, session: 1, claim: 1 };
const NOW = instant(0);

function member(nodeId: string, status: NodeStatus = NodeStatus.alive): Member {
  const description = { region: "r", zone: "", address: nodeId, peerAddress: nodeId, tls: false };
  return {
    ...{ nodeId, generation: 1, description, status },
    ...{ since: NOW, freshAt: NOW, refusedAt: undefined },
  };
}

function waitFor(drains: DrainTable, members: readonly Member[], timeoutMs = 1_000) {
  const outcomes: DrainOutcome[] = [];
  const finish = (outcome: DrainOutcome) => outcomes.push(outcome);
  assert.ok(drains.wait(SLOT, { stamp: STAMP, timeoutMs, finish, members }, NOW));
  return outcomes;
}

test("a node reports when the last session it told has confirmed or ended", () => {
  const drains = new DrainTable(() => true);
  assert.deepEqual(drains.show(SLOT, { stamp: STAMP, version: 1 }, [1, 2, 3]), new Set([1, 2, 3]));
  assert.equal(drains.confirm(SLOT, 1, STAMP), undefined);
  assert.equal(drains.confirm(SLOT, 1, STAMP), undefined, "one confirms once");
  assert.deepEqual(drains.forget(2), []);
  assert.equal(drains.confirm(SLOT, 3, { ...STAMP, claim: 0 }), undefined, "an earlier drain");
  assert.deepEqual(drains.confirm(SLOT, 3, STAMP), { confirmedCount: 2, unconfirmed: [] });
});

test("the writer waits for every node that is not gone (P7)", () => {
  const drains = new DrainTable(() => true);
  const members = [
    member("a"),
    member("b", NodeStatus.unreachable),
    member("c", NodeStatus.suspect),
    member("d", NodeStatus.dead),
    member("e", NodeStatus.left),
  ];
  const outcomes = waitFor(drains, members);
  drains.report(SLOT, "a", STAMP, { confirmedCount: 2, unconfirmed: [] });
  drains.report(SLOT, "b", STAMP, { confirmedCount: 1, unconfirmed: [] });
  drains.settle(members, NOW);
  assert.deepEqual(outcomes, []);
  drains.report(SLOT, "c", { ...STAMP, claim: 0 }, { confirmedCount: 0, unconfirmed: [] });
  drains.settle(members, NOW);
  assert.deepEqual(outcomes, [], "a report on an earlier drain counts for nothing");
  drains.report(SLOT, "c", STAMP, { confirmedCount: 0, unconfirmed: [] });
  drains.settle(members, NOW);
  assert.deepEqual(outcomes, [{ confirmedCount: 3, unconfirmed: [] }]);
});

test("at the end of its time a drain names who did not confirm", () => {
  const drains = new DrainTable(() => true);
  const members = [member("a"), member("b")];
  const outcomes = waitFor(drains, members, 500);
  drains.report(SLOT, "a", STAMP, { confirmedCount: 1, unconfirmed: ["a/client"] });
  drains.settle(members, instant(499));
  assert.deepEqual(outcomes, []);
  assert.equal(drains.next(), 500);
  drains.settle(members, instant(500));
  assert.deepEqual(outcomes, [{ confirmedCount: 1, unconfirmed: ["a/client", "b"] }]);
});

// The first drain was once told that everyone had confirmed, because it ended without members.
test("a second drain of the record ends the first as unconfirmed", () => {
  const drains = new DrainTable(() => true);
  const members = [member("a"), member("b")];
  const first = waitFor(drains, members);
  const second = waitFor(drains, members);
  assert.deepEqual(first, [{ confirmedCount: 0, unconfirmed: ["a", "b"] }]);
  assert.deepEqual(second, []);
});

test("a record that changes while it drains tells who had not confirmed", () => {
  const drains = new DrainTable(() => true);
  const members = [member("a")];
  const outcomes = waitFor(drains, members);
  drains.abandon(SLOT, members);
  assert.deepEqual(outcomes, [{ confirmedCount: 0, unconfirmed: ["a"] }]);
  assert.equal(drains.waitingCount, 0);
});

test("a node whose watchers all ended has nobody that may still pick it (P7)", () => {
  const drains = new DrainTable(() => true);
  drains.show(SLOT, { stamp: STAMP, version: 1 }, [1, 2]);
  assert.deepEqual(drains.forget(1), []);
  const done = [{ slot: SLOT, report: { confirmedCount: 0, unconfirmed: [] } }];
  assert.deepEqual(drains.forget(2), done);
  assert.deepEqual(drains.forget(2), []);
});

test("one that stops watching another service still owes its word on this one", () => {
  const drains = new DrainTable(() => true);
  drains.show(SLOT, { stamp: STAMP, version: 1 }, [1]);
  assert.deepEqual(drains.forget(1, [SLOT + 1]), []);
  assert.equal(drains.forget(1, [SLOT]).length, 1);
});

test("the same record is shown once; a new drain of it is a new wait for everyone", () => {
  const drains = new DrainTable(() => true);
  drains.show(SLOT, { stamp: STAMP, version: 1 }, [1]);
  assert.equal(drains.show(SLOT, { stamp: STAMP, version: 1 }, [1, 2]), undefined);
  drains.confirm(SLOT, 1, STAMP);
  const next = { stamp: { ...STAMP, claim: 2 }, version: 2 };
  assert.deepEqual(drains.show(SLOT, next, [1]), new Set([1]));
  assert.equal(drains.confirm(SLOT, 1, STAMP), undefined, "word on the first is none on this");
  assert.ok(drains.confirm(SLOT, 1, next.stamp));
});

test("a record that drains no more is waited for by nobody", () => {
  const drains = new DrainTable(() => true);
  drains.show(SLOT, { stamp: STAMP, version: 1 }, [1]);
  drains.hide(SLOT);
  assert.ok(!drains.isShown(SLOT));
  assert.equal(drains.confirm(SLOT, 1, STAMP), undefined);
  assert.equal(drains.localCount, 0);
});

test("names of those who did not confirm are bounded, and a report of another drain is none", () => {
  const drains = new DrainTable(() => true);
  const members = [member("a")];
  const outcomes = waitFor(drains, members);
  assert.equal(drains.next(), 1_000);
  drains.report(SLOT, "a", { ...STAMP, claim: 9 }, { confirmedCount: 5, unconfirmed: [] });
  drains.settle(members, NOW);
  assert.equal(outcomes.length, 0);
  const unconfirmed = Array.from({ length: 300 }, (_, index) => `a/c${index}`);
  drains.report(SLOT, "a", STAMP, { confirmedCount: 2, unconfirmed });
  drains.settle(members, instant(1_000));
  assert.deepEqual([outcomes[0]?.confirmedCount, outcomes[0]?.unconfirmed.length], [2, 100]);
  assert.equal(drains.waitingCount, 0);
});
