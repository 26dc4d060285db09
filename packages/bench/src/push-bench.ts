/** Time from a registration's sending until each subscriber has it. */
import { type Bench, type BenchContext, sized } from "./bench.js";
import type { Figure } from "./figure.js";
import { Stage } from "./stage.js";

interface Case {
  readonly subscriberCount: number;
  readonly instanceCount: number;
  readonly goals: { readonly p50Ms: number; readonly p99Ms: number } | undefined;
}

const CASES: readonly Case[] = [
  { subscriberCount: 1, instanceCount: 10, goals: { p50Ms: 0.5, p99Ms: 3 } },
  { subscriberCount: 1, instanceCount: 1_000, goals: undefined },
  { subscriberCount: 1_000, instanceCount: 10, goals: undefined },
  { subscriberCount: 1_000, instanceCount: 1_000, goals: { p50Ms: 10, p99Ms: 25 } },
];
const REGISTERING_SESSION_COUNT = 10;
const SERVICE = "service-0";
/**
 * Rounds before the count begins. With one subscriber a server does so little that its code is
 * still interpreted after hundreds of rounds; a registry that has served for seconds is meant.
 */
const WARM_ROUND_COUNTS = { tiny: 5, quick: 100, full: 1_000 } as const;
const FANOUT_WARM_ROUND_COUNT = 20;
const ROUND_COUNTS = { tiny: 5, quick: 100, full: 400 } as const;
const KEEP_ALIVE_MS = 1_000;
/** The same changes without pauses: what of their cost is that of a server that was idle. */
const DENSE_INTERVAL_MS = 2;

export const pushBench: Bench = {
  name: "push",
  title:
    "subscribers × instances of one service; subscribers are raw sessions in one process that " +
    "read the id in each frame, the registering session is in another; over all subscribers. A " +
    "bare relay is a WebSocket server in FPZK's place that only hands frames on: the floor here",
  async run(context) {
    const figures: Figure[] = [];
    for (const entry of CASES) {
      const { subscriberCount, instanceCount } = entry;
      context.progress(`${subscriberCount} subscribers x ${instanceCount} instances`);
      figures.push(...(await measure(context, entry)));
    }
    context.progress("a bare relay");
    figures.push(...(await measureRelay(context)));
    return figures;
  },
};

/** The same rounds through a process that does nothing: what the machine itself takes. */
async function measureRelay(context: BenchContext): Promise<Figure[]> {
  const roundCount = sized(context, ROUND_COUNTS);
  const stage = new Stage(context);
  try {
    const { address, remote } = await stage.relay();
    const registering = await stage.load({ address }, { count: 1, name: "registering" });
    const subscribing = await stage.load({ address }, { count: 1, name: "subscribing" });
    await subscribing.call("watchStamped", { service: SERVICE });
    const runRounds = async (count: number) => {
      await registering.call("registerStamped", { service: SERVICE, count, intervalMs: 10 });
      return subscribing.call("latencies", { count });
    };
    await runRounds(sized(context, WARM_ROUND_COUNTS));
    await remote.call("reset", undefined);
    const { p50Ms, p99Ms } = await runRounds(roundCount);
    const cpuMs = (await remote.call("usage", undefined)) / (2 * roundCount);
    const common = { bench: "push", unit: "ms", better: "lower", goal: null } as const;
    return [
      { ...common, figure: "bare relay, 1 subscriber, p50", value: p50Ms },
      { ...common, figure: "bare relay, 1 subscriber, p99", value: p99Ms },
      { ...common, figure: "bare relay, 1 subscriber, CPU of one change", value: cpuMs },
    ];
  } finally {
    await stage[Symbol.asyncDispose]();
  }
}

async function measure(context: BenchContext, { goals, ...counts }: Case): Promise<Figure[]> {
  const subscriberCount = Math.min(
    counts.subscriberCount,
    sized(context, { tiny: 5, quick: 1_000, full: 1_000 }),
  );
  const roundCount = sized(context, ROUND_COUNTS);
  const isFanout = subscriberCount > 1;
  const intervalMs = isFanout ? sized(context, { tiny: 10, quick: 60, full: 60 }) : 10;
  const stage = new Stage(context);
  try {
    const server = await stage.server();
    const registering = await stage.load(server, {
      count: REGISTERING_SESSION_COUNT,
      name: "registering",
    });
    const instances = { firstIndex: 0, count: counts.instanceCount, batchCount: 10, depth: 1 };
    await registering.call("register", instances);
    await registering.call("keepAlive", { intervalMs: KEEP_ALIVE_MS });
    const subscribing = await stage.load(server, { count: subscriberCount, name: "subscribing" });
    await subscribing.call("keepAlive", { intervalMs: KEEP_ALIVE_MS });
    await subscribing.call("watchStamped", { service: SERVICE });
    const runRounds = async (count: number, everyMs = intervalMs) => {
      await registering.call("registerStamped", { service: SERVICE, count, intervalMs: everyMs });
      return subscribing.call("latencies", { count: count * subscriberCount });
    };
    await runRounds(isFanout ? FANOUT_WARM_ROUND_COUNT : sized(context, WARM_ROUND_COUNTS));
    await server.remote.call("reset", {});
    const { p50Ms, p99Ms, maxMs } = await runRounds(roundCount);
    // A round is a registration and a removal.
    const cpuPerChangeMs = async () =>
      (await server.remote.call("usage", undefined)).cpuMs / (2 * roundCount);
    const cpuMsPerPush = await cpuPerChangeMs();
    await server.remote.call("reset", {});
    if (!isFanout) await runRounds(roundCount, DENSE_INTERVAL_MS);
    const denseFigures = isFanout
      ? []
      : [{ figure: "server CPU of one change, one each ms", value: await cpuPerChangeMs() }];
    const name = `${counts.subscriberCount} x ${counts.instanceCount}`;
    const common = { bench: "push", unit: "ms", better: "lower" } as const;
    return [
      { ...common, figure: `${name} p50`, value: p50Ms, goal: goals?.p50Ms ?? null },
      { ...common, figure: `${name} p99`, value: p99Ms, goal: goals?.p99Ms ?? null },
      { ...common, figure: `${name} max`, value: maxMs, goal: null },
      { ...common, figure: `${name} server CPU of one change`, value: cpuMsPerPush, goal: null },
      ...denseFigures.map(({ figure, value }) => ({
        ...{ ...common, figure: `${name} ${figure}`, value, goal: null },
      })),
    ];
  } finally {
    await stage[Symbol.asyncDispose]();
  }
}
