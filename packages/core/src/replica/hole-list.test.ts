import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ORIGIN_HOLE_COUNT_MAX } from "../limits.js";
import { HoleList } from "./hole-list.js";

const VERSION_MAX = 60;
const stretch = fc
  .tuple(fc.nat(VERSION_MAX), fc.nat(VERSION_MAX))
  .map(([a, b]) => ({ after: Math.min(a, b), upTo: Math.max(a, b) }));
const actions = fc.array(fc.record({ isOpen: fc.boolean(), stretch }), { maxLength: 40 });

test("a list of holes holds every version that was opened and not closed since (R17)", () => {
  fc.assert(
    fc.property(actions, (list) => {
      const holes = new HoleList();
      const unread = new Set<number>();
      for (const { isOpen, stretch } of list) {
        if (isOpen) holes.open({ ...stretch, reason: "" });
        else holes.close(stretch.after, stretch.upTo);
        for (let version = stretch.after + 1; version <= stretch.upTo; version += 1) {
          if (isOpen) unread.add(version);
          else unread.delete(version);
        }
        for (const version of unread) assert.ok(holes.has(version), `${version} was forgotten`);
        const lowest = Math.min(...unread, VERSION_MAX + 1);
        assert.ok(holes.provenUpTo(VERSION_MAX) < lowest, "proves what was not read");
        assert.ok(holes.count <= ORIGIN_HOLE_COUNT_MAX);
      }
    }),
  );
});

test("too many holes: the two closest become one", () => {
  const holes = new HoleList();
  for (let index = 0; index < ORIGIN_HOLE_COUNT_MAX; index += 1) {
    holes.open({ after: index * 10, upTo: index * 10 + 1, reason: "" });
  }
  holes.open({ after: 74, upTo: 75, reason: "" });
  assert.equal(holes.count, ORIGIN_HOLE_COUNT_MAX);
  assert.ok(holes.has(73) && !holes.has(76), "71 to 74 lie closest");
});

test("what was read in parts closes a hole from below, and from above", () => {
  const holes = new HoleList();
  holes.open({ after: 10, upTo: 20, reason: "" });
  holes.close(10, 14);
  assert.equal(holes.provenUpTo(30), 14);
  holes.close(18, 30);
  assert.deepEqual(holes.within(0, 30), [{ after: 14, upTo: 18, reason: "" }]);
  assert.deepEqual(holes.within(15, 17), [{ after: 15, upTo: 17, reason: "" }]);
  holes.close(0, 18);
  assert.equal(holes.provenUpTo(30), 30);
});
