/** Looking up routes: it is on the path of every request through a proxy. */
import { benchRoutes } from "../../core/dist/route/route-table.bench.js";
import { type Bench, sized } from "./bench.js";

export const routeBench: Bench = {
  name: "route",
  title: "one process, no network; a table of routes and requests for routes all over it",
  async run(context) {
    const measureMs = sized(context, { tiny: 2, quick: 50, full: 200 });
    return benchRoutes({ measureMs }).map((result) => ({
      bench: "route",
      figure: `${result.routeCount.toLocaleString("en")} routes, ${result.asks}`,
      value: result.matchesPerSecond,
      unit: "matches/s",
      goal: null,
      better: "higher" as const,
    }));
  },
};
