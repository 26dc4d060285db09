/** How many session heartbeats a node answers. */
import { type Bench, sized } from "./bench.js";
import { Stage } from "./stage.js";

const SESSION_COUNT = 64;
const GOAL_PER_SECOND = 60_000;
const DEPTH = 16;

export const heartbeatBench: Bench = {
  name: "heartbeat",
  title: `${SESSION_COUNT} raw sessions in one load process, ${DEPTH} heartbeats of each on their way`,
  async run(context) {
    const durationMs = sized(context, { tiny: 100, quick: 1_000, full: 4_000 });
    const stage = new Stage(context);
    try {
      const server = await stage.server();
      const load = await stage.load(server, { count: SESSION_COUNT, name: "heart" });
      await load.call("heartbeats", { durationMs: durationMs / 4, depth: DEPTH });
      await server.remote.call("reset", {});
      const count = await load.call("heartbeats", { durationMs, depth: DEPTH });
      const usage = await server.remote.call("usage", undefined);
      const common = { bench: "heartbeat", unit: "/s", better: "higher" } as const;
      return [
        {
          ...common,
          figure: "per second of server CPU",
          value: (count * 1_000) / usage.cpuMs,
          goal: GOAL_PER_SECOND,
        },
        {
          ...common,
          figure: "per second",
          value: (count * 1_000) / usage.elapsedMs,
          goal: null,
        },
      ];
    } finally {
      await stage[Symbol.asyncDispose]();
    }
  },
};
