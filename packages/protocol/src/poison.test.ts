/** R17: one record that cannot be read costs itself, not the message, the origin or the link. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ORIGIN_HOLE_COUNT_MAX, type PeerMessage, RecordKind } from "@fpzk/core";
import fc from "fast-check";
import { Packr } from "msgpackr/pack";
import * as arbitraries from "./arbitraries.fixture.js";
import { decodePeerMessage, encodePeerMessage } from "./index.js";

const packr = new Packr({ useRecords: false });
const ORIGIN = ["n1", 7, 0];

function decode(...values: unknown[]): PeerMessage {
  const decoded = decodePeerMessage(packr.pack(values));
  assert.ok(decoded.ok, decoded.ok ? "" : decoded.refusal.message);
  return decoded.message;
}

function recordOf(version: unknown, change: Record<number, unknown> = {}): unknown[] {
  const values = [version, 1, "default", "orders", `i${version}`, 1, 1, 0, 0, 9, new Uint8Array(1)];
  for (const [at, value] of Object.entries(change)) values[Number(at)] = value;
  return values;
}

/** Versions read and stretches not read of one delta (0, 9]. */
function outline(records: readonly unknown[]): { read: number[]; holes: number[][] } {
  const message = decode(65, [[ORIGIN, records, 0, 9]]);
  assert.ok(message.type === "delta" && message.refused === undefined);
  const [group] = message.groups;
  assert.ok(group?.from === 0 && group.to === 9);
  return {
    read: group.records.map(({ version }) => version),
    holes: (group.holes ?? []).map(({ after, upTo }) => [after, upTo]),
  };
}

test("whatever is wrong with a record, those before and after it are read", () => {
  const poisons: Record<string, Record<number, unknown>> = {
    "an id that is no text": { 4: 5 },
    "an id with control characters": { 4: "a\u0001b" },
    "an id of 201 bytes": { 4: "x".repeat(201) },
    "a body that is no bytes": { 10: "text" },
    "a body of 16,385 bytes": { 10: new Uint8Array(16_385) },
    "a stamp that is no number": { 5: "1" },
    "a claim beyond 65,535": { 7: 65_536 },
    "a kind that cannot be": { 1: 8 },
    "flags that cannot be": { 8: 128 },
    "a service with a slash": { 3: "a/b" },
    "a node that speaks for another": { 1: 2, 2: "", 3: "", 4: "n2" },
    "a route set without a namespace": { 1: 5, 2: "", 3: "", 4: "/shop" },
    "a route set without a name": { 1: 5, 2: "", 3: "", 4: "default/" },
    "a route set that drains": { 1: 5, 2: "", 3: "", 4: "default/shop", 8: 2 },
    "a route set of a service": { 1: 5, 4: "default/shop" },
  };
  for (const [what, change] of Object.entries(poisons)) {
    const records = [recordOf(2), recordOf(5, change), recordOf(6)];
    assert.deepEqual(outline(records), { read: [2, 6], holes: [[2, 5]] }, what);
  }
});

test("a record that is none, or whose version cannot be told, hides the rest", () => {
  for (const bad of [7, null, [], recordOf("5"), recordOf(2), recordOf(10), recordOf(-1)]) {
    const records = [recordOf(2), bad, recordOf(6)];
    assert.deepEqual(outline(records), { read: [2], holes: [[2, 9]] });
  }
});

test("who takes its service over from a record that cannot be read cannot be read either", () => {
  const records = [recordOf(2), recordOf(3, { 3: 7 }), recordOf(4, { 3: null }), recordOf(5)];
  assert.deepEqual(outline(records), { read: [2, 5], holes: [[2, 4]] });
  // A name that may not be is not taken over either.
  for (const [part, name] of [
    [2, "\u0000"],
    [3, "a/b"],
    [3, "x".repeat(201)],
  ] as const) {
    const named = [recordOf(2), recordOf(3, { [part]: name }), recordOf(4, { [part]: null })];
    assert.deepEqual(outline(named), { read: [2], holes: [[2, 4]] }, name);
  }
  // One that can be told in spite of the rest is taken over.
  const told = [recordOf(2), recordOf(3, { 10: 7 }), recordOf(4, { 2: null, 3: null })];
  assert.deepEqual(outline(told), { read: [2, 4], holes: [[2, 3]] });
});

test("more holes than a group may have become one", () => {
  const count = 2 * ORIGIN_HOLE_COUNT_MAX;
  const records = Array.from({ length: count * 2 }, (_, index) =>
    recordOf(index + 1, index % 2 === 0 ? { 4: 0 } : {}),
  );
  const message = decode(65, [[ORIGIN, records, 0, 2 * count]]);
  assert.ok(message.type === "delta");
  const [group] = message.groups;
  assert.equal(group?.holes?.length, ORIGIN_HOLE_COUNT_MAX);
  assert.equal(group.holes.at(-1)?.upTo, 2 * count - 1);
  assert.equal(group.records.length, count);
  const again = decodePeerMessage(encodePeerMessage(message));
  assert.ok(again.ok && again.message.type === "delta");
  assert.equal(again.message.groups[0]?.holes?.length, ORIGIN_HOLE_COUNT_MAX);
});

test("a group or an entry that cannot be read is left out and named, the others are taken", () => {
  const good = [ORIGIN, [recordOf(1)], 0, 1];
  const delta = decode(65, [good, [["", 1, 0], [], 0, 1], [["n2", 1, 0], [], 5, 4], 7, good]);
  assert.ok(delta.type === "delta");
  assert.equal(delta.groups.length, 2);
  assert.deepEqual(
    delta.refused?.map(({ origin, reason }) => `${origin?.nodeId}: ${reason}`),
    [
      'undefined: groups[1].nodeId "" must have 1 to 200 bytes',
      "n2: groups[2].to 4 must be a whole number >= 5 and <= 9007199254740991",
      "undefined: groups[3] 7 must be an array",
    ],
  );
  const entry = ["n1", 1, 0, 5, 5, 0, 0];
  const digest = decode(64, [entry, ["n2", 1, 0, 5, 6, 0, 0], ["\u0001", 1, 0, 5, 5, 0, 0]]);
  assert.ok(digest.type === "digest");
  assert.equal(digest.entries.length, 1);
  assert.deepEqual(
    digest.refused?.map(({ origin }) => origin?.nodeId),
    ["n2", undefined],
    "a watermark above the version cannot be true",
  );
});

test("kinds that are not known yet are no poison: they are kept as they came", () => {
  for (const kind of [6, 7]) {
    const records = [recordOf(1, { 1: kind, 2: "", 3: "", 4: "of a later version" })];
    const message = decode(65, [[ORIGIN, records, 0, 9]]);
    assert.ok(message.type === "delta" && message.groups[0]?.holes === undefined);
    const again = decodePeerMessage(encodePeerMessage(message));
    assert.deepEqual(again, { ok: true, message });
  }
});

test("the goodbye of a node that is long dead is said by another", () => {
  const goodbye = { 1: RecordKind.node, 2: "", 3: "", 4: "n2", 8: 3 | (8 << 3) };
  assert.deepEqual(outline([recordOf(1, goodbye)]), { read: [1], holes: [] });
  const other = { ...goodbye, 8: 3 | (7 << 3) };
  assert.deepEqual(outline([recordOf(1, other)]), { read: [], holes: [[0, 1]] });
});

test("any changed value in a peer's groups leaves the message readable", () => {
  const change = fc.record({ group: fc.nat(), record: fc.nat(), field: fc.nat(10) });
  const value = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.uint8Array());
  fc.assert(
    fc.property(arbitraries.peerMessage, fc.array(change), value, (message, changes, by) => {
      if (message.type !== "delta") return;
      const values = packr.unpack(encodePeerMessage(message)) as unknown[];
      const groups = values[1] as [unknown, unknown[][]][];
      for (const { group, record, field } of changes) {
        const records = groups[group % groups.length]?.[1];
        const target = records?.[record % records.length];
        if (target !== undefined) target[field] = by;
      }
      const decoded = decodePeerMessage(packr.pack(values));
      assert.ok(decoded.ok && decoded.message.type === "delta");
      assert.equal(decoded.message.groups.length, message.groups.length);
    }),
  );
});
