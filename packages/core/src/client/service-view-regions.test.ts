import assert from "node:assert/strict";
import { test } from "node:test";
import { EMPTY_DIGEST, isSameDigest } from "../hash.js";
import { VIEW_REGION_COUNT_MAX } from "../limits.js";
import type { MemberView, SnapshotMessage } from "../messages.js";
import {
  InstanceState,
  type RegistryRecord,
  RemovalReason,
  recordDigest,
  Scope,
} from "../record.js";
import { ServiceView, type ViewUpdate } from "./service-view.js";
import { decoder, origin, record } from "./view-records.fixture.js";

const LATER = { incarnation: 9, session: 1, claim: 0 };

/** A region's own record; a region's only node is named like it. */
function own(region: string, id: string, version = 1, change: Partial<RegistryRecord> = {}) {
  return record(id, version, { origin: origin(region, Scope.region), ...change });
}

function part(region: string, records: readonly RegistryRecord[]): SnapshotMessage {
  const groups = records.map((one) => ({ origin: one.origin, records: [one] }));
  const last = Math.max(0, ...records.map(({ version }) => version));
  const position = [
    { origin: origin(region, Scope.region), version: last },
    { origin: origin("n1"), version: 10 },
  ];
  const head = { type: "snapshot", requestId: 1, service: "s", kind: "full" } as const;
  return { ...head, groups, isFinal: true, position, digest: EMPTY_DIGEST };
}

/** A session in a region, and the complete answer of its node. */
function visit(view: ServiceView, region: string, ...records: RegistryRecord[]): string[] {
  view.enterRegion(region);
  view.beginWatch();
  return told(view.applySnapshot(part(region, records)));
}

function change(view: ServiceView, ...records: RegistryRecord[]): string[] {
  const groups = records.map((one) => ({ origin: one.origin, records: [one] }));
  const digest = EMPTY_DIGEST;
  return told(view.applyChange({ type: "change", service: "s", groups, digest }));
}

function told({ changes }: ViewUpdate): string[] {
  return changes.map((one) => {
    const why = one.type === "removed" ? ` ${one.reason}` : "";
    return `${one.type} ${one.instance.id}${why}`;
  });
}

function ids(view: ServiceView): string {
  return view.instances.map((instance) => instance.id).join(" ");
}

function newView(): ServiceView {
  return new ServiceView("default", "s", decoder);
}

function member(nodeId: string): MemberView {
  const status = "alive" as const;
  return { nodeId, generation: 1, region: nodeId, zone: "", address: nodeId, tls: false, status };
}

test("P7 a region's own instances are shown by those who are in it, and by no others", () => {
  const view = newView();
  const everyones = record("x", 3);
  visit(view, "us", everyones, own("us", "a"));
  assert.equal(ids(view), "a x");
  view.enterRegion("eu");
  view.beginWatch();
  assert.equal(ids(view), "a x", "until the other region has answered completely");
  assert.deepEqual(visit(view, "eu", everyones, own("eu", "b")), [
    "removed a elsewhere",
    "added b",
  ]);
  assert.equal(ids(view), "b x");
  assert.equal(view.region, "eu");
  assert.deepEqual(visit(view, "us", everyones, own("us", "a")).sort(), [
    "added a",
    "removed b elsewhere",
  ]);
  assert.equal(ids(view), "a x");
});

test("an answer that nothing has changed shows the other region's own all the same", () => {
  const view = newView();
  visit(view, "us", own("us", "a"));
  view.enterRegion("eu");
  view.beginWatch();
  const unchanged = { ...part("eu", []), kind: "unchanged" } as const;
  assert.deepEqual(told(view.applySnapshot(unchanged)), ["removed a elsewhere"]);
});

// A view kept one region's tombstone of a key, and never again showed the other region's record.
test("what is removed in one region says nothing of the same name in another", () => {
  const view = newView();
  visit(view, "us", own("us", "a"));
  visit(view, "eu", own("eu", "a", 1, { stamp: LATER }));
  const gone = { state: InstanceState.removed, reason: RemovalReason.deregistered, stamp: LATER };
  assert.deepEqual(change(view, own("eu", "a", 2, gone)), ["removed a 1"]);
  assert.deepEqual(visit(view, "us", own("us", "a")), ["added a"]);
  assert.deepEqual(visit(view, "eu"), ["removed a elsewhere"]);
  assert.deepEqual(change(view, own("eu", "a", 1, { stamp: LATER })), [], "it stays removed (P5)");
});

test("the digest is that of what is shown, and positions of both regions are kept", () => {
  const view = newView();
  const [us, eu] = [own("us", "a"), own("eu", "b")];
  visit(view, "us", us);
  assert.ok(isSameDigest(view.digest, recordDigest(us)));
  visit(view, "eu", eu);
  assert.ok(isSameDigest(view.digest, recordDigest(eu)));
  assert.ok(isSameDigest(view.heldDigest, recordDigest(eu)));
  assert.deepEqual(
    view.position.map((each) => each.origin.nodeId),
    ["eu", "n1", "us"],
  );
  assert.deepEqual(
    view.recordsOf("a").map((each) => each.id),
    [],
  );
});

test("a full answer in one region takes nothing from what another one's own is", () => {
  const view = newView();
  visit(view, "us", own("us", "a", 5));
  visit(view, "eu");
  assert.deepEqual(visit(view, "us", own("us", "a", 5)), ["added a"]);
});

test("what drains in the region that is entered is confirmed, and not what drained elsewhere", () => {
  const view = newView();
  visit(view, "us", own("us", "a", 1, { state: InstanceState.draining }));
  visit(view, "eu", own("eu", "b", 1, { state: InstanceState.draining }));
  assert.deepEqual(
    view.drainingRecords().map(({ id }) => id),
    ["b"],
  );
});

test("of too many regions, what was left first is forgotten", () => {
  const view = newView();
  visit(view, "r0", own("r0", "a"));
  for (let region = 1; region <= VIEW_REGION_COUNT_MAX; region += 1) visit(view, `r${region}`);
  assert.ok(view.position.every((each) => each.origin.nodeId !== "r0"));
  assert.deepEqual(visit(view, "r0", own("r0", "a")), ["added a"]);
});

test("a view saved without a region's name has what was shown; owners tell what is elsewhere", () => {
  const first = newView();
  visit(first, "us", own("us", "a"), record("x", 3));
  visit(first, "eu", own("eu", "b"), record("x", 3));
  const saved = { ...first.save(), region: "" };
  const second = newView();
  second.restore(saved);
  assert.equal(ids(second), "b x", "all that there is, until a server answers (P8)");
  second.setMembers(new Map(["us", "eu", "n1"].map((nodeId) => [nodeId, member(nodeId)])));
  assert.deepEqual(visit(second, "us", own("us", "a"), record("x", 3)), [
    "added a",
    "removed b elsewhere",
  ]);
  assert.deepEqual(
    visit(second, "eu", own("eu", "b"), record("x", 3)),
    ["removed a elsewhere", "added b"],
    "where it is the region's own it is no old news",
  );
  const third = newView();
  third.restore(saved);
  assert.deepEqual(visit(third, "eu", own("eu", "b"), record("x", 3)), []);
});

// It took the saved ones for the first region's, and lost them in the second, whose they were.
test("P4 a view saved without a name keeps its own when another region did not answer", () => {
  const first = newView();
  visit(first, "eu", own("eu", "b"));
  const view = newView();
  view.restore({ ...first.save(), region: "" });
  view.enterRegion("us");
  view.setMembers(new Map(["us", "eu", "n1"].map((nodeId) => [nodeId, member(nodeId)])));
  view.beginWatch();
  assert.deepEqual(change(view, own("us", "a")), ["added a"]);
  view.enterRegion("eu");
  view.beginWatch();
  const position = view.position.filter(({ origin: { nodeId } }) => nodeId !== "us");
  const unchanged = { ...part("eu", []), kind: "unchanged", position } as const;
  assert.deepEqual(told(view.applySnapshot(unchanged)), ["removed a elsewhere"]);
  assert.equal(ids(view), "b");
});

// The other region's node did not know the owners: what was saved was taken for that region's own,
// and dropped on coming home.
for (const isInSession of [false, true]) {
  const when = isInSession ? "in a session elsewhere" : "before any session";
  test(`P4 a view restored ${when} keeps its region's own for coming home`, () => {
    const first = newView();
    visit(first, "eu", own("eu", "b", 5));
    const saved = first.save();
    assert.equal(saved.region, "eu");
    const view = newView();
    if (isInSession) view.enterRegion("us");
    view.restore(saved);
    assert.equal(ids(view), "b", "all that there is, until a server answers (P8)");
    assert.deepEqual(view.save(), saved, "saved again before any server has answered");
    assert.deepEqual(visit(view, "us", own("us", "b", 1, { stamp: LATER })), ["updated b"]);
    view.enterRegion("eu");
    view.beginWatch();
    const unchanged = { ...part("eu", []), kind: "unchanged", position: saved.position } as const;
    view.applySnapshot(unchanged);
    assert.deepEqual(
      view.recordsOf("b").map(({ version }) => version),
      [5],
    );
    assert.ok(isSameDigest(view.digest, saved.digest));
  });
}
