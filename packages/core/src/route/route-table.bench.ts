/** How many requests a second a table of routes takes: it is on the path of every request. */
import { SeededRandom } from "../random.js";
import { queryOf } from "./query.fixture.js";
import type { Route, RouteQuery, RouteTable } from "./route.js";
import { createRouteTable } from "./route-table.js";

export interface RouteBenchOptions {
  /** Default 1, 100 and 1,000. */
  readonly routeCounts?: readonly number[];
  /** Wall time of each measurement; default 200. Small for a run that only must not rot. */
  readonly measureMs?: number;
}

export interface RouteBenchResult {
  readonly routeCount: number;
  /** What the requests ask for: the first route, the last one, or none. */
  readonly asks: "one host" | "many hosts" | "split and conditions" | "nothing";
  readonly matchesPerSecond: number;
  readonly nanosecondsPerMatch: number;
}

const BATCH_COUNT = 1_000;
const PATH_COUNT = 64;

/** Measures tables of several sizes, with requests of several kinds. */
export function benchRoutes(options: RouteBenchOptions = {}): RouteBenchResult[] {
  const { routeCounts = [1, 100, 1_000], measureMs = 200 } = options;
  return routeCounts.flatMap((routeCount) =>
    (["one host", "many hosts", "split and conditions", "nothing"] as const).map((asks) => {
      const routes = Array.from({ length: routeCount }, (_, at) => routeAt(at, asks));
      const table = createRouteTable(routes, { random: new SeededRandom(1) });
      const queries = Array.from({ length: PATH_COUNT }, (_, at) =>
        queryAt(Math.floor((at * routeCount) / PATH_COUNT), asks),
      );
      matchUntil(table, queries, measureMs / 4);
      const { matchCount, elapsedMs } = matchUntil(table, queries, measureMs);
      return {
        routeCount,
        asks,
        matchesPerSecond: Math.round((matchCount / elapsedMs) * 1_000),
        nanosecondsPerMatch: Math.round((elapsedMs * 1e6) / matchCount),
      };
    }),
  );
}

function routeAt(at: number, asks: RouteBenchResult["asks"]): Route {
  const pathPrefix = `/team-${at % 30}/service-${at}`;
  const service = `service-${at}`;
  if (asks === "many hosts") return { service, host: `host-${at}.example` };
  if (asks !== "split and conditions") return { service, pathPrefix, stripPrefix: true };
  return {
    pathPrefix,
    methods: ["GET", "POST"],
    headers: [{ name: "x-ring", prefix: "beta" }],
    split: [
      { service, weight: 95, filter: { version: "1" } },
      { service, weight: 5, filter: { version: "2" } },
    ],
    splitKey: "cookie:sid",
  };
}

function queryAt(at: number, asks: RouteBenchResult["asks"]): RouteQuery {
  const path = `/team-${at % 30}/service-${at}/orders/4711?verbose=1`;
  return queryOf({
    host: asks === "many hosts" ? `host-${at}.example:8080` : "api.example",
    path: asks === "nothing" ? `/nobody${path}` : path,
    headers: { "x-ring": "beta-2", cookie: "theme=dark; sid=c0ffee; lang=de" },
  });
}

function matchUntil(table: RouteTable, queries: readonly RouteQuery[], measureMs: number) {
  const start = performance.now();
  let matchCount = 0;
  let elapsedMs = 0;
  do {
    for (let index = 0; index < BATCH_COUNT; index += 1) {
      const query = queries[index % PATH_COUNT];
      if (query !== undefined && table.match(query).type !== "invalid") matchCount += 1;
    }
    elapsedMs = performance.now() - start;
  } while (elapsedMs < measureMs);
  return { matchCount, elapsedMs };
}
