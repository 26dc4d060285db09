/**
 * What a history is made of: each seed draws its own sizes, timings, features and faults.
 *
 * A history that knows everything meets rare pairs rarely, because what is common keeps happening
 * in between. Histories that know some things each, all different, meet every pair often in some.
 *
 * @see Groce et al., "Swarm Testing" (2012).
 */
import { type NodeConfig, PolicyName } from "@fpzk/core";
import type { Fault } from "../faults/fault.js";
import type { BufferSizes } from "../world/sim-node.js";
import type { Draw } from "./draw.js";

export const REGIONS = ["us", "eu", "ap"] as const;
export const NODES_PER_REGION = 3;
const SERVICES = ["orders", "users", "stock", "mail"] as const;
/** Share of all faults that one history knows. */
const FAULT_RATIO = 0.4;
const REMOTE_MIN_MS = 5;
const REMOTE_MAX_MS = 150;
const LOCAL_DELAY_MS = 1;

export interface Swarm {
  readonly config: Partial<NodeConfig>;
  readonly buffers: BufferSizes | undefined;
  readonly delayMs: (fromRegion: string, toRegion: string) => number;
  readonly services: readonly string[];
  /** Programs that register an instance each. */
  readonly providerCount: number;
  /** Programs that only watch and pick now and then. */
  readonly callerCount: number;
  /** Programs that pick all the time, as a proxy does. */
  readonly proxyCount: number;
  readonly policy: PolicyName;
  /** Share of instances that are their region's own. */
  readonly regionalRatio: number;
  /** Share of programs that are configured with servers of other regions. */
  readonly roamingRatio: number;
  readonly bodyBytes: number;
  readonly tableKind: "map" | "column";
  /** Undefined: nodes and clients have no disks. */
  readonly snapshotIntervalMs: number | undefined;
  /** How far monotonic clocks may run wrong: 0.05 is 5 %. */
  readonly driftRatio: number;
  /** How far wall clocks may be wrong from the start. */
  readonly wallErrorMs: number;
  readonly faults: readonly Fault[];
  /** Longest time between two strikes. */
  readonly calmMaxMs: number;
}

/** One of each kind; a table or a ring anew for every change of a view would only cost time. */
const POLICIES = [
  PolicyName.random,
  PolicyName.roundRobin,
  PolicyName.weighted,
  PolicyName.leastRequest,
  PolicyName.rendezvous,
  PolicyName.oldest,
];

export function drawSwarm(draw: Draw, faults: readonly Fault[]): Swarm {
  const known = draw.some(faults, FAULT_RATIO);
  const swarm: Swarm = {
    config: drawConfig(draw),
    buffers: draw.chance(0.3) ? drawBuffers(draw) : undefined,
    delayMs: drawDelays(draw),
    services: SERVICES.slice(0, draw.count(1, SERVICES.length)),
    providerCount: draw.count(3, draw.chance(0.2) ? 12 : 7),
    callerCount: draw.count(0, 2),
    proxyCount: draw.count(1, 2),
    policy: draw.pick(POLICIES),
    regionalRatio: draw.pick([0, 0.2, 0.5]),
    roamingRatio: draw.pick([0, 0.3]),
    bodyBytes: draw.pick([0, 0, 200, 2_000]),
    tableKind: draw.pick(["map", "column"] as const),
    snapshotIntervalMs: draw.chance(0.5) ? draw.durationMs(2_000, 15_000) : undefined,
    driftRatio: draw.pick([0, 0, 0.05]),
    wallErrorMs: draw.pick([0, 0, 5_000, 3_600_000]),
    faults: known.length === 0 ? faults : known,
    calmMaxMs: draw.pick([600, 2_000, 5_000]),
  };
  const { buffers, bodyBytes } = swarm;
  if (buffers === undefined) return swarm;
  // A queue that is fuller than four times its size ends the session: a few answers must fit, or
  // nobody could ever watch.
  const sessionQueueMaxBytes = Math.max(buffers.sessionQueueMaxBytes, 4 * bodyBytes);
  return { ...swarm, buffers: { ...buffers, sessionQueueMaxBytes } };
}

/** How fast a process's clock runs, and how wrong it is from the start. */
export function drawClock(draw: Draw, { driftRatio, wallErrorMs }: Swarm) {
  return {
    rate: 1 + draw.between(-driftRatio, driftRatio),
    wallAheadMs: Math.round(draw.between(-wallErrorMs, wallErrorMs)),
  };
}

function drawConfig(draw: Draw): Partial<NodeConfig> {
  const config: { -readonly [Name in keyof NodeConfig]?: NodeConfig[Name] } = {};
  if (draw.chance(0.3)) config.tombstoneTtlMs = draw.pick([60_000, 300_000]);
  if (draw.chance(0.4)) config.orphanSuspectMs = 10_000;
  if (draw.chance(0.3)) config.reconnectGraceMs = draw.pick([1_500, 5_000]);
  if (draw.chance(0.2)) {
    config.sessionTtlMs = 6_000;
    config.heartbeatIntervalMs = 2_000;
  }
  return config;
}

/** So small that a simulated world meets them. */
function drawBuffers(draw: Draw): BufferSizes {
  return {
    windowBytes: draw.pick([1_024, 8_192]),
    linkQueueMaxBytes: draw.pick([1_024, 8_192]),
    sessionQueueMaxBytes: draw.pick([1_024, 8_192]),
  };
}

function drawDelays(draw: Draw): Swarm["delayMs"] {
  const delays = new Map<string, number>();
  for (const [index, region] of REGIONS.entries()) {
    delays.set(region + region, LOCAL_DELAY_MS);
    for (const other of REGIONS.slice(index + 1)) {
      const delayMs = draw.durationMs(REMOTE_MIN_MS, REMOTE_MAX_MS);
      delays.set(region + other, delayMs);
      delays.set(other + region, delayMs);
    }
  }
  return (from, to) => delays.get(from + to) ?? LOCAL_DELAY_MS;
}
