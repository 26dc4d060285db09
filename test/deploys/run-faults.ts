/** Breaks single instances and whole regions of a service under load, with retries on. */
import { setTimeout as sleep } from "node:timers/promises";
import { DeployStage, REGIONS, type Seat } from "./deploy-stage.js";
import {
  type Behaviour,
  type CallFailure,
  type CallWindow,
  joinSlices,
  type SafeSlice,
} from "./plan.js";

export interface FaultRunOptions {
  readonly ratePerSecond: number;
  readonly instancesPerRegion: number;
  readonly seed: number;
  /** How long each fault lasts. */
  readonly faultMs: number;
  /** Of load before each fault; 3,000 unless told. */
  readonly beforeMs?: number;
  /** Between a fault's healing and the next; 6,000 unless told. */
  readonly recoveryMs?: number;
  /** Undefined: all of {@link FAULTS}. */
  readonly names?: readonly string[];
  readonly onProgress: (text: string) => void;
  readonly onFailure: (failure: CallFailure) => void;
}

export interface FaultOutcome {
  readonly name: string;
  readonly sentCount: number;
  /** Safe calls that failed from the fault on, all told. */
  readonly safeFailedCount: number;
  readonly unsafeFailedCount: number;
  /** Answered, but later than {@link BAD_MS}. */
  readonly lateCount: number;
  /**
   * From the fault to the last safe call that failed or came late in a slice of which
   * {@link BAD_SHARE} did; undefined when there was no such slice.
   */
  readonly movedMs: number | undefined;
  /** Share of answers that came from those that are broken: before, in the fault's last third. */
  readonly shareBefore: number;
  readonly shareMoved: number;
  /** The busiest of the others in that last third, as a multiple of the mean of all before. */
  readonly busiest: number;
}

interface Fault {
  readonly name: string;
  readonly isRegion: boolean;
  readonly strike: (seat: Seat) => void;
  readonly heal: (stage: DeployStage, seat: Seat) => Promise<void>;
}

/** From this share of bad calls on, traffic has not moved yet. */
const BAD_SHARE = 0.01;
/** A call that takes longer is bad for its user. */
export const BAD_MS = 1_000;
const ATTEMPT_TIMEOUT_MS = 1_000;
const HEDGE_AFTER = "300ms";
const SLOW_MS = 1_500;
const BEFORE_MS = 3_000;
const RECOVERY_MS = 6_000;

function told(name: string, isRegion: boolean, behaviour: Behaviour): Fault {
  return {
    name,
    isRegion,
    strike: ({ process }) => process.child.send(behaviour),
    heal: async (_stage, { process }) => {
      process.child.send({});
    },
  };
}

function killed(name: string, isRegion: boolean): Fault {
  return {
    name,
    isRegion,
    strike: ({ process }) => {
      process.expectEnd();
      process.kill("SIGKILL");
    },
    heal: async (stage, seat) => {
      const { region, id, port, isPlain } = seat;
      const wanted = { region, id, version: "v1", port, isPlain };
      Object.assign(seat, await stage.startInstance(wanted));
    },
  };
}

function frozen(name: string, isRegion: boolean): Fault {
  return {
    name,
    isRegion,
    strike: ({ process }) => process.kill("SIGSTOP"),
    heal: async (_stage, { process }) => process.kill("SIGCONT"),
  };
}

export const FAULTS: readonly Fault[] = [
  killed("one instance: kill -9", false),
  frozen("one instance: frozen", false),
  told("one instance: 500 at once", false, { failStatus: 500 }),
  told("one instance: 1.5 s slower", false, { slowMs: SLOW_MS }),
  killed("a region's instances: kill -9", true),
  frozen("a region's instances: frozen", true),
  told("a region's instances: 500 at once", true, { failStatus: 500 }),
  told("a region's instances: 1.5 s slower", true, { slowMs: SLOW_MS }),
];

/** Plays the faults one after the other, each healed before the next. */
export async function runFaults(
  options: FaultRunOptions,
  signal?: AbortSignal,
): Promise<readonly FaultOutcome[]> {
  const stage = new DeployStage({
    regions: REGIONS,
    instancesPerRegion: options.instancesPerRegion,
    serversPerRegion: 1,
    ratePerSecond: options.ratePerSecond,
    rampMs: 0,
    seed: options.seed,
    retryCount: 2,
    callTimeoutMs: ATTEMPT_TIMEOUT_MS,
    badMs: BAD_MS,
    policy: "least-request",
    hasPlain: false,
    // Its retries are gRPC's own.
    grpcShare: 0,
    route: {
      timeout: "5s",
      hedge: { after: HEDGE_AFTER, countMax: 2 },
      attemptTimeout: "1s",
      retryOn: ["connect-failure", "reset", "500", "502", "503", "504"],
    },
    onUnexpectedEnd: (name, how, log) => {
      throw new Error(`${name} ended by itself (${how}): ${log.slice(-2_000)}`);
    },
  });
  const outcomes: FaultOutcome[] = [];
  try {
    options.onProgress("starting");
    await stage.start("v1");
    stage.callers.onFailure = options.onFailure;
    stage.callers.start();
    const chosen = FAULTS.filter(({ name }) => options.names?.includes(name) ?? true);
    for (const fault of chosen) {
      if (signal?.aborted === true) break;
      options.onProgress(fault.name);
      outcomes.push(await play(fault, stage, options));
    }
    await stage.callers.finish();
  } finally {
    await stage.close();
  }
  return outcomes;
}

async function play(
  fault: Fault,
  stage: DeployStage,
  { faultMs, beforeMs = BEFORE_MS, recoveryMs = RECOVERY_MS }: FaultRunOptions,
): Promise<FaultOutcome> {
  const victims = stage.seats.filter(
    ({ region, number }) => region === REGIONS[0] && (fault.isRegion || number === 2),
  );
  const ids = new Set(victims.map(({ id }) => id));
  const before = await observe(stage, beforeMs);
  const sentBefore = stage.callers.counts.sentCount;
  const struckWallMs = Date.now();
  for (const seat of victims) fault.strike(seat);
  const during = await observe(stage, (faultMs * 2) / 3);
  const moved = await observe(stage, faultMs / 3);
  const healedWallMs = Date.now();
  await Promise.all(victims.map((seat) => fault.heal(stage, seat)));
  const after = await observe(stage, recoveryMs);
  const all = [...during, ...moved, ...after];
  const sum = (count: (window: CallWindow) => number) =>
    all.reduce((total, window) => total + count(window), 0);
  // What was sent before the fault was healed, whenever it was given up.
  const lastBadWallMs = lastBadOf(all, struckWallMs, healedWallMs);
  const meanBefore = total(before) / stage.seats.length / beforeMs;
  const loads = [...loadOf(moved)].filter(([id]) => !ids.has(id)).map(([, count]) => count);
  return {
    name: fault.name,
    sentCount: stage.callers.counts.sentCount - sentBefore,
    safeFailedCount: sum((window) => window.safeFailedCount),
    unsafeFailedCount: sum((window) => window.unsafeFailedCount),
    lateCount: sum((window) => window.lateCount),
    movedMs: lastBadWallMs === 0 ? undefined : lastBadWallMs - struckWallMs,
    shareBefore: shareOf(before, ids),
    shareMoved: shareOf(moved, ids),
    busiest: Math.max(0, ...loads) / (faultMs / 3) / meanBefore,
  };
}

/** When traffic went wrong for the last time between two moments; 0 when it never did. */
function lastBadOf(windows: readonly CallWindow[], fromWallMs: number, toWallMs: number): number {
  const slices = new Map<number, SafeSlice>();
  for (const slice of windows.flatMap((window) => window.slices)) {
    slices.set(slice.atWallMs, joinSlices(slices.get(slice.atWallMs), slice));
  }
  const lasts = [...slices.values()]
    .filter(({ count, badCount }) => badCount >= BAD_SHARE * count)
    .map(({ lastBadWallMs }) => lastBadWallMs)
    .filter((wallMs) => wallMs >= fromWallMs && wallMs <= toWallMs);
  return Math.max(0, ...lasts);
}

/** The windows of all regions for a while. */
async function observe(stage: DeployStage, ms: number): Promise<readonly CallWindow[]> {
  const windows: CallWindow[] = [];
  stage.callers.onWindow = (_region, window) => windows.push(window);
  await sleep(ms);
  stage.callers.onWindow = () => {};
  return windows;
}

function loadOf(windows: readonly CallWindow[]): ReadonlyMap<string, number> {
  const loads = new Map<string, number>();
  for (const { byInstance } of windows) {
    for (const [id, count] of Object.entries(byInstance)) {
      loads.set(id, (loads.get(id) ?? 0) + count);
    }
  }
  return loads;
}

function total(windows: readonly CallWindow[]): number {
  return [...loadOf(windows).values()].reduce((sum, count) => sum + count, 0);
}

function shareOf(windows: readonly CallWindow[], ids: ReadonlySet<string>): number {
  const all = total(windows);
  const own = [...loadOf(windows)].filter(([id]) => ids.has(id));
  return all === 0 ? 0 : own.reduce((sum, [, count]) => sum + count, 0) / all;
}
