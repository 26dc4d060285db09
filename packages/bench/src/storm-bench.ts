/** Many instances of one service start at the same moment. */
import { type Bench, sized } from "./bench.js";
import { Stage } from "./stage.js";

const GOAL_SECONDS = 0.5;
const GOAL_MEGABYTES = 50;
const MARK = "storm-";

export const stormBench: Bench = {
  name: "storm",
  title:
    "1,000 instances, each of a raw session of its own, register at once; 100 raw subscribers " +
    "in another process count the ids that they get",
  async run(context) {
    const instanceCount = sized(context, { tiny: 20, quick: 1_000, full: 1_000 });
    const subscriberCount = sized(context, { tiny: 3, quick: 100, full: 100 });
    const service = "stormy";
    const stage = new Stage(context);
    try {
      const server = await stage.server();
      const subscribing = await stage.load(server, { count: subscriberCount, name: "subscribing" });
      const registering = await stage.load(server, { count: instanceCount, name: "registering" });
      await subscribing.call("watchMarked", { service, mark: MARK });
      const before = await server.remote.call("usage", undefined);
      const startMs = await registering.call("burst", { service, mark: MARK });
      const { lastMs } = await subscribing.call("marked", {
        count: instanceCount * subscriberCount,
      });
      const after = await server.remote.call("usage", undefined);
      const common = { bench: "storm", better: "lower" } as const;
      return [
        {
          ...common,
          figure: "until all subscribers have all",
          value: (lastMs - startMs) / 1_000,
          unit: "s",
          goal: GOAL_SECONDS,
        },
        {
          ...common,
          figure: "pushed",
          value: (after.pushBytes - before.pushBytes) / 1e6,
          unit: "MB",
          goal: GOAL_MEGABYTES,
        },
      ];
    } finally {
      await stage[Symbol.asyncDispose]();
    }
  },
};
