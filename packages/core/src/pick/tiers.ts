import { InstanceState } from "../record.js";
import { HEALTH_RANK_COUNT, type HealthOptions, healthRank, isPanicking } from "./health.js";
import { type LocalityOptions, localityRank, localityRankCount } from "./locality.js";
import type { ViewInstance } from "./picker.js";

export type TierOptions = LocalityOptions & HealthOptions;

/** Instances of equal health and nearness. */
export interface Tier {
  /** Never empty. */
  readonly instances: readonly ViewInstance[];
  /** Of their place, see `localityRank`; 0 is nearest. */
  readonly localityRank: number;
  /**
   * Share of the load that these instances can take on: 1 while few of their place are missing, 0
   * for those that are picked only when nobody else is left.
   */
  readonly availability: number;
}

/**
 * A place is expected to have this many times the capacity that it needs: with 71 % of its weight
 * left it still takes its whole load. Envoy's overprovisioning factor.
 */
export const OVERPROVISIONING_FACTOR = 1.4;

/**
 * Sorts eligible instances into tiers, best first.
 *
 * Health before locality: a usable instance far away comes before a suspect one at hand.
 *
 * The availability of a tier of usable instances is their share, by weight, of all that are or were
 * just serving at the same place, times {@link OVERPROVISIONING_FACTOR}: suspects, ejected and
 * draining ones count as missing; offline ones were taken away by somebody who meant it; those
 * removed are forgotten, so a place that lost instances for good is a smaller place.
 *
 * @param instances - All of the view: what is missing is seen in those that are not eligible.
 * @see Envoy, "Priority levels" and "Overprovisioning factor".
 */
export function arrangeTiers(
  instances: readonly ViewInstance[],
  eligible: readonly ViewInstance[],
  options: TierOptions,
): Tier[] {
  const localityCount = localityRankCount(options);
  const placeOf = (instance: ViewInstance) => localityRank(instance, options);
  const isPanic = isPanicking(eligible, options, localityCount, placeOf);
  const groups: ViewInstance[][] = Array.from(
    { length: HEALTH_RANK_COUNT * localityCount },
    () => [],
  );
  const servingWeights = new Float64Array(localityCount);
  for (const instance of eligible) {
    const health = healthRank(instance, isPanic, options.ejected);
    const place = placeOf(instance);
    groups[health * localityCount + place]?.push(instance);
    if (health < HEALTH_RANK_COUNT - 1) addTo(servingWeights, place, instance);
  }
  for (const instance of instances) {
    if (instance.state !== InstanceState.draining) continue;
    addTo(servingWeights, placeOf(instance), instance);
  }
  return groups.flatMap((group, rank) => {
    if (group.length === 0) return [];
    const place = rank % localityCount;
    const usableWeight = group.reduce((sum, instance) => sum + capacityOf(instance), 0);
    const ratio = (usableWeight / (servingWeights[place] ?? 0)) * OVERPROVISIONING_FACTOR;
    const availability = rank < localityCount ? Math.min(1, ratio) : 0;
    return [{ instances: group, localityRank: place, availability }];
  });
}

/** Weight, with a little for those of weight 0: when all have it, they count alike. */
function capacityOf({ weight }: ViewInstance): number {
  return Math.max(weight, 1e-6);
}

function addTo(weights: Float64Array, place: number, instance: ViewInstance): void {
  weights[place] = (weights[place] ?? 0) + capacityOf(instance);
}
