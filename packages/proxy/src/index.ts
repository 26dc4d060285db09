export * from "./access-log.js";
export * from "./directory.js";
export * from "./logger.js";
export {
  PROXY_LIMIT_DEFAULTS,
  type ProxyLimits,
  type ProxyOptions,
} from "./options.js";
export type { OutlierOptions } from "./outlier-detector.js";
export { type RunningProxy, startProxy } from "./proxy.js";
export type { RetryBudgetOptions } from "./retry-budget.js";
export { checkRoutes, type Route } from "./route-table.js";
