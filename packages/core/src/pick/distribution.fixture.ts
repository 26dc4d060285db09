/** Whether counts follow the expected shares: Pearson's χ² test. */
import assert from "node:assert/strict";
import { type Instant, instant } from "../time.js";
import type { GroupPolicy } from "./group-policy.js";
import type { ViewInstance } from "./picker.js";

/** Standard deviations of the normal distribution that one run in a million exceeds. */
const CRITICAL_DEVIATIONS = 4.75;

/**
 * Fails when counts this far from the shares would come once in a million runs.
 *
 * The critical value is Wilson & Hilferty's (1931) approximation.
 */
export function assertDistribution(counts: readonly number[], shares: readonly number[]): void {
  assert.equal(counts.length, shares.length);
  const total = sum(counts);
  const shareSum = sum(shares);
  let chiSquare = 0;
  let cellCount = 0;
  counts.forEach((count, index) => {
    const expected = (total * (shares[index] ?? 0)) / shareSum;
    if (expected === 0) {
      assert.equal(count, 0, `cell ${index} has share 0`);
      return;
    }
    chiSquare += (count - expected) ** 2 / expected;
    cellCount += 1;
  });
  const freedom = Math.max(1, cellCount - 1);
  const spread = 2 / (9 * freedom);
  const critical = freedom * (1 - spread + CRITICAL_DEVIATIONS * Math.sqrt(spread)) ** 3;
  assert.ok(chiSquare < critical, `χ² ${chiSquare} >= ${critical}: ${counts.slice(0, 20)}`);
}

/** How often each instance is picked, in the order of `instances`. */
export function countPicks(
  policy: GroupPolicy,
  instances: readonly ViewInstance[],
  pickCount: number,
  options: {
    keyOf?: (index: number) => string;
    excluded?: ReadonlySet<string>;
    now?: Instant;
  } = {},
): number[] {
  const counts = new Map(instances.map((instance) => [instance, 0]));
  for (let index = 0; index < pickCount; index += 1) {
    const picked = policy.pick(
      options.keyOf?.(index) ?? "",
      options.excluded,
      options.now ?? instant(0),
    );
    assert.ok(picked !== undefined);
    counts.set(picked, (counts.get(picked) ?? 0) + 1);
  }
  return [...counts.values()];
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
