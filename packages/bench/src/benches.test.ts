/** Every benchmark runs with tiny inputs, so that none rots. No time is asserted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BENCHES } from "./catalog.js";

for (const bench of BENCHES) {
  test(`${bench.name} runs with tiny inputs`, { timeout: 120_000 }, async () => {
    const figures = await bench.run({
      ...{ scale: "tiny", runNumber: 1, progress: () => {}, serverExecArgv: [] },
    });
    assert.ok(figures.length > 0);
    const names = figures.map((figure) => figure.figure);
    assert.equal(new Set(names).size, names.length, "names of figures are unique");
    for (const figure of figures) {
      assert.equal(figure.bench, bench.name);
      assert.ok(Number.isFinite(figure.value) && figure.value >= 0, `${figure.figure} is a number`);
    }
  });
}
