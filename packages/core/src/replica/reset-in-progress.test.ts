/** What a reset has brought so far is not told on as if all before it were here. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { originOf, recordFor, tombstoneFor } from "../record.fixture.js";
import { after } from "../time.js";
import { Copies, type Copy, live, TOMBSTONE_TTL_MS, write } from "./peer-links.fixture.js";

test("news of an origin end at what was seen, while a reset brings what lies above (R3)", () => {
  const copies = new Copies();
  const [a, b, c] = [copies.add("a"), copies.add("b", "other"), copies.add("c")];
  copies.join(a, b);
  copies.join(a, c);
  copies.settle();
  const origin = b.replica.ownOrigin(0);
  for (const id of ["1", "2"]) write(copies, b, id);
  const link = a.links.toNode("b");
  assert.ok(link);
  const records = [recordFor("9", { origin, version: 9 })];
  const part = { origins: [], isFinal: false, entries: [], floors: [] };
  a.links.receiveReset(link, { type: "reset", ...part, groups: [{ origin, records }] }, copies.now);
  copies.log.length = 0;
  copies.push(b, [a]);
  copies.settle();
  copies.push(a);
  copies.round("now");
  const told = copies
    .deltas()
    .filter(({ from, to }) => from === "a" && to === "c")
    .flatMap(({ message }) => message.groups)
    .filter((group) => group.origin.nodeId === "b");
  assert.ok(told.length > 0);
  for (const group of told) {
    assert.equal(group.to, 2);
    assert.deepEqual(
      group.records.map(({ version }) => version),
      [1, 2],
    );
  }
});

test("a watermark never stands above what was seen (R7)", () => {
  const copies = new Copies();
  const [a, b] = [copies.add("a"), copies.add("b")];
  copies.join(a, b);
  copies.settle();
  const origin = originOf("far");
  const link = a.links.toNode("b");
  assert.ok(link);
  const part = { origins: [], isFinal: false, entries: [], floors: [] };
  const records = [tombstoneFor("1", { origin, version: 9 })];
  a.links.receiveReset(link, { type: "reset", ...part, groups: [{ origin, records }] }, copies.now);
  a.links.receiveDelta(
    link,
    { type: "delta", groups: [{ origin, from: 0, to: 2, records: [] }] },
    copies.now,
  );
  copies.now = after(copies.now, TOMBSTONE_TTL_MS);
  a.replica.collectTombstones(copies.now, 10);
  const told = () => a.replica.digest(true).find((entry) => entry.origin.nodeId === "far");
  assert.deepEqual([told()?.version, told()?.watermark], [2, 2]);
  // Once all below it was seen, what was forgotten counts.
  const rest = [{ origin, from: 2, to: 12, records: [] }];
  a.links.receiveDelta(link, { type: "delta", groups: rest }, copies.now);
  assert.deepEqual([told()?.version, told()?.watermark], [12, 9]);
});

// It stood above what anybody had seen of its origin, so that nobody else was ever given it.
for (const seen of [0, 2]) {
  test(`what a reset brought before its giver was lost comes to all; seen up to ${seen} (R11)`, () => {
    const copies = new Copies();
    const [a, b, c, d] = ["a", "b", "c", "d"].map((id) => copies.add(id)) as [
      Copy,
      Copy,
      Copy,
      Copy,
    ];
    copies.join(a, b);
    for (const other of [c, d]) copies.join(a, other);
    copies.settle();
    const origin = originOf("far");
    const link = a.links.toNode("b");
    assert.ok(link);
    if (seen > 0) {
      const groups = [{ origin, from: 0, to: seen, records: [] }];
      a.links.receiveDelta(link, { type: "delta", groups }, copies.now);
    }
    const records = [recordFor("9", { origin, version: 9 })];
    const part = { origins: [], isFinal: false, entries: [], floors: [] };
    a.links.receiveReset(
      link,
      { type: "reset", ...part, groups: [{ origin, records }] },
      copies.now,
    );
    copies.cut(a, b);
    for (let round = 0; round < 5; round += 1) copies.round();
    for (const copy of [a, c, d]) assert.deepEqual(live(copy), ["9"]);
    const told = [a, c, d].map(({ replica }) => replica.seenVersion(replica.indexOf(origin)));
    assert.deepEqual(told, [seen, seen, seen], "nothing between counts as seen");
  });
}
