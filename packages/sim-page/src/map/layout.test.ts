import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { layOut, type Resident } from "./layout.js";

const REGIONS = ["us", "eu", "ap"];

function residents(nodeCount: number, clientCount: number): Resident[] {
  return REGIONS.flatMap((region) => [
    ...Array.from({ length: nodeCount }, (_, index) => ({
      key: `${region}-${index}`,
      role: "node" as const,
      region,
    })),
    ...Array.from({ length: clientCount }, (_, index) => ({
      key: `${region}-p${index}`,
      role: "program" as const,
      region,
    })),
  ]);
}

/** From a phone held upright to a wide screen. */
const size = fc.record({
  width: fc.integer({ min: 340, max: 2_400 }),
  height: fc.integer({ min: 380, max: 1_400 }),
});

test("regions lie apart, inside the map", () => {
  fc.assert(
    fc.property(size, (map) => {
      const regions = [...layOut(map, REGIONS, residents(3, 4)).regions.values()];
      for (const [index, a] of regions.entries()) {
        assert.ok(a.x - a.radius >= 0 && a.x + a.radius <= map.width, "within the width");
        assert.ok(a.y - a.radius >= 0 && a.y + a.radius <= map.height, "within the height");
        for (const b of regions.slice(index + 1)) {
          assert.ok(Math.hypot(a.x - b.x, a.y - b.y) >= a.radius + b.radius, "apart");
        }
      }
    }),
  );
});

test("nobody stands on another's place", () => {
  const counts = fc.record({
    nodeCount: fc.integer({ min: 1, max: 4 }),
    clientCount: fc.integer({ min: 0, max: 8 }),
  });
  fc.assert(
    fc.property(size, counts, (map, { nodeCount, clientCount }) => {
      const layout = layOut(map, REGIONS, residents(nodeCount, clientCount));
      const places = [...layout.actors.values()];
      assert.equal(places.length, 3 * (nodeCount + clientCount));
      for (const [index, a] of places.entries()) {
        for (const b of places.slice(index + 1)) {
          const distance = Math.hypot(a.x - b.x, a.y - b.y);
          assert.ok(distance >= 1.5 * layout.nodeRadius, `${distance} px`);
        }
      }
    }),
  );
});
