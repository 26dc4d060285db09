import { HEALTH_RANK_COUNT, type HealthOptions, healthRank, isPanicking } from "./health.js";
import { type LocalityOptions, localityRank, localityRankCount } from "./locality.js";
import type { ViewInstance } from "./picker.js";

export type TierOptions = LocalityOptions & HealthOptions;

/**
 * Sorts eligible instances into groups, best first; none is empty.
 *
 * Health before locality: a usable instance far away comes before a suspect one at hand.
 */
export function arrangeTiers(
  eligible: readonly ViewInstance[],
  options: TierOptions,
): ViewInstance[][] {
  const isPanic = isPanicking(eligible, options);
  const localityCount = localityRankCount(options);
  const tiers: ViewInstance[][] = Array.from(
    { length: HEALTH_RANK_COUNT * localityCount },
    () => [],
  );
  for (const instance of eligible) {
    const rank =
      healthRank(instance, isPanic, options.ejected) * localityCount +
      localityRank(instance, options);
    tiers[rank]?.push(instance);
  }
  return tiers.filter((tier) => tier.length > 0);
}
