/**
 * How far health decides: which instances come first, and when it is ignored.
 *
 * Alive and orphaned instances are usable; suspect ones follow only when no usable one is left.
 * When too few of the reachable ones are usable, suspicion is probably wrong or shedding everything
 * onto the rest would topple them: then suspicion is ignored ("panic").
 *
 * Instances of an unreachable region take no part in that: they are no sign of trouble among the
 * reachable, and sending most calls over a cut link helps nobody. They come last, always.
 *
 * @see Envoy, "Panic threshold" (arch_overview/upstream/load_balancing/panic_threshold).
 */
import { Liveness } from "../instance.js";
import type { ViewInstance } from "./picker.js";

/** Health ranks are below it; 0 is tried first. */
export const HEALTH_RANK_COUNT = 3;

const RANKS: Readonly<Record<Liveness, number>> = {
  alive: 0,
  orphaned: 0,
  suspect: 1,
  unreachable: 2,
};

/** True when less than `panicRatio` of the reachable instances are usable. */
export function isPanicking(instances: readonly ViewInstance[], panicRatio: number): boolean {
  let usableCount = 0;
  let reachableCount = 0;
  for (const { liveness } of instances) {
    if (liveness === Liveness.unreachable) continue;
    reachableCount += 1;
    if (RANKS[liveness] === 0) usableCount += 1;
  }
  return usableCount < panicRatio * reachableCount;
}

/** When an instance's turn comes by its health: 0 first. */
export function healthRank(instance: ViewInstance, isPanic: boolean): number {
  const rank = RANKS[instance.liveness];
  return isPanic && instance.liveness === Liveness.suspect ? 0 : rank;
}
