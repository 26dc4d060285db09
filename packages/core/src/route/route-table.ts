/**
 * Which service a request goes to.
 *
 * Configured routes come first, in the order of `route-index.ts`; in dynamic mode, what no route
 * takes names its service itself, see `dynamic-route.ts`. Paths with dot segments are refused: the
 * proxy and an instance might resolve them to different routes.
 *
 * A table is immutable; another one takes its place when routes change.
 */
import type { Random } from "../random.js";
import { CompiledRoute } from "./compiled-route.js";
import { dynamicMatch } from "./dynamic-route.js";
import { shown } from "./fault-list.js";
import { hasDotSegment, hostName } from "./request-path.js";
import type { Destination, Route, RouteMatch, RouteQuery, RouteTable } from "./route.js";
import { RouteIndex } from "./route-index.js";

export interface RouteTableOptions {
  /** Whether a request may name any service itself. Default false. */
  readonly isDynamic?: boolean;
  /** For splits without a key, and shares of mirrors. */
  readonly random: Random;
}

const NONE: RouteMatch = { type: "none" };

/** Builds a table. @param routes - Must have passed `readRoutes`. */
export function createRouteTable(
  routes: readonly Route[],
  { isDynamic = false, random }: RouteTableOptions,
): RouteTable {
  const index = new RouteIndex(routes.map((route) => new CompiledRoute(route, random)));
  return {
    match(query) {
      const queryStart = query.path.indexOf("?");
      const path = queryStart === -1 ? query.path : query.path.slice(0, queryStart);
      if (!path.startsWith("/")) return NONE;
      if (hasDotSegment(path)) {
        return { type: "invalid", message: `path ${shown(path)} has a dot segment; resolve it` };
      }
      const found = index.find(hostName(query.host), path, accepts, query);
      if (found !== undefined) return { type: "target", target: found.target(query, path) };
      return isDynamic ? dynamicMatch(query, path) : NONE;
    },
  };
}

function accepts(route: CompiledRoute, query: RouteQuery): boolean {
  return route.accepts(query);
}

/** Where a route may send requests, mirrors included: what must be watched before it is followed. */
export function destinationsOf(route: Route): readonly Destination[] {
  const { service, namespace, filter, split, mirror } = route;
  const mirrors = mirror === undefined ? [] : [mirror];
  if (service === undefined) return [...(split ?? []), ...mirrors];
  const own: Destination = {
    service,
    ...(namespace === undefined ? {} : { namespace }),
    ...(filter === undefined ? {} : { filter }),
  };
  return [own, ...mirrors];
}
