/** Calls a service in an open loop while everything that serves is replaced, again and again. */

import { DeployStage, type Region } from "./deploy-stage.js";
import { percentileMs } from "./latencies.js";
import type { CallFailure, CallWindow } from "./plan.js";
import { PATHS, type Path } from "./plan.js";
import { Rolling, TIERS, type Tier } from "./rolling.js";

export interface DeployRunOptions {
  readonly regions: readonly Region[];
  /** Sent at least. */
  readonly requestCount: number;
  /** Deploys at least, each of a whole tier. */
  readonly deployCount: number;
  readonly ratePerSecond: number;
  /** In which the rate rises to that. */
  readonly rampMs: number;
  readonly instancesPerRegion: number;
  readonly serversPerRegion: number;
  readonly seed: number;
  readonly onProgress: (progress: DeployProgress) => void;
  readonly onFailure: (failure: CallFailure, step: string) => void;
}

export interface DeployProgress {
  readonly elapsedMs: number;
  readonly sentCount: number;
  readonly failedCount: number;
  readonly deployCounts: Readonly<Record<Tier, number>>;
  readonly step: string;
  /** Of the last windows of all regions. */
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface PathFigures {
  readonly path: Path;
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export interface DeployOutcome {
  readonly elapsedMs: number;
  readonly sentCount: number;
  readonly doneCount: number;
  readonly failedCount: number;
  readonly deployCounts: Readonly<Record<Tier, number>>;
  /** Processes that were replaced under load. */
  readonly replacedCount: number;
  /** What went wrong besides calls: processes that ended, drains that were not confirmed. */
  readonly faults: readonly string[];
  readonly failures: readonly CallFailure[];
  readonly paths: readonly PathFigures[];
}

const PROGRESS_INTERVAL_MS = 500;
const GRPC_SHARE = 0.1;
const CALL_TIMEOUT_MS = 10_000;
const BAD_MS = 1_000;

/** Runs until both counts are reached, or the signal aborts. */
export async function runDeploys(
  options: DeployRunOptions,
  signal?: AbortSignal,
): Promise<DeployOutcome> {
  const faults: string[] = [];
  const stage = new DeployStage({
    regions: options.regions,
    instancesPerRegion: options.instancesPerRegion,
    serversPerRegion: options.serversPerRegion,
    ratePerSecond: options.ratePerSecond,
    rampMs: options.rampMs,
    seed: options.seed,
    retryCount: 0,
    callTimeoutMs: CALL_TIMEOUT_MS,
    badMs: BAD_MS,
    policy: "round-robin",
    hasPlain: true,
    grpcShare: GRPC_SHARE,
    route: {},
    onUnexpectedEnd: (name, how, log) => {
      faults.push(`${name} ended by itself (${how}): ${log.slice(-2_000)}`);
    },
  });
  const rolling = new Rolling(stage);
  const windows = new Map<string, CallWindow>();
  stage.callers.onWindow = (region, window) => windows.set(region, window);
  stage.callers.onFailure = (failure) => options.onFailure(failure, rolling.step);
  try {
    await stage.start("v1");
    stage.callers.start();
    const startedMs = performance.now();
    const progress = () => {
      const recent = [...windows.values()];
      options.onProgress({
        elapsedMs: performance.now() - startedMs,
        ...stage.callers.counts,
        deployCounts: { ...rolling.counts },
        step: rolling.step,
        p99Ms: Math.max(0, ...recent.map(({ p99Ms }) => p99Ms)),
        maxMs: Math.max(0, ...recent.map(({ maxMs }) => maxMs)),
      });
    };
    const timer = setInterval(progress, PROGRESS_INTERVAL_MS);
    try {
      const deployed = deployUntil(options, stage, rolling, signal).catch((error: unknown) => {
        // Ctrl-C ends servers, too: what was being replaced then is of no interest.
        if (signal?.aborted !== true) throw error;
      });
      await Promise.race([deployed, aborted(signal)]);
    } finally {
      clearInterval(timer);
    }
    const counts = await stage.callers.finish();
    const elapsedMs = performance.now() - startedMs;
    return {
      elapsedMs,
      ...counts,
      deployCounts: { ...rolling.counts },
      replacedCount: rolling.replacedCount,
      faults,
      failures: stage.callers.failures,
      paths: PATHS.map((path) => figuresOf(path, stage)),
    };
  } finally {
    await stage.close();
  }
}

async function deployUntil(
  { requestCount, deployCount }: DeployRunOptions,
  stage: DeployStage,
  rolling: Rolling,
  signal: AbortSignal | undefined,
): Promise<void> {
  const isDone = () =>
    signal?.aborted === true ||
    (stage.callers.counts.sentCount >= requestCount &&
      TIERS.reduce((sum, tier) => sum + rolling.counts[tier], 0) >= deployCount);
  while (!isDone()) await rolling.round();
}

/** Resolves when the signal aborts; never without one. */
function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    signal?.addEventListener("abort", () => resolve(), { once: true });
  });
}

function figuresOf(path: Path, stage: DeployStage): PathFigures {
  const latencies = stage.callers.latencies[path];
  return {
    path,
    count: latencies.totalCount,
    p50Ms: percentileMs(latencies, 50),
    p99Ms: percentileMs(latencies, 99),
    p999Ms: percentileMs(latencies, 99.9),
    maxMs: percentileMs(latencies, 100),
  };
}
