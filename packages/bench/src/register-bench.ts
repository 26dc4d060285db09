/** How many new registrations a node takes, one in each message. */
import { type Bench, sized } from "./bench.js";
import { Stage } from "./stage.js";

const SESSION_COUNT = 64;
const GOAL_PER_SECOND = 40_000;
const DEPTH = 16;

export const registerBench: Bench = {
  name: "register",
  title: `${SESSION_COUNT} raw sessions in one load process, ${DEPTH} registrations of each on their way`,
  async run(context) {
    const count = sized(context, { tiny: 500, quick: 50_000, full: 200_000 });
    const stage = new Stage(context);
    try {
      const server = await stage.server();
      const load = await stage.load(server, { count: SESSION_COUNT, name: "register" });
      const options = { batchCount: 1, depth: DEPTH };
      const warmCount = count / 5;
      await load.call("register", { ...options, firstIndex: 0, count: warmCount });
      await server.remote.call("reset", {});
      const elapsedMs = await load.call("register", { ...options, firstIndex: warmCount, count });
      const usage = await server.remote.call("usage", undefined);
      const common = { bench: "register", unit: "/s", better: "higher" } as const;
      return [
        {
          ...common,
          figure: "per second",
          value: (count * 1_000) / elapsedMs,
          goal: GOAL_PER_SECOND,
        },
        {
          ...common,
          figure: "per second of server CPU",
          value: (count * 1_000) / usage.cpuMs,
          goal: null,
        },
      ];
    } finally {
      await stage[Symbol.asyncDispose]();
    }
  },
};
