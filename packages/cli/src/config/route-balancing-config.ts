/** The setting `routes[].balancing`: what one route balances by in place of the proxy's own words. */
import {
  BALANCING_REGION_COUNT_MAX,
  PENDING_CALL_COUNT_MAX,
  PENDING_TIMEOUT_MAX_MS,
  type RouteBalancing,
  SLOW_START_MAX_MS,
} from "@fpzk/core";
import { z } from "zod";
import {
  list,
  NAME_RULE,
  optionalBoolean,
  optionalDuration,
  optionalInteger,
  optionalRatio,
} from "./field.js";

const DAY_MS = 86_400_000;
const COUNT_MAX = 1_000_000;

function time(name: string, maxMs: number, minMs = 1) {
  const about = `In place of \`${name}\`.`;
  return optionalDuration({ about, minMs, maxMs, defaultText: `\`${name}\`` });
}

function count(name: string, min: number, max: number) {
  return optionalInteger({
    about: `In place of \`${name}\`.`,
    min,
    max,
    defaultText: `\`${name}\``,
  });
}

function share(name: string, max: number) {
  const about = `In place of \`${name}\`.`;
  return optionalRatio({ about, min: 0, max, defaultText: `\`${name}\`` });
}

/** As `balancing`, `outlier` and `retryBudget` of the proxy, for the requests of one route. */
export const routeBalancingField = z
  .strictObject({
    prefersNear: optionalBoolean({
      about: "In place of `balancing.prefersNear`.",
      defaultText: "`balancing.prefersNear`",
    }),
    regionOrder: list({
      about: "In place of `balancing.regionOrder`, unless empty.",
      rule: NAME_RULE,
      max: BALANCING_REGION_COUNT_MAX,
    }),
    slowStart: time("balancing.slowStart", SLOW_START_MAX_MS, 0),
    keyLoadFactor: share("balancing.keyLoadFactor", 100),
    panicRatio: share("balancing.panicRatio", 1),
    instanceCallCountMax: count("balancing.instanceCallCountMax", 1, COUNT_MAX),
    pendingCallCountMax: count("balancing.pendingCallCountMax", 0, PENDING_CALL_COUNT_MAX),
    pendingTimeout: time("balancing.pendingTimeout", PENDING_TIMEOUT_MAX_MS),
    outlier: z
      .strictObject({
        connectFailureCountMax: count("outlier.connectFailureCountMax", 1, COUNT_MAX),
        errorCountMax: count("outlier.errorCountMax", 1, COUNT_MAX),
        ejectionBase: time("outlier.ejectionBase", DAY_MS),
        ejectionMax: time("outlier.ejectionMax", DAY_MS),
        comparisonInterval: time("outlier.comparisonInterval", DAY_MS),
        latencyFactor: share("outlier.latencyFactor", 1_000),
        maxEjectionPercent: count("outlier.maxEjectionPercent", 0, 100),
      })
      .prefault({}),
    retryBudget: z
      .strictObject({
        retryRatio: share("retryBudget.retryRatio", 1),
        retryPerSecondMin: count("retryBudget.retryPerSecondMin", 0, 100_000),
      })
      .prefault({}),
  })
  .prefault({});

/** What it says, in core's words; undefined when it says nothing. */
export function toRouteBalancing(
  config: z.output<typeof routeBalancingField>,
): RouteBalancing | undefined {
  const { regionOrder, slowStart, pendingTimeout, outlier, retryBudget, ...same } = config;
  const { ejectionBase, ejectionMax, comparisonInterval, ...counts } = outlier;
  return unlessEmpty({
    ...same,
    regionOrder: regionOrder.length === 0 ? undefined : regionOrder,
    slowStartMs: slowStart,
    pendingTimeoutMs: pendingTimeout,
    outlier: unlessEmpty({
      ...counts,
      ejectionBaseMs: ejectionBase,
      ejectionMaxMs: ejectionMax,
      comparisonIntervalMs: comparisonInterval,
    }),
    retryBudget: unlessEmpty(retryBudget),
  });
}

/** The members that are said; undefined when none is. */
function unlessEmpty<T extends object>(
  value: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } | undefined {
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  if (entries.length === 0) return undefined;
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
