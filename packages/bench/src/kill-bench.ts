/** From `kill -9` of a client's process until a subscriber is told that its instance is suspect. */
import type { Bench, BenchContext } from "./bench.js";
import { sized } from "./bench.js";
import { sharedNowMs } from "./clock.js";
import { Latencies, summaryOf } from "./latencies.js";
import { Stage } from "./stage.js";
import { SuspectWatch } from "./suspect-watch.js";

const GOAL_P99_MS = 10;
const SERVICE = "victims";
/** Victims that are started together; starting costs more than dying. */
const GROUP_COUNT = 4;

export const killBench: Bench = {
  name: "kill",
  title: "each victim is a process with one raw session; the subscriber is a raw session",
  runCountMax: 2,
  async run(context: BenchContext) {
    const victimCount = sized(context, { tiny: 1, quick: 16, full: 100 });
    const latencies = new Latencies();
    const stage = new Stage(context);
    try {
      const server = await stage.server();
      const watch = await SuspectWatch.open(server.address, SERVICE);
      for (let at = 0; at < victimCount; at += GROUP_COUNT) {
        context.progress(`${at} of ${victimCount} killed`);
        const ids = Array.from(
          { length: Math.min(GROUP_COUNT, victimCount - at) },
          (_, index) => `victim-${at + index}`,
        );
        const victims = await Promise.all(
          ids.map(async (id) => {
            const victim = await stage.load(server, { count: 1, name: id });
            await victim.call("registerOne", { service: SERVICE, id });
            return { id, victim };
          }),
        );
        for (const { id, victim } of victims) {
          const told = watch.suspect(id);
          const startMs = sharedNowMs();
          victim.signal("SIGKILL");
          latencies.record((await told) - startMs);
        }
      }
      watch.close();
      const { p50Ms, p99Ms } = summaryOf(latencies);
      const common = { bench: "kill", unit: "ms", better: "lower" } as const;
      return [
        { ...common, figure: "until suspect p50", value: p50Ms, goal: null },
        { ...common, figure: "until suspect p99", value: p99Ms, goal: GOAL_P99_MS },
      ];
    } finally {
      await stage[Symbol.asyncDispose]();
    }
  },
};
