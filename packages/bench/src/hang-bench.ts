/** From SIGSTOP of a client's process until a subscriber is told that its instance is suspect. */
import { type Bench, sized } from "./bench.js";
import { delay, sharedNowMs } from "./clock.js";
import { Latencies, summaryOf } from "./latencies.js";
import { Stage } from "./stage.js";
import { SuspectWatch } from "./suspect-watch.js";

const GOAL_MAX_MS = 3_000;
const SERVICE = "victims";
/** Others that stay, so that a few victims are no reason for the node to doubt itself. */
const HEALTHY_SESSION_COUNT = 200;
const HEARTBEAT_INTERVAL_MS = 1_000;
/** Between two stops: at different phases of the heartbeat. */
const STAGGER_MS = 230;

export const hangBench: Bench = {
  name: "hang",
  title:
    `each victim is a process with one raw session (heartbeat ${HEARTBEAT_INTERVAL_MS} ms, ttl ` +
    `3,000 ms, counted from the last heartbeat); ${HEALTHY_SESSION_COUNT} other sessions stay`,
  runCountMax: 1,
  async run(context) {
    const victimCount = sized(context, { tiny: 1, quick: 4, full: 12 });
    const latencies = new Latencies();
    const stage = new Stage(context);
    try {
      const server = await stage.server();
      const healthy = await stage.load(server, { count: HEALTHY_SESSION_COUNT, name: "healthy" });
      await healthy.call("keepAlive", { intervalMs: HEARTBEAT_INTERVAL_MS });
      const watch = await SuspectWatch.open(server.address, SERVICE);
      const told: Promise<void>[] = [];
      for (let index = 0; index < victimCount; index += 1) {
        const id = `victim-${index}`;
        context.progress(`${index} of ${victimCount} stopped`);
        const victim = await stage.load(server, { count: 1, name: id });
        await victim.call("registerOne", { service: SERVICE, id });
        await victim.call("keepAlive", { intervalMs: HEARTBEAT_INTERVAL_MS });
        await delay(HEARTBEAT_INTERVAL_MS + STAGGER_MS);
        const suspect = watch.suspect(id);
        const startMs = sharedNowMs();
        victim.signal("SIGSTOP");
        told.push(
          suspect.then((nowMs) => {
            latencies.record(nowMs - startMs);
            victim.signal("SIGKILL");
          }),
        );
      }
      await Promise.all(told);
      watch.close();
      const { p50Ms, maxMs } = summaryOf(latencies);
      const common = { bench: "hang", unit: "ms", better: "lower" } as const;
      return [
        { ...common, figure: "until suspect p50", value: p50Ms, goal: null },
        { ...common, figure: "until suspect, longest", value: maxMs, goal: GOAL_MAX_MS },
      ];
    } finally {
      await stage[Symbol.asyncDispose]();
    }
  },
};
