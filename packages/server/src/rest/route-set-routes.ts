/** Routes of route sets: where proxies send requests, kept in the registry. */
import { type Route, readRoutes } from "@fpzk/core";
import type { RouteSetAddress, RouteSetView } from "../registry-port.js";
import { PROBLEM_ERROR_COUNT_MAX, RequestFault } from "./problem.js";
import * as schemas from "./route-set-schemas.js";
import type { Answer, Call, RestContext, RouteSpec } from "./route-spec.js";

const ROUTE_SETS = "/v1/namespaces/{namespace}/route-sets";
const ROUTE_SET = `${ROUTE_SETS}/{name}`;
const tag = "operation";

export const ROUTE_SET_ROUTES: readonly RouteSpec[] = [
  {
    method: "GET",
    path: ROUTE_SETS,
    operationId: "listRouteSets",
    summary: "The route sets of a namespace, by name.",
    tag,
    responses: { 200: { description: "The route sets.", schema: schemas.routeSetList } },
    run: async (call, { port }) => {
      const namespace = call.path["namespace"] ?? "";
      const routeSets = port.routeSets.list(call.principal, namespace).map(toJson);
      return { status: 200, body: { namespace, routeSets } };
    },
  },
  {
    method: "GET",
    path: ROUTE_SET,
    operationId: "getRouteSet",
    summary: "One route set.",
    tag,
    problems: [404],
    responses: { 200: { description: "The route set.", schema: schemas.routeSet } },
    run: async (call, { port }) => {
      const { namespace, name } = addressOf(call);
      const found = port.routeSets.list(call.principal, namespace).find((one) => one.name === name);
      if (found !== undefined) return { status: 200, body: toJson(found) };
      throw new RequestFault("not_found", `route set ${namespace} / ${name} is not there`);
    },
  },
  {
    method: "PUT",
    path: ROUTE_SET,
    operationId: "putRouteSet",
    summary: "Write a route set: every proxy of the namespace follows it at once.",
    description:
      "Needs the role operate. Checked as a proxy checks its own routes; 409 when it takes the " +
      "same requests as another set. Times are in milliseconds.",
    tag,
    body: schemas.routeSetInput,
    problems: [409],
    responses: {
      200: { description: "Replaced.", schema: schemas.routeSetWritten },
      201: { description: "New.", schema: schemas.routeSetWritten },
    },
    run: put,
  },
  {
    method: "DELETE",
    path: ROUTE_SET,
    operationId: "deleteRouteSet",
    summary: "Delete a route set.",
    description: "Needs the role operate.",
    tag,
    problems: [404],
    responses: { 204: { description: "Deleted." } },
    run: async (call, { port }) => {
      await port.routeSets.delete(call.principal, addressOf(call));
      return { status: 204 };
    },
  },
];

/** As the schema leaves it: the rest is checked by `readRoutes`. */
interface RouteSetInput {
  readonly routes: unknown;
  readonly balancing?: unknown;
  readonly note?: string;
}

async function put(call: Call, { port }: RestContext): Promise<Answer> {
  const address = addressOf(call);
  const { routes: given, balancing, note } = call.body as RouteSetInput;
  const { routes, faults } = readRoutes(given, { balancing, allowsNamespace: false });
  const [first] = faults;
  if (first !== undefined) {
    const errors = faults.slice(0, PROBLEM_ERROR_COUNT_MAX).map((message) => {
      const [place = ""] = message.split(" ", 1);
      return { path: `body/${place}`, value: null, message: message.slice(place.length + 1) };
    });
    throw new RequestFault("invalid_argument", first, { errors });
  }
  const description: { routes: readonly Route[]; note?: string } =
    note === undefined ? { routes } : { routes, note };
  const { stamp, isNew } = await port.routeSets.put(call.principal, address, description);
  return { status: isNew ? 201 : 200, body: { ...address, routeCount: routes.length, stamp } };
}

function addressOf({ path }: Call): RouteSetAddress {
  return { namespace: path["namespace"] ?? "", name: path["name"] ?? "" };
}

function toJson({ name, stamp, writtenBy, routes, note, fault }: RouteSetView) {
  return {
    name,
    stamp: { incarnation: stamp.incarnation, session: stamp.session, claim: stamp.claim },
    writtenBy,
    routes,
    ...(note === undefined ? {} : { note }),
    ...(fault === undefined ? {} : { fault }),
  };
}
