import assert from "node:assert/strict";
import { test } from "node:test";
import { HLC_COUNTER_SPAN, RecordKind } from "@fpzk/core";
import { Beginnings } from "./beginnings.js";
import { forgedClient, forgedNode, forgedRecord, stampOf } from "./forged.fixture.js";

const HOUR = 3_600_000 * HLC_COUNTER_SPAN;

/** An earlier process that began an hour ahead, and later ones at nodes that heard of something. */
function newCase() {
  let now = 0;
  const beginnings = new Beginnings(() => now);
  const earlier = forgedClient("p1.1");
  beginnings.welcomed(forgedNode("us-1"), earlier, HOUR);
  beginnings.online(earlier, "us-1");
  return {
    excuseAfter: (record: Parameters<typeof forgedRecord>[2] | undefined, elapsedMs: number) => {
      const node = forgedNode("eu-1");
      if (record !== undefined) beginnings.stored(node, forgedRecord("us-1", 1, record));
      now += elapsedMs;
      const later = forgedClient("p1.2");
      beginnings.welcomed(node, later, 1);
      beginnings.online(later, node.id);
      return beginnings.excuseOf(later, earlier);
    },
  };
}

test("a node that heard of nothing, or of nothing as high, could not tell", () => {
  assert.match(newCase().excuseAfter(undefined, 0) ?? "", /p1.2 began at 1 .* p1.1 before it/);
  const low = { stamp: stampOf(1), since: HOUR / 2 };
  assert.notEqual(newCase().excuseAfter(low, 60_000), undefined);
});

test("a node that heard of the clock, in whatever way, could", () => {
  const { excuseAfter } = newCase();
  assert.equal(excuseAfter({ since: HOUR }, 0), undefined);
  assert.equal(excuseAfter({ stamp: stampOf(HOUR) }, 0), undefined);
  assert.equal(excuseAfter({ kind: RecordKind.canary, since: HOUR }, 0), undefined);
  const before = { kind: RecordKind.canary, since: HOUR - 1_000 * HLC_COUNTER_SPAN };
  assert.equal(excuseAfter(before, 2_000), undefined, "time has gone on since");
});

test("the earlier one has no excuse, nor who began by a clock that is right", () => {
  const beginnings = new Beginnings(() => 0);
  const [first, second] = [forgedClient("p1.1"), forgedClient("p1.2")];
  beginnings.welcomed(forgedNode("us-1"), first, 5);
  beginnings.online(first, "us-1");
  beginnings.welcomed(forgedNode("eu-1"), second, 6);
  beginnings.online(second, "eu-1");
  assert.equal(beginnings.excuseOf(second, first), undefined);
  assert.equal(beginnings.excuseOf(first, second), undefined);
  assert.ok(beginnings.orderOf(first) < beginnings.orderOf(second));
});

test("a process begins with the first welcome that it hears, when that was sent", () => {
  const beginnings = new Beginnings(() => 0);
  const [first, second] = [forgedClient("p1.1"), forgedClient("p1.2")];
  beginnings.welcomed(forgedNode("us-1"), first, 5);
  beginnings.welcomed(forgedNode("us-1"), second, 6);
  beginnings.online(second, "us-1");
  assert.equal(beginnings.orderOf(first), 0, "what it did not hear begins nothing");
  beginnings.welcomed(forgedNode("eu-1"), first, 7);
  beginnings.online(first, "eu-1");
  beginnings.welcomed(forgedNode("us-1"), second, 8);
  beginnings.online(second, "us-1");
  assert.ok(beginnings.orderOf(first) > beginnings.orderOf(second));
});
