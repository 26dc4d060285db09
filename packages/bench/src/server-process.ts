/** A real server in a process of its own, and what it costs. */
import { PerformanceObserver } from "node:perf_hooks";
import {
  localClusterOptions,
  localNodeOptions,
  type RunningServer,
  silentLogger,
  startServer,
} from "@fpzk/server";
import { cpuNowMs, sharedNowMs } from "./clock.js";
import { serveHandlers } from "./remote.js";

export interface ServerStart {
  readonly seeds?: readonly string[];
  /** From the start on, as by `reset`. */
  readonly watchesLoop?: boolean;
}

/** Since the last reset, where it says so. */
export interface ServerUsage {
  /** Since the last reset. */
  readonly cpuMs: number;
  /** Since the last reset. */
  readonly elapsedMs: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly tableBytes: number;
  readonly recordCount: number;
  readonly pushBytes: number;
  /** Longest delay of the event loop since the last reset. */
  readonly loopDelayMaxMs: number;
  /** Most CPU time within one such delay: what of it is this process's own doing. */
  readonly loopBusyMaxMs: number;
  /** Longest stop for the garbage collector since the last reset. */
  readonly gcPauseMaxMs: number;
}

const CLUSTER_SECRET = "a secret of benchmarks alone";
/** Delays shorter than this may be missed. */
const LOOP_RESOLUTION_MS = 5;
const READY_POLL_MS = 2;

let server: RunningServer | undefined;
let cpuStartMs = cpuNowMs();
let startMs = sharedNowMs();
let gcPauseMaxMs = 0;
let loopDelayMaxMs = 0;
let loopBusyMaxMs = 0;
let sampleMs = sharedNowMs();
let sampleCpuMs = cpuNowMs();
let loopSampling: NodeJS.Timeout | undefined;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) gcPauseMaxMs = Math.max(gcPauseMaxMs, entry.duration);
}).observe({ entryTypes: ["gc"] });

const handlers = {
  /** Resolves with the address. */
  async start({ seeds = [], watchesLoop = false }: ServerStart): Promise<string> {
    server = await startServer({
      logger: silentLogger,
      cluster: localClusterOptions({ name: "bench" }),
      node: localNodeOptions({
        region: "local",
        zone: "a",
        seeds,
        clusterSecret: CLUSTER_SECRET,
      }),
    });
    // What loading and starting cost is not what is asked for.
    handlers.reset({ watchesLoop });
    return server.address;
  },

  /** Resolves with the ms that it took until the node answers queries. */
  async ready(): Promise<number> {
    const beginMs = sharedNowMs();
    while (!running().port.state().isReady) {
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
    }
    return sharedNowMs() - beginMs;
  },

  /** Begins a new count; watching the loop costs a little CPU itself. */
  reset({ watchesLoop = false }: { watchesLoop?: boolean } = {}): void {
    cpuStartMs = cpuNowMs();
    startMs = sharedNowMs();
    gcPauseMaxMs = 0;
    loopDelayMaxMs = 0;
    loopBusyMaxMs = 0;
    clearInterval(loopSampling);
    if (!watchesLoop) return;
    sampleMs = sharedNowMs();
    sampleCpuMs = cpuNowMs();
    loopSampling = setInterval(sampleLoop, LOOP_RESOLUTION_MS);
  },

  async usage(): Promise<ServerUsage> {
    const cpuMs = cpuNowMs() - cpuStartMs;
    const elapsedMs = sharedNowMs() - startMs;
    const pauses = { loopDelayMaxMs, loopBusyMaxMs, gcPauseMaxMs };
    const memory = process.memoryUsage();
    const metrics = await running().metricsText();
    return {
      cpuMs,
      elapsedMs,
      ...pauses,
      rssBytes: memory.rss,
      heapBytes: memory.heapUsed,
      tableBytes: metric(metrics, "fpzk_table_bytes"),
      recordCount: metric(metrics, "fpzk_records"),
      pushBytes: metric(metrics, "fpzk_push_bytes_total"),
    };
  },
};

export type ServerHandlers = typeof handlers;

function sampleLoop(): void {
  const nowMs = sharedNowMs();
  const nowCpuMs = cpuNowMs();
  const delayMs = Math.max(0, nowMs - sampleMs - LOOP_RESOLUTION_MS);
  loopDelayMaxMs = Math.max(loopDelayMaxMs, delayMs);
  loopBusyMaxMs = Math.max(loopBusyMaxMs, Math.min(delayMs, nowCpuMs - sampleCpuMs));
  sampleMs = nowMs;
  sampleCpuMs = nowCpuMs;
}

function running(): RunningServer {
  if (server === undefined) throw new Error("the server must be started first");
  return server;
}

function metric(text: string, name: string): number {
  const match = new RegExp(`^${name} (\\S+)$`, "m").exec(text);
  if (match === null) throw new Error(`the metrics must have ${name}`);
  return Number(match[1]);
}

serveHandlers(handlers);
