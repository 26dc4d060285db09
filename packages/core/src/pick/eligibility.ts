import { InstanceState } from "../record.js";
import type { ViewInstance } from "./picker.js";

/**
 * The instances that may be picked at all: those that are `up`; never offline, draining or removed.
 *
 * Weight 0 means "no load": such instances are left out under every policy that shares load, unless
 * all have weight 0; then nobody asked for a difference and all count.
 *
 * @param heedsWeight - False for a choice that shares no load (`oldest`).
 */
export function eligibleInstances(
  instances: readonly ViewInstance[],
  heedsWeight: boolean,
): ViewInstance[] {
  const up = instances.filter((instance) => instance.state === InstanceState.up);
  if (!heedsWeight) return up;
  const weighty = up.filter((instance) => instance.weight > 0);
  return weighty.length > 0 ? weighty : up;
}
