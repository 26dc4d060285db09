/** Every route of the HTTP API: what is served and what is documented are both made from this. */
import { DRAIN_ROUTES } from "./drain-routes.js";
import { INSTANCE_ROUTES } from "./instance-routes.js";
import { NODE_ROUTES } from "./node-routes.js";
import { ROUTE_SET_ROUTES } from "./route-set-routes.js";
import type { RouteSpec } from "./route-spec.js";
import { SERVICE_ROUTES } from "./service-routes.js";

/** The namespace that the short paths stand for. */
export const DEFAULT_NAMESPACE = "default";

const NAMESPACE_PREFIX = "/v1/namespaces/{namespace}/";

/** Without the OpenAPI document's own route, which is made from these. */
export const BASE_ROUTES: readonly RouteSpec[] = [
  ...INSTANCE_ROUTES,
  ...SERVICE_ROUTES,
  ...DRAIN_ROUTES,
  ...ROUTE_SET_ROUTES,
  ...NODE_ROUTES,
].flatMap((route) => [route, ...aliasOf(route)]);

/** `/v1/services/…` for `/v1/namespaces/default/services/…`. */
function aliasOf(route: RouteSpec): readonly RouteSpec[] {
  if (!route.path.startsWith(NAMESPACE_PREFIX)) return [];
  return [
    {
      ...route,
      path: `/v1/${route.path.slice(NAMESPACE_PREFIX.length)}`,
      operationId: `${route.operationId}InDefault`,
      summary: `${route.summary} In the namespace ${DEFAULT_NAMESPACE}.`,
      run: (call, context) =>
        route.run({ ...call, path: { ...call.path, namespace: DEFAULT_NAMESPACE } }, context),
    },
  ];
}
