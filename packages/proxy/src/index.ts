export { checkRoutes, type Route } from "@fpzk/core";
export * from "./access-log.js";
export * from "./diagnostics/diagnostics.js";
export {
  type Failure,
  RECENT_FAILURE_COUNT,
  type RecentFailure,
} from "./diagnostics/recent-failures.js";
export * from "./directory.js";
export * from "./logger.js";
export {
  type Certificate,
  PROXY_LIMIT_DEFAULTS,
  type ProxyLimits,
  type ProxyOptions,
} from "./options.js";
export { type ProxyCertificates, type RunningProxy, startProxy } from "./proxy.js";
export { checkTcpRoutes, type TcpRoute } from "./tcp/tcp-route.js";
