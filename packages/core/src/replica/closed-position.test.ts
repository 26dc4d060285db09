import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BODY_MAX_BYTES, DELTA_MAX_BYTES } from "../limits.js";
import { recordFor } from "../record.fixture.js";
import { compareRecords, originText, type RegistryRecord } from "../record.js";
import { NO_SLOT } from "../table/record-table.js";
import { after } from "../time.js";
import { REPLACEMENT_WAIT_MS } from "./closed-position.js";
import { Copies, type Copy, remove, TOMBSTONE_TTL_MS, write } from "./peer-links.fixture.js";

const IDS = ["i", "j", "k"];

/** Writes an id anew at a copy, above all before: its program has moved there. */
function move(copies: Copies, copy: Copy, id: string): void {
  write(copies, copy, id, { incarnation: copies.nextIncarnation() });
}

/** Writes as much as is one part. */
function fill(copies: Copies, copy: Copy): void {
  const incarnation = copies.nextIncarnation();
  const count = DELTA_MAX_BYTES / BODY_MAX_BYTES;
  for (let n = 0; n < count; n += 1) {
    write(copies, copy, `${copy.id}-filler${n}`, { incarnation, bytes: BODY_MAX_BYTES });
  }
}

function held(copy: Copy, id: string): RegistryRecord | undefined {
  const slot = copy.replica.find(recordFor(id));
  return slot === NO_SLOT ? undefined : copy.replica.table.read(slot);
}

/** What a copy's position covers although it was neither removed nor is anything later here. */
function unproven(copy: Copy, written: readonly RegistryRecord[]): string[] {
  const position = new Map(
    copy.replica.position().map(({ origin, version }) => [originText(origin), version]),
  );
  return written.flatMap((record) => {
    if (record.version > (position.get(originText(record.origin)) ?? 0)) return [];
    const here = held(copy, record.id);
    if (here !== undefined && compareRecords(here, record) >= 0) return [];
    return [`${copy.id} lacks ${record.id} of ${record.origin.nodeId} v${record.version}`];
  });
}

function provenOf(copy: Copy, nodeId: string): number {
  return copy.replica.position().find(({ origin }) => origin.nodeId === nodeId)?.version ?? 0;
}

/** `a` and `b` are linked and hold one instance that has moved from `a` to `b`; `c` is new. */
function moved(): { copies: Copies; a: Copy; b: Copy; c: Copy } {
  const copies = new Copies();
  const [a, b, c] = [copies.add("a"), copies.add("b"), copies.add("c")];
  copies.join(a, b);
  move(copies, a, "i");
  copies.push(a);
  copies.settle();
  move(copies, b, "i");
  copies.push(b);
  copies.settle();
  return { copies, a, b, c };
}

test("R18 what was replaced by what is not here yet is not proved gone", () => {
  const { copies, a, b, c } = moved();
  move(copies, a, "j");
  // As a node that fills from somebody else: of each peer it gets that one's own alone.
  copies.join(a, c);
  copies.lose();
  copies.greet(c, a, "none");
  copies.settle();
  assert.deepEqual([held(c, "i"), held(c, "j")?.origin.nodeId], [undefined, "a"]);
  assert.equal(provenOf(c, "a"), 0, "the record of b that took i over is still to come");
  copies.join(b, c);
  copies.settle();
  assert.equal(held(c, "i")?.origin.nodeId, "b");
  assert.equal(provenOf(c, "a"), 2);
});

test("R18 who was told what to wait for tells it on", () => {
  const { copies, a, c } = moved();
  const d = copies.add("d");
  copies.join(a, c);
  copies.lose();
  copies.greet(c, a, "none");
  copies.settle();
  copies.cut(a, c);
  copies.join(c, d);
  copies.settle();
  assert.equal(d.replica.seenVersion(d.replica.indexOf(a.replica.ownOrigin(0))), 1);
  assert.equal(provenOf(d, "a"), 0);
});

test("R18 a part of a transfer proves nothing of what a later part brings", () => {
  const copies = new Copies();
  const [a, b] = [copies.add("a"), copies.add("b")];
  move(copies, a, "i");
  fill(copies, a);
  move(copies, a, "i");
  copies.join(a, b);
  while (held(b, "a-filler0") === undefined) copies.deliverOne(0);
  assert.deepEqual([held(b, "i"), provenOf(b, "a")], [undefined, 0]);
  copies.settle();
  assert.equal(held(b, "i")?.version, provenOf(b, "a"));
});

test("R18 what came when it had been replaced already is waited for as well", () => {
  const copies = new Copies();
  const [a, b, x, y] = [copies.add("a"), copies.add("b"), copies.add("x"), copies.add("y")];
  // As much as fills the first part.
  fill(copies, a);
  copies.join(a, x);
  copies.settle();
  copies.cut(a, x);
  move(copies, a, "i");
  move(copies, b, "i");
  copies.join(b, x);
  copies.settle();
  copies.join(a, x);
  copies.settle();
  assert.equal(held(x, "i")?.origin.nodeId, "b");
  copies.join(x, y);
  while (held(y, "a-filler0") === undefined) copies.deliverOne(0);
  const seen = y.replica.seenVersion(y.replica.indexOf(a.replica.ownOrigin(0)));
  assert.equal(seen, x.replica.seenVersion(x.replica.indexOf(a.replica.ownOrigin(0))));
  assert.deepEqual([held(y, "i"), provenOf(y, "a")], [undefined, 0]);
  copies.settle();
  assert.equal(provenOf(y, "a"), seen);
});

test("R18 what a disk held beyond its position is waited for as well", () => {
  const { copies, a, b } = moved();
  const [saved, restored] = [b, copies.add("e")];
  const entries = saved.replica.digest(true).filter(({ origin }) => origin.nodeId === "a");
  restored.replica.merge(held(saved, "i") as RegistryRecord, copies.now);
  restored.replica.restored(entries, copies.now);
  const d = copies.add("d");
  copies.join(restored, d);
  copies.settle();
  assert.equal(d.replica.seenVersion(d.replica.indexOf(a.replica.ownOrigin(0))), 1);
  assert.deepEqual([held(d, "i"), provenOf(d, "a")], [undefined, 0]);
});

test("R18 what nobody has is not waited for without end", () => {
  const { copies, a, b, c } = moved();
  copies.cut(a, b);
  copies.join(a, c);
  copies.lose();
  copies.greet(c, a, "none");
  copies.settle();
  copies.cut(a, c);
  const d = copies.add("d");
  copies.join(c, d);
  copies.settle();
  copies.now = after(copies.now, REPLACEMENT_WAIT_MS - 1);
  copies.round();
  assert.equal(provenOf(c, "a"), 0);
  copies.now = after(copies.now, 1);
  copies.round();
  assert.deepEqual([provenOf(c, "a"), provenOf(d, "a")], [1, 1]);
});

interface Act {
  readonly kind:
    | "move"
    | "push"
    | "digest"
    | "deliver"
    | "cut"
    | "join"
    | "remove"
    | "forget"
    | "fill";
  readonly at: number;
  readonly to: number;
  readonly id: number;
  readonly isAll: boolean;
}

const act: fc.Arbitrary<Act> = fc.record({
  kind: fc.oneof(
    { weight: 6, arbitrary: fc.constant("move" as const) },
    { weight: 4, arbitrary: fc.constant("push" as const) },
    { weight: 4, arbitrary: fc.constant("digest" as const) },
    { weight: 16, arbitrary: fc.constant("deliver" as const) },
    { weight: 3, arbitrary: fc.constant("cut" as const) },
    { weight: 6, arbitrary: fc.constant("join" as const) },
    { weight: 1, arbitrary: fc.constant("fill" as const) },
    { weight: 1, arbitrary: fc.constant("remove" as const) },
    { weight: 2, arbitrary: fc.constant("forget" as const) },
  ),
  at: fc.nat({ max: 3 }),
  to: fc.nat({ max: 11 }),
  id: fc.nat({ max: IDS.length - 1 }),
  isAll: fc.boolean(),
});

/** Ids that are removed are others than those that are looked at. */
const SPARE = "spare";

/** Plays an act; returns what was written. */
function play(copies: Copies, all: readonly Copy[], one: Act): RegistryRecord[] {
  const copy = all[one.at] as Copy;
  const peer = all[one.to % all.length] as Copy;
  const isLinked = copy.links.toNode(peer.id) !== undefined;
  const id = IDS[one.id] as string;
  if (one.kind === "move") {
    move(copies, copy, id);
    return [held(copy, id) as RegistryRecord];
  }
  if (one.kind === "fill") fill(copies, copy);
  if (one.kind === "push") copies.push(copy, one.isAll ? all : []);
  if (one.kind === "deliver") copies.deliverOne(one.to);
  if (one.kind === "digest" && isLinked) copies.greet(copy, peer, one.isAll ? "now" : "none");
  if (one.kind === "join" && !isLinked && copy !== peer) copies.join(copy, peer);
  if (one.kind === "cut" && isLinked) copies.cut(copy, peer);
  if (one.kind === "remove") {
    move(copies, copy, SPARE);
    remove(copies, copy, SPARE);
  }
  if (one.kind === "forget") {
    copies.now = after(copies.now, TOMBSTONE_TTL_MS);
    copy.replica.collectTombstones(copies.now, 100);
  }
  return [];
}

test("R18 whatever the order, no position covers an instance that is lacking and lives", () => {
  fc.assert(
    fc.property(fc.array(act, { size: "max", maxLength: 200 }), (acts) => {
      const copies = new Copies();
      const all = ["a", "b", "c", "d"].map((id, at) => copies.add(id, at === 3 ? "far" : "r"));
      const written: RegistryRecord[] = [];
      for (const one of acts) {
        written.push(...play(copies, all, one));
        for (const copy of all) {
          assert.deepEqual(unproven(copy, written), []);
          const lost = copy.collected.filter((id) => id !== SPARE);
          assert.deepEqual(lost, [], `${copy.id} let go of what lives`);
        }
      }
    }),
    { numRuns: 60 },
  );
});
