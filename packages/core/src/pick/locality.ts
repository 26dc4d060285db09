/**
 * Near before far: same zone, same region, the regions of the failover order, the rest.
 *
 * How much each of them takes is said in `tier-shares.ts`.
 *
 * @see Envoy, "Priority levels"; gRFC A27 (xDS localities and priorities).
 */
import type { PickerOptions, ViewInstance } from "./picker.js";

export type LocalityOptions = Pick<PickerOptions, "caller" | "regionOrder" | "prefersNear">;

/** Locality ranks are below it. */
export function localityRankCount(options: LocalityOptions): number {
  return options.prefersNear ? options.regionOrder.length + 3 : 1;
}

/**
 * When an instance's turn comes by its place: 0 first.
 *
 * Zones are compared within their region only; an empty name is an unknown place and near nothing.
 */
export function localityRank(instance: ViewInstance, options: LocalityOptions): number {
  if (!options.prefersNear) return 0;
  const { caller, regionOrder } = options;
  const { region, zone } = instance.description;
  if (region !== "" && region === caller.region) {
    return zone !== "" && zone === caller.zone ? 0 : 1;
  }
  const order = regionOrder.indexOf(region);
  return 2 + (order >= 0 ? order : regionOrder.length);
}
