import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { type TestContext, test } from "node:test";
import { HASHED_SEEDS, sourcesFingerprint } from "./hunt/record-hashes.js";
import { openDefectOf, PERMANENT_SEEDS } from "./hunt/seeds.js";
import { TRACE_HASHES } from "./hunt/trace-hashes.js";
import { type Failure, failureText } from "./oracles/verdict.js";
import { runHistory } from "./run.js";

/** Of the part that is played for as long as there is time; a hunt goes on without a bound. */
const FIXED_BUDGET_MS = 20_000;
const FRESH_BUDGET_MS = 12_000;
/** On a machine that is busy the time counts less than these. */
const FIXED_COUNT_MIN = 5;
const FRESH_COUNT_MIN = 3;
const FIXED_COUNT_MAX = 60;
const FRESH_COUNT_MAX = 1_000;
const TIMEOUT_MS = 600_000;
/** Seeds are 31 bits wide. */
const SEED_MAX = 2 ** 31 - FRESH_COUNT_MAX;

test("histories of permanent seeds keep every promise", { timeout: TIMEOUT_MS }, (context) => {
  const fixed = Array.from({ length: FIXED_COUNT_MAX }, (_, index) => index + 1);
  const seeds = [...new Set([...PERMANENT_SEEDS.map(({ seed }) => seed), ...fixed])];
  const countMin = PERMANENT_SEEDS.length + FIXED_COUNT_MIN;
  playWithin(context, seeds, { budgetMs: FIXED_BUDGET_MS, countMin, isGate: () => true });
});

/**
 * A fresh history may show what nobody has seen, in a change that has nothing to do with it: what
 * fails is told, to be looked at, and only a core that throws fails the test.
 */
test("histories of fresh seeds are played, and none stops the core", {
  timeout: TIMEOUT_MS,
}, (context) => {
  const first = randomInt(SEED_MAX);
  const seeds = Array.from({ length: FRESH_COUNT_MAX }, (_, index) => first + index);
  const isGate = (failure: Failure) => failure.oracle === "crash";
  const bounds = { budgetMs: FRESH_BUDGET_MS, countMin: FRESH_COUNT_MIN };
  playWithin(context, seeds, { ...bounds, isGate });
});

test("a history is the same each time it is played", { timeout: TIMEOUT_MS }, () => {
  assert.equal(runHistory(7).traceHash, runHistory(7).traceHash);
  assert.notEqual(runHistory(7).traceHash, runHistory(8).traceHash);
});

test("a history is the same on every machine", { timeout: TIMEOUT_MS }, (context) => {
  const { sources, bySeed } = TRACE_HASHES;
  if (sources !== sourcesFingerprint()) {
    context.skip("the sources have changed since: npm run sim -- --record-hashes");
    return;
  }
  for (const seed of HASHED_SEEDS) {
    assert.equal(runHistory(seed).traceHash, bySeed[seed], `the trace of seed ${seed}`);
  }
});

test("leaving strikes out changes neither when the others strike nor which they are", () => {
  const all = runHistory(7).strikes;
  const kept = new Set(all.map(({ index }) => index).filter((index) => index % 3 === 0));
  const some = runHistory(7, { strikes: kept }).strikes;
  const timeline = (strikes: typeof all) => strikes.map(({ index, at, name }) => [index, at, name]);
  assert.deepEqual(timeline(some), timeline(all.filter(({ index }) => kept.has(index))));
});

test("an open defect is told by its oracle and its text", () => {
  const defects = [{ oracle: "L1", text: /differ/, story: "two nodes differ" }];
  const story = (oracle: string, text: string) => openDefectOf({ oracle, text }, defects)?.story;
  assert.equal(story("L1", "a and b differ"), "two nodes differ");
  assert.equal(story("L2", "a and b differ"), undefined);
  assert.equal(story("L1", "a is not ready"), undefined);
});

/** Plays seeds in order until the time is over, but not fewer than the least. */
function playWithin(
  context: TestContext,
  seeds: readonly number[],
  {
    budgetMs,
    countMin,
    isGate,
  }: {
    readonly budgetMs: number;
    readonly countMin: number;
    /** Whether a failure that is not known fails the test; else it is told. */
    readonly isGate: (failure: Failure) => boolean;
  },
): void {
  const startedAt = performance.now();
  let count = 0;
  for (const seed of seeds) {
    if (count >= countMin && performance.now() - startedAt > budgetMs) break;
    count += 1;
    const [failure] = runHistory(seed).failures;
    if (failure === undefined) continue;
    const text = `npm run sim -- --seed ${seed}   # ${failureText(failure)}`;
    const open = openDefectOf(failure);
    if (open === undefined && isGate(failure)) assert.fail(text);
    context.diagnostic(`${text} (open: ${open?.story ?? "not looked at yet"})`);
  }
  context.diagnostic(`${count} histories from seed ${seeds[0]}`);
}
