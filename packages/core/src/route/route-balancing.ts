/**
 * How a route's requests are balanced, where that differs from what the proxy does otherwise; and
 * how it is read from outside.
 *
 * It belongs to the route: two routes to one service with different words each go by their own, and
 * with the same words share what was learned. What an instance has under way is counted once.
 */
import {
  checkOutlierOptions,
  OUTLIER_DEFAULTS,
  type OutlierOptions,
} from "../call/outlier-detector.js";
import {
  checkRetryBudgetOptions,
  RETRY_BUDGET_DEFAULTS,
  type RetryBudgetOptions,
} from "../call/retry-budget.js";
import { SLOW_START_MAX_MS } from "../call/service-balancer.js";
import { PENDING_CALL_COUNT_MAX } from "../limits.js";
import { checkKeyLoadFactor } from "../pick/key-load-bound.js";
import { type FaultList, type Fields, NAME_RULE } from "./fault-list.js";

/** Each member replaces the proxy's own; absent: that of the proxy. */
export interface RouteBalancing {
  /** Same zone, then same region, then others. */
  readonly prefersNear?: boolean;
  /** Regions after the own one, in this order. Up to {@link BALANCING_REGION_COUNT_MAX}. */
  readonly regionOrder?: readonly string[];
  /** 0 to {@link SLOW_START_MAX_MS}. */
  readonly slowStartMs?: number;
  /** 0 for no bound, or at least 1.05. */
  readonly keyLoadFactor?: number;
  /** 0 to 1. */
  readonly panicRatio?: number;
  /** Calls of the process under way at one instance, from 1. */
  readonly instanceCallCountMax?: number;
  /** Requests that may wait for an instance with room, from 0. */
  readonly pendingCallCountMax?: number;
  /** Longest of these waits, from 1. */
  readonly pendingTimeoutMs?: number;
  readonly outlier?: Partial<OutlierOptions>;
  readonly retryBudget?: Partial<RetryBudgetOptions>;
}

export const BALANCING_REGION_COUNT_MAX = 64;
export const PENDING_TIMEOUT_MAX_MS = 3_600_000;
const CALL_COUNT_MAX = 1_000_000;

const KEYS = [
  ...["prefersNear", "regionOrder", "slowStartMs", "keyLoadFactor", "panicRatio"],
  ...["instanceCallCountMax", "pendingCallCountMax", "pendingTimeoutMs", "outlier", "retryBudget"],
];

/** What a value from outside says; its faults go to the list. */
export function readBalancing(
  list: FaultList,
  at: string,
  value: unknown,
): RouteBalancing | undefined {
  if (value === undefined) return undefined;
  const fields = list.fields(at, value, KEYS);
  if (fields === undefined) return undefined;
  const whole = (name: string, min: number, max: number) =>
    list.whole(`${at}.${name}`, fields[name], min, max);
  const regions = list.list(`${at}.regionOrder`, fields["regionOrder"], BALANCING_REGION_COUNT_MAX);
  const outlier = numbers(list, `${at}.outlier`, fields["outlier"], OUTLIER_DEFAULTS);
  const budget = numbers(list, `${at}.retryBudget`, fields["retryBudget"], RETRY_BUDGET_DEFAULTS);
  const rest = numbers(list, at, ratiosOf(fields), { keyLoadFactor: 0, panicRatio: 0 });
  const faults = [
    ...checkOutlierOptions({ ...OUTLIER_DEFAULTS, ...outlier }, `${at}.outlier`),
    ...checkRetryBudgetOptions({ ...RETRY_BUDGET_DEFAULTS, ...budget }, `${at}.retryBudget`),
    ...checkKeyLoadFactor(rest?.keyLoadFactor ?? 0).map((fault) => `${at}.${fault}`),
  ];
  list.faults.push(...faults);
  const { panicRatio = 0 } = rest ?? {};
  if (!(panicRatio >= 0 && panicRatio <= 1)) {
    list.add(`${at}.panicRatio`, panicRatio, "must be 0 to 1");
  }
  return withoutUndefined({
    prefersNear: list.boolean(`${at}.prefersNear`, fields["prefersNear"]),
    regionOrder: regions
      ?.map((region, index) => list.text(`${at}.regionOrder[${index}]`, region, NAME_RULE))
      .filter((region) => region !== undefined),
    slowStartMs: whole("slowStartMs", 0, SLOW_START_MAX_MS),
    ...rest,
    instanceCallCountMax: whole("instanceCallCountMax", 1, CALL_COUNT_MAX),
    pendingCallCountMax: whole("pendingCallCountMax", 0, PENDING_CALL_COUNT_MAX),
    pendingTimeoutMs: whole("pendingTimeoutMs", 1, PENDING_TIMEOUT_MAX_MS),
    outlier,
    retryBudget: budget,
  });
}

/** What `own` says, and of `fallback` what it does not say. */
export function mergedBalancing(fallback: RouteBalancing, own: RouteBalancing): RouteBalancing {
  const outlier = { ...fallback.outlier, ...own.outlier };
  const retryBudget = { ...fallback.retryBudget, ...own.retryBudget };
  return {
    ...fallback,
    ...own,
    ...(Object.keys(outlier).length === 0 ? {} : { outlier }),
    ...(Object.keys(retryBudget).length === 0 ? {} : { retryBudget }),
  };
}

function ratiosOf({ keyLoadFactor, panicRatio }: Fields): Fields {
  return withoutUndefined({ keyLoadFactor, panicRatio });
}

/** An object of numbers, whose bounds are checked elsewhere. */
function numbers<T extends object>(
  list: FaultList,
  at: string,
  value: unknown,
  known: T,
): Partial<T> | undefined {
  if (value === undefined) return undefined;
  const fields = list.fields(at, value, Object.keys(known));
  if (fields === undefined) return undefined;
  const entries = Object.entries(fields).filter(([name, member]) => {
    if (!(name in known) || member === undefined) return false;
    if (typeof member === "number") return true;
    list.add(`${at}.${name}`, member, "must be a number");
    return false;
  });
  return Object.fromEntries(entries) as Partial<T>;
}

/** The same without members that are undefined. */
function withoutUndefined<T extends object>(
  value: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
