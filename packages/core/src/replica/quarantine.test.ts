/** R17: what cannot be read is set aside with its origin's name, and harms nothing else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Hole, PeerMessage } from "../messages.js";
import { recordFor } from "../record.fixture.js";
import { after } from "../time.js";
import { Copies, type Copy, live, remove, TOMBSTONE_TTL_MS, write } from "./peer-links.fixture.js";
import { PROBE_DELAY_MAX_MS } from "./quarantine.js";

const ROUND_MS = 1_000;

/** Copies that are all linked with each other. */
function meshOf(...ids: string[]): { copies: Copies; all: Copy[] } {
  const copies = new Copies();
  const all = ids.map((id) => copies.add(id));
  for (const [index, one] of all.entries()) {
    for (const other of all.slice(index + 1)) copies.join(one, other);
  }
  copies.settle();
  return { copies, all };
}

/** Makes an instance's record unreadable on its way to some copies. */
function poison(copies: Copies, id: string, isHit: (from: string, to: string) => boolean): void {
  copies.tamper = (from, to, message) => (isHit(from, to) ? torn(message, id) : message);
}

function torn(message: PeerMessage, id: string): PeerMessage {
  if (message.type !== "delta" && message.type !== "reset") return message;
  const groups = message.groups.map((group) => {
    const bad = group.records.filter((record) => record.id === id);
    if (bad.length === 0) return group;
    const records = group.records.filter((record) => record.id !== id);
    const holes = bad.map(({ version }): Hole => {
      return { after: version - 1, upTo: version, reason: "id is no text" };
    });
    return { ...group, records, holes: [...(group.holes ?? []), ...holes] };
  });
  return { ...message, groups } as PeerMessage;
}

function round(copies: Copies): void {
  copies.now = after(copies.now, ROUND_MS);
  copies.round();
}

const shown = (copy: Copy) =>
  copy.replica.quarantine.list().map((entry) => `${entry.origin.nodeId} from ${entry.giver}`);

test("a record that nobody can read is passed over; all others, of that origin too, arrive", () => {
  const { copies, all } = meshOf("a", "b", "c");
  const [a, b, c] = all as [Copy, Copy, Copy];
  write(copies, a, "held");
  copies.push(a);
  copies.settle();
  poison(copies, "bad", () => true);
  for (const id of ["1", "bad", "2", "held"]) write(copies, a, id);
  write(copies, b, "3");
  for (const each of [a, b]) copies.push(each);
  copies.settle();
  for (const each of [b, c]) {
    assert.deepEqual(live(each), ["1", "2", "3", "held"]);
    assert.deepEqual(shown(each), ["a from a"]);
    assert.equal(each.counters.gaps, 0);
  }
  // More of it goes on arriving at once, by push.
  write(copies, a, "4");
  copies.push(a);
  copies.settle();
  assert.ok(live(c).includes("4"));
});

test("what was passed over is proved to nobody, neither by position nor by a reset", () => {
  const { copies, all } = meshOf("a", "b");
  const [a, b] = all as [Copy, Copy];
  poison(copies, "bad", (_, to) => to === "b");
  for (const id of ["1", "bad", "2"]) write(copies, a, id);
  copies.push(a);
  copies.settle();
  const [ofA] = b.replica.position().filter(({ origin }) => origin.nodeId === "a");
  assert.equal(ofA?.version, 1, "versions 2 and 3 are not proved");
  assert.equal(b.replica.digest(true).find(({ origin }) => origin.nodeId === "a")?.version, 1);
  // Told by b alone, c knows that something is missing.
  const c = copies.add("c");
  copies.cut(a, b);
  copies.join(b, c);
  copies.settle();
  assert.deepEqual(live(c), ["1", "2"]);
  assert.deepEqual(shown(c), ["a from b"]);
});

test("one peer that lies about another's origin is outvoted by the next round", () => {
  const { copies, all } = meshOf("a", "b", "liar");
  const [a, b] = all as [Copy, Copy, Copy];
  for (const id of ["1", "2"]) write(copies, a, id);
  // The liar is faster than the origin itself.
  const link = b.links.toNode("liar");
  assert.ok(link);
  const hole = { after: 0, upTo: 1, reason: "made up" };
  const good = recordFor("2", { origin: a.replica.ownOrigin(0), version: 2 });
  b.links.receiveDelta(
    link,
    {
      type: "delta",
      groups: [{ origin: good.origin, from: 0, to: 2, records: [good], holes: [hole] }],
    },
    copies.now,
  );
  assert.deepEqual(shown(b), ["a from liar"]);
  copies.push(a);
  copies.settle();
  for (let count = 0; count < 3; count += 1) round(copies);
  assert.deepEqual(live(b), ["1", "2"]);
  assert.deepEqual(shown(b), []);
  assert.equal(b.counters.poisonedRecords, 1);
});

test("what was said of a life that has ended, and was never written, is forgotten", () => {
  const { copies, all } = meshOf("a", "b", "liar");
  const [a, b] = all as [Copy, Copy, Copy];
  write(copies, a, "1");
  copies.push(a);
  copies.settle();
  const link = b.links.toNode("liar");
  assert.ok(link);
  const origin = a.replica.ownOrigin(0);
  const holes = [{ after: 1, upTo: 2, reason: "made up" }];
  const group = { origin, from: 1, to: 2, records: [], holes };
  b.links.receiveDelta(link, { type: "delta", groups: [group] }, copies.now);
  round(copies);
  assert.deepEqual(shown(b), ["a from liar"]);
  // A node that hears of writes of its life which it did not make begins another one.
  a.replica.raiseGeneration(2);
  write(copies, a, "1", { incarnation: 2 });
  copies.push(a);
  for (let count = 0; count < 2; count += 1) round(copies);
  assert.deepEqual(shown(b), []);
});

test("an origin that writes the key again is released, by itself", () => {
  const { copies, all } = meshOf("a", "b");
  const [a, b] = all as [Copy, Copy];
  poison(copies, "bad", () => true);
  write(copies, a, "bad");
  copies.push(a);
  copies.settle();
  assert.deepEqual(shown(b), ["a from a"]);
  copies.tamper = (_, __, message) => message;
  write(copies, a, "bad", { incarnation: 2 });
  copies.push(a);
  copies.settle();
  assert.deepEqual(live(b), ["bad"], "the newer version is here at once");
  for (let count = 0; count < 4; count += 1) round(copies);
  assert.deepEqual(shown(b), []);
});

test("a record that nobody can ever read is asked for ever more seldom", () => {
  const { copies, all } = meshOf("a", "b");
  const [a] = all as [Copy];
  poison(copies, "bad", () => true);
  for (const id of ["1", "bad", "2"]) write(copies, a, id);
  copies.push(a);
  copies.settle();
  copies.log.length = 0;
  const roundCount = 1_000;
  for (let count = 0; count < roundCount; count += 1) round(copies);
  const deltaCount = copies.deltas().length;
  assert.ok(deltaCount >= 5 && deltaCount <= 12, `${deltaCount} deltas in ${roundCount} rounds`);
  assert.equal(a.counters.resetsSent, 0);
  assert.equal(a.counters.divergences, 0);
  assert.ok(PROBE_DELAY_MAX_MS > 100 * ROUND_MS);
});

test("a reset of which something could not be read removes nothing", () => {
  const { copies, all } = meshOf("a", "b");
  const [a, b] = all as [Copy, Copy];
  for (const id of ["1", "gone", "moved"]) write(copies, a, id);
  copies.push(a);
  copies.settle();
  copies.cut(a, b);
  remove(copies, a, "gone");
  write(copies, a, "moved", { incarnation: 2 });
  write(copies, a, "new");
  copies.now = after(copies.now, TOMBSTONE_TTL_MS);
  a.replica.collectTombstones(copies.now, 100);
  poison(copies, "moved", () => true);
  copies.join(a, b);
  copies.settle();
  assert.ok(copies.log.some(({ message }) => message.type === "reset"));
  assert.deepEqual(live(b), ["1", "gone", "moved", "new"]);
  assert.deepEqual(b.collected, []);
  // Once it can be read, what is gone goes, and the origin is released.
  copies.tamper = (_, __, message) => message;
  for (let count = 0; count < 6; count += 1) round(copies);
  assert.deepEqual(live(b), ["1", "moved", "new"]);
  assert.deepEqual(shown(b), []);
});
