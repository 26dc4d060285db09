/** One fault scenario, and how it is played and judged. */
import { clockMs } from "./log-line.js";
import type { OracleName, Violation } from "./oracles/verdict.js";
import { type Row, Stage } from "./stage.js";

export interface Scenario {
  readonly name: string;
  /** One sentence: what is done. */
  readonly title: string;
  /** Also runs with `npm test`. */
  readonly isShort: boolean;
  readonly run: (stage: Stage) => Promise<void>;
}

/** Thrown by a scenario that cannot be played here. */
export class SkippedError extends Error {}

export interface Outcome {
  readonly name: string;
  readonly title: string;
  readonly status: "passed" | "failed" | "skipped";
  readonly rows: readonly Row[];
  readonly checkCounts: ReadonlyMap<OracleName, number>;
  /** What could not be judged, because the machine had too much work. */
  readonly excuseCounts: ReadonlyMap<OracleName, number>;
  readonly violations: readonly Violation[];
  /** What happened to those that the violations name. */
  readonly trail: string;
  readonly elapsedMs: number;
  /** Why it was skipped, or the error that ended it. */
  readonly reason: string;
}

/** Stages that are open, for those who must end early. */
const openStages = new Set<Stage>();

/** Ends everything that scenarios started. */
export async function closeStages(): Promise<void> {
  await Promise.all([...openStages].map((stage) => stage.close()));
}

export async function play(scenario: Scenario, seed: number, isKept = false): Promise<Outcome> {
  const startMs = clockMs();
  const stage = new Stage(seed);
  stage.isKept = isKept;
  openStages.add(stage);
  let status: Outcome["status"] = "failed";
  let reason = "";
  try {
    await scenario.run(stage);
    stage.readLogs();
    stage.checker.settle(Number.POSITIVE_INFINITY);
    checkServerLogs(stage);
    const isGood = stage.rows.every((row) => row.isGood !== false);
    status = isGood && stage.checker.verdict.isGood ? "passed" : "failed";
  } catch (error) {
    if (error instanceof SkippedError) status = "skipped";
    reason = error instanceof Error ? error.message : String(error);
    if (status === "failed" && error instanceof Error) reason = error.stack ?? reason;
  } finally {
    await stage.close();
    openStages.delete(stage);
  }
  if (isKept) reason = `${reason} logs: ${stage.folder}`.trim();
  const { checkCounts, excuseCounts, violations } = stage.checker.verdict;
  return {
    ...{ name: scenario.name, title: scenario.title, status, rows: stage.rows, reason },
    ...{ checkCounts, excuseCounts, violations, elapsedMs: clockMs() - startMs },
    trail: stage.checker.trail.explain(violations.map(({ text }) => text).join("\n")),
  };
}

/** A server that met a fault of its own says so in its log. */
function checkServerLogs(stage: Stage): void {
  const fatal = stage.cluster.servers.flatMap(({ nodeId }) =>
    stage.cluster.logLines(nodeId, "driver.fatal"),
  );
  if (fatal.length > 0) stage.check("servers without a broken invariant", false, fatal[0] ?? "");
}
