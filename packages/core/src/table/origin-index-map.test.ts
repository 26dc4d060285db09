import assert from "node:assert/strict";
import { test } from "node:test";
import { OriginIndexMap } from "./origin-index-map.js";

test("origins that differ in anything have indexes of their own", () => {
  const map = new OriginIndexMap();
  const origins = ["a", "b"].flatMap((nodeId) =>
    [1, 2].flatMap((generation) =>
      ([0, 1] as const).map((scope) => ({ nodeId, generation, scope })),
    ),
  );
  for (const [index, origin] of origins.entries()) {
    assert.equal(map.get(origin), undefined);
    map.set(origin, index);
  }
  for (const [index, origin] of origins.entries()) {
    assert.equal(map.get({ ...origin }), index);
  }
});
