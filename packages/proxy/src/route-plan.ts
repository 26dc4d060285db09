/**
 * Which routes are in force: the proxy's own and those of the registry's route sets. Pure.
 *
 * The proxy's own come first: who runs it has the last word. A set that cannot be followed is
 * refused whole, with the reason, and what was followed under its name before stays. Two sets that
 * take the same requests can only have been written in two regions at once; then the set whose
 * name is first has them, on every proxy.
 */
import { ROUTE_COUNT_MAX, type Route, routeIdentity } from "@fpzk/core";
import type { KeptRouteSet } from "./route-file.js";

/** A route set as the registry has it. */
export interface OfferedRouteSet extends KeptRouteSet {
  readonly fault?: string;
}

export interface RoutePlan {
  readonly routes: readonly Route[];
  /** What is followed of the registry, to be kept for the next start. */
  readonly sets: readonly KeptRouteSet[];
  readonly refusals: readonly { readonly name: string; readonly reason: string }[];
}

export function planRoutes(
  own: readonly Route[],
  offered: readonly OfferedRouteSet[],
  before: readonly KeptRouteSet[],
): RoutePlan {
  const routes = [...own];
  const taken = new Map(own.map((route) => [routeIdentity(route), "the proxy's own routes"]));
  const sets: KeptRouteSet[] = [];
  const refusals: { name: string; reason: string }[] = [];
  for (const { name, routes: given, fault } of offered) {
    const isTooMuch = routes.length + given.length > ROUTE_COUNT_MAX;
    const reason = fault ?? (isTooMuch ? tooMany(routes.length, given.length) : undefined);
    const followed =
      reason === undefined ? { name, routes: given } : before.find((one) => one.name === name);
    if (reason !== undefined) {
      const rest = followed === undefined ? "nothing stands in for it" : "the last good one stays";
      refusals.push({ name, reason: `${reason}; ${rest}` });
    }
    if (followed === undefined || routes.length + followed.routes.length > ROUTE_COUNT_MAX)
      continue;
    sets.push(followed);
    for (const route of followed.routes) {
      const identity = routeIdentity(route);
      const other = taken.get(identity);
      if (other === undefined) {
        taken.set(identity, `route set ${name}`);
        routes.push(route);
      } else {
        refusals.push({ name, reason: `${identity} is taken already, by ${other}` });
      }
    }
  }
  return { routes, sets, refusals };
}

function tooMany(heldCount: number, givenCount: number): string {
  return `${givenCount} routes beside ${heldCount} others are more than ${ROUTE_COUNT_MAX}`;
}
