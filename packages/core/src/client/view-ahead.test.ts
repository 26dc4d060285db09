import assert from "node:assert/strict";
import { test } from "node:test";
import { isSameDigest } from "../hash.js";
import type { MemberView } from "../messages.js";
import { InstanceState, type RegistryRecord, recordDigest } from "../record.js";
import { sumOf } from "./digest-sum.js";
import { ServiceView } from "./service-view.js";
import { decoder, origin, record } from "./view-records.fixture.js";

const NO_DIGEST = { high: 0, low: 0 };
const later = { incarnation: 1, session: 2, claim: 0 };

/** A view that holds a record of n1, and hears from n2 of "a" with a lower stamp, or of another. */
function viewOf(
  held: RegistryRecord,
  status: MemberView["status"],
  { generation = 1, answered = "a" } = {},
): ServiceView {
  const view = new ServiceView("default", "s", decoder);
  const n1 = { nodeId: "n1", generation, region: "", zone: "", address: "n1", tls: false };
  view.setMembers(new Map([["n1", { ...n1, status }]]));
  change(view, held);
  const low = record(answered, 1, { origin: origin("n2") });
  view.applySnapshot({
    ...{ type: "snapshot", requestId: 1, service: "s", kind: "full", isFinal: true },
    groups: [{ origin: low.origin, records: [low] }],
    position: [{ origin: low.origin, version: 1 }],
    digest: NO_DIGEST,
  });
  return view;
}

function change(view: ServiceView, one: RegistryRecord): void {
  const groups = [{ origin: one.origin, records: [one] }];
  view.applyChange({ type: "change", service: "s", groups, digest: NO_DIGEST });
}

test("what nodes have lost is told: what was removed, and what nobody is left to say (P6)", () => {
  const check = (held: RegistryRecord, status: MemberView["status"], isTold: boolean) => {
    const told = isTold ? [{ id: "a", stamp: later }] : [];
    assert.deepEqual(viewOf(held, status).lostStamps, told);
  };
  const removed = { state: InstanceState.removed };
  check(record("a", 3, { stamp: later }), "dead", true);
  check(record("a", 3, { stamp: later, ...removed }), "alive", true);
  check(record("a", 3, { stamp: later }), "alive", false);
  check(record("a", 3, { stamp: later }), "unreachable", false);
  const { lostStamps } = viewOf(record("a", 3, { stamp: later }), "alive", { generation: 0 });
  assert.equal(lostStamps.length, 1, "its node began again by a clock that had gone back");
  check(record("b", 3, { stamp: later }), "dead", false);
});

// Verified seldom by then, it was told minutes later: the program was hidden from this view so long.
test("a change says it as well, of what nobody is left to say again (P6)", () => {
  const heard = (held: RegistryRecord, status: MemberView["status"]) => {
    const view = viewOf(held, status, { answered: "b" });
    const low = record("a", 2, { origin: origin("n2") });
    change(view, low);
    const other = record("b", 1, { origin: origin("n2") });
    const isAgreed = isSameDigest(view.digest, sumOf(recordDigest(low), recordDigest(other), 1));
    return [view.lostStamps.map(({ id }) => id), isAgreed];
  };
  assert.deepEqual(heard(record("a", 3, { stamp: later }), "dead"), [["a"], true]);
  assert.deepEqual(heard(record("a", 3, { stamp: later }), "alive"), [[], false]);
});

test("it is told no more once the node's is above", () => {
  const view = viewOf(record("a", 3, { stamp: later }), "dead");
  change(view, record("a", 2, { origin: origin("n2"), stamp: { ...later, session: 3 } }));
  assert.deepEqual(view.lostStamps, []);
});
