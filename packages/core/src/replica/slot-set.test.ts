import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SlotSet } from "./slot-set.js";

test("holds what was added and nothing else, and grows by itself", () => {
  const slots = fc.array(fc.nat(100_000), { maxLength: 100 });
  fc.assert(
    fc.property(slots, slots, (added, asked) => {
      const set = new SlotSet();
      for (const slot of added) set.add(slot);
      const model = new Set(added);
      for (const slot of [...added, ...asked]) assert.equal(set.has(slot), model.has(slot));
    }),
  );
});

test("neighbours in one byte and across the first growth are apart", () => {
  const set = new SlotSet();
  for (const slot of [0, 7, 8, 8_191, 8_192]) set.add(slot);
  const asked = Array.from({ length: 9_000 }, (_, slot) => slot);
  const held = asked.filter((slot) => set.has(slot));
  assert.deepEqual(held, [0, 7, 8, 8_191, 8_192]);
});
