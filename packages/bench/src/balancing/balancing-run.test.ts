import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PolicyName } from "@fpzk/core";
import {
  type Contender,
  type RunOptions,
  type RunResult,
  runBalancing,
  WINDOW_MS,
} from "./balancing-run.js";

function run(contender: Omit<Contender, "name">, options: Partial<RunOptions> = {}): RunResult {
  return runBalancing({
    contender: { name: "c", ...contender },
    service: {
      speeds: [0.5, 0.7, 1, 1, 1.4, 2, 0.5, 2],
      ...{ workerCount: 2, hasAntagonists: true, seed: 1 },
    },
    ...{ callerCount: 3, loadRatio: 0.7, durationMs: 8_000, warmupMs: 2_000, seed: 2 },
    ...options,
  });
}

function quantile({ latenciesMs }: RunResult, ratio: number): number {
  return latenciesMs[Math.floor(latenciesMs.length * ratio)] ?? 0;
}

describe("runBalancing", () => {
  it("gives the same for the same seed, and something else for another", () => {
    const one = run({ policy: PolicyName.ewma });
    const again = run({ policy: PolicyName.ewma });
    assert.deepEqual(one, again);
    assert.notDeepEqual(run({ policy: PolicyName.ewma }, { seed: 3 }), one);
  });

  it("asks for the share of capacity that was wanted", () => {
    const { windows } = run(
      { policy: PolicyName.weighted, knowsSpeeds: true },
      { durationMs: 60_000 },
    );
    const count = windows.reduce((sum, { totalCount }) => sum + totalCount, 0);
    // Speeds add up to 9.1; two workers; an antagonist takes 15 %; a call is 20 ms of work.
    const expected = ((9.1 * 2 * 0.85) / 20) * 0.7 * 60_000;
    assert.ok(Math.abs(count - expected) < 5 * Math.sqrt(expected), `${count}, not ${expected}`);
  });

  it("has queueing as theory has it (M/M/1 at a load of a half)", () => {
    const { latenciesMs } = run(
      { policy: PolicyName.random },
      {
        service: { speeds: [1], workerCount: 1, hasAntagonists: false, seed: 1 },
        ...{ loadRatio: 0.5, durationMs: 4_000_000, warmupMs: 0 },
      },
    );
    const mean = latenciesMs.reduce((sum, ms) => sum + ms, 0) / latenciesMs.length;
    assert.ok(Math.abs(mean - 40) < 1.5, `20 ms / (1 - 0.5), not ${mean}`);
  });

  it("shows what learning is for: the tail, and a black hole", () => {
    const plain = run({ policy: PolicyName.roundRobin, isPlain: true });
    const ewma = run({ policy: PolicyName.ewma });
    assert.ok(quantile(ewma, 0.99) < quantile(plain, 0.99));
    const hole = { callerCount: 1, blackHoleAtMs: 2_000 };
    const shareOf = ({ windows }: RunResult): number => {
      const after = windows.slice(2_000 / WINDOW_MS);
      const calls = after.reduce((sum, { totalCount }) => sum + totalCount, 0);
      return after.reduce((sum, { holeCount }) => sum + holeCount, 0) / calls;
    };
    const attracted = run({ policy: PolicyName.leastRequest, isPlain: true }, hole);
    assert.ok(shareOf(attracted) > 2 / 8);
    for (const policy of [PolicyName.leastRequest, PolicyName.ewma]) {
      assert.ok(shareOf(run({ policy, ejects: false }, hole)) < 0.5 / 8);
    }
  });
});
