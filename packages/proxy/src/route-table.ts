/** Routes are core's: the client and the registry read them with the same code. */
export {
  createRouteTable,
  destinationsOf,
  type Route,
  type RouteMatch,
  type RouteQuery,
  type RouteTable,
  type RouteTarget,
} from "@fpzk/core";
