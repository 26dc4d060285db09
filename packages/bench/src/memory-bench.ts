/** What instances cost a node: memory, pauses, and the heartbeats that keep them. */
import { type Bench, type BenchContext, sized } from "./bench.js";
import { delay } from "./clock.js";
import type { Figure } from "./figure.js";
import { SERVICE_INSTANCE_COUNT } from "./instances.js";
import type { ServerUsage } from "./server-process.js";
import { type BenchServer, Stage } from "./stage.js";

const MEGABYTE = 1024 * 1024;
const GOALS = { tableBytesPerInstance: 120, rssMegabytes: 450, pauseMs: 20, corePercent: 50 };
/** Few, so that memory is that of instances. */
const FILLING_SESSION_COUNT = 64;
/** Small: all sessions' messages may come in one turn of the server's loop. */
const FILLING_BATCH_COUNT = 10;
/** Where pauses are not measured. */
const LARGE_BATCH_COUNT = 100;
const LOAD_PROCESS_COUNT = 2;
const HEARTBEAT_INTERVAL_MS = 1_000;

export const memoryBench: Bench = {
  name: "memory",
  title:
    `instances over ${FILLING_SESSION_COUNT} raw sessions, ${SERVICE_INSTANCE_COUNT} in each service, ` +
    `registered in batches of ${FILLING_BATCH_COUNT}; then the same over many sessions, all of which heartbeat`,
  runCountMax: 1,
  async run(context) {
    return [...(await measureFilling(context)), ...(await measureKeeping(context))];
  },
};

async function measureFilling(context: BenchContext): Promise<Figure[]> {
  const counts = sized(context, {
    tiny: [1_000],
    quick: [10_000, 100_000],
    full: [10_000, 100_000, 1_000_000],
  });
  const figures: Figure[] = [];
  const stage = new Stage(context);
  try {
    const server = await stage.server();
    const load = await stage.load(server, { count: FILLING_SESSION_COUNT, name: "filling" });
    await load.call("keepAlive", { intervalMs: HEARTBEAT_INTERVAL_MS });
    let filledCount = 0;
    for (const count of counts) {
      context.progress(`${count} instances`);
      await server.remote.call("reset", { watchesLoop: true });
      const missing = { firstIndex: filledCount, count: count - filledCount };
      await load.call("register", { ...missing, batchCount: FILLING_BATCH_COUNT, depth: 1 });
      filledCount = count;
      figures.push(...fillingFigures(count, await server.remote.call("usage", undefined)));
    }
  } finally {
    await stage[Symbol.asyncDispose]();
  }
  return figures;
}

function fillingFigures(count: number, usage: ServerUsage): Figure[] {
  const isMillion = count >= 1_000_000;
  const name = count.toLocaleString("en");
  const common = { bench: "memory", better: "lower" } as const;
  return [
    {
      ...common,
      figure: `${name}: table per instance`,
      value: usage.tableBytes / count,
      unit: "B",
      goal: isMillion ? GOALS.tableBytesPerInstance : null,
    },
    {
      ...common,
      figure: `${name}: resident`,
      value: usage.rssBytes / MEGABYTE,
      unit: "MiB",
      goal: isMillion ? GOALS.rssMegabytes : null,
    },
    {
      ...common,
      figure: `${name}: longest collector pause`,
      value: usage.gcPauseMaxMs,
      unit: "ms",
      goal: isMillion ? GOALS.pauseMs : null,
    },
    {
      ...common,
      figure: `${name}: longest loop delay while filling`,
      value: usage.loopDelayMaxMs,
      unit: "ms",
      goal: isMillion ? GOALS.pauseMs : null,
    },
    {
      ...common,
      figure: `${name}: most CPU in one loop delay`,
      value: usage.loopBusyMaxMs,
      unit: "ms",
      goal: null,
    },
  ];
}

/** Instances over many sessions, each of which heartbeats once a second. */
async function measureKeeping(context: BenchContext): Promise<Figure[]> {
  const sessionCount = sized(context, { tiny: 20, quick: 2_000, full: 10_000 });
  const instanceCount = sized(context, { tiny: 200, quick: 200_000, full: 1_000_000 });
  const settleMs = sized(context, { tiny: 50, quick: 3_000, full: 5_000 });
  const measureMs = sized(context, { tiny: 100, quick: 5_000, full: 20_000 });
  const name = `${instanceCount.toLocaleString("en")} over ${sessionCount.toLocaleString("en")} sessions`;
  context.progress(name);
  const stage = new Stage(context);
  try {
    const server = await stage.server();
    await fillByProcesses(stage, server, { sessionCount, instanceCount });
    await delay(settleMs);
    await server.remote.call("reset", { watchesLoop: true });
    await delay(measureMs);
    const usage = await server.remote.call("usage", undefined);
    if (usage.recordCount < instanceCount) {
      throw new Error(`${usage.recordCount} records are left of ${instanceCount}`);
    }
    const common = { bench: "memory", better: "lower" } as const;
    const isFull = context.scale === "full";
    return [
      {
        ...common,
        figure: `${name}: CPU`,
        value: (usage.cpuMs * 100) / usage.elapsedMs,
        unit: "% of a core",
        goal: isFull ? GOALS.corePercent : null,
      },
      {
        ...common,
        figure: `${name}: longest loop delay`,
        value: usage.loopDelayMaxMs,
        unit: "ms",
        goal: isFull ? GOALS.pauseMs : null,
      },
      {
        ...common,
        figure: `${name}: most CPU in one loop delay`,
        value: usage.loopBusyMaxMs,
        unit: "ms",
        goal: null,
      },
      {
        ...common,
        figure: `${name}: resident`,
        value: usage.rssBytes / MEGABYTE,
        unit: "MiB",
        goal: null,
      },
    ];
  } finally {
    await stage[Symbol.asyncDispose]();
  }
}

/** Fills a server from several processes, whose sessions heartbeat from then on. */
export async function fillByProcesses(
  stage: Stage,
  server: BenchServer,
  total: { sessionCount: number; instanceCount: number },
): Promise<void> {
  const count = total.instanceCount / LOAD_PROCESS_COUNT;
  for (let index = 0; index < LOAD_PROCESS_COUNT; index += 1) {
    const load = await stage.load(server, {
      count: total.sessionCount / LOAD_PROCESS_COUNT,
      name: `load-${index}`,
      keepAliveMs: HEARTBEAT_INTERVAL_MS,
    });
    const batchCount = Math.min(
      LARGE_BATCH_COUNT,
      count / (total.sessionCount / LOAD_PROCESS_COUNT),
    );
    await load.call("register", { firstIndex: index * count, count, batchCount, depth: 1 });
  }
}
