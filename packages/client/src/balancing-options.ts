/** How a subscription balances: its options, complete and checked. */
import {
  checkBalancerOptions,
  checkKeyLoadFactor,
  checkOutlierOptions,
  checkRetryBudgetOptions,
  ErrorCode,
  OUTLIER_DEFAULTS,
  PENDING_CALL_COUNT_MAX,
  PolicyName,
  RETRY_BUDGET_DEFAULTS,
  RegistryError,
  type ServiceBalancerOptions,
  SLOW_START_DEFAULT_MS,
} from "@fpzk/core";
import type { SubscribeOptions } from "./api.js";

/** Where the picks are made. */
export type BalancingPlace = Pick<ServiceBalancerOptions, "random" | "caller">;

const PANIC_RATIO_DEFAULT = 0.5;

/** @throws RegistryError `invalid_argument` that names every fault at once. */
export function completeBalancing(
  service: string,
  options: SubscribeOptions,
  place: BalancingPlace,
): ServiceBalancerOptions {
  const complete: ServiceBalancerOptions = {
    ...place,
    policy: options.policy ?? PolicyName.roundRobin,
    regionOrder: options.regionOrder ?? [],
    panicRatio: options.panicRatio ?? PANIC_RATIO_DEFAULT,
    prefersNear: options.prefersNear ?? true,
    keyLoadFactor: options.keyLoadFactor ?? 0,
    outlier: { ...OUTLIER_DEFAULTS, ...options.outlier },
    retryBudget: { ...RETRY_BUDGET_DEFAULTS, ...options.retryBudget },
    slowStartMs: options.slowStartMs ?? SLOW_START_DEFAULT_MS,
    instanceCallCountMax: options.instanceCallCountMax ?? Number.POSITIVE_INFINITY,
  };
  const faults = faultsOf(complete, options);
  if (faults.length === 0) return complete;
  throw new RegistryError(ErrorCode.invalidArgument, `subscribe ${service}: ${faults.join("; ")}`);
}

function faultsOf(options: ServiceBalancerOptions, asked: SubscribeOptions): string[] {
  const { policy, panicRatio } = options;
  const policies: readonly string[] = Object.values(PolicyName);
  const faults = [
    ...checkKeyLoadFactor(options.keyLoadFactor ?? 0),
    ...checkOutlierOptions(options.outlier),
    ...checkRetryBudgetOptions(options.retryBudget),
    ...checkBalancerOptions(options),
    ...checkWaiting(asked),
  ];
  if (!policies.includes(policy)) {
    faults.unshift(`policy ${policy} must be one of ${policies.join(", ")}`);
  }
  if (!(panicRatio >= 0 && panicRatio <= 1)) {
    faults.push(`panicRatio ${panicRatio} must be >= 0 and <= 1`);
  }
  return faults;
}

function checkWaiting({ pendingCallCountMax = 0, aperture }: SubscribeOptions): string[] {
  const faults: string[] = [];
  const isCount = Number.isSafeInteger(pendingCallCountMax) && pendingCallCountMax >= 0;
  if (!isCount || pendingCallCountMax > PENDING_CALL_COUNT_MAX) {
    const bounds = `0 to ${PENDING_CALL_COUNT_MAX}`;
    faults.push(`pendingCallCountMax ${pendingCallCountMax} must be a whole number, ${bounds}`);
  }
  const sizeMin = aperture?.sizeMin ?? 1;
  if (!Number.isSafeInteger(sizeMin) || sizeMin < 1) {
    faults.push(`aperture.sizeMin ${sizeMin} must be a whole number from 1`);
  }
  return faults;
}
