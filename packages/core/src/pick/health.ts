/**
 * How far health decides: which instances come first, and when it is ignored.
 *
 * Alive and orphaned instances are usable unless ejected; suspect and ejected ones follow only when
 * no usable one is left.
 * When too few of the reachable ones are usable, suspicion is probably wrong or shedding everything
 * onto the rest would topple them: then suspicion is ignored ("panic").
 *
 * Instances of an unreachable region take no part in that: they are no sign of trouble among the
 * reachable, and sending most calls over a cut link helps nobody. They come last, always.
 *
 * @see Envoy, "Panic threshold" (arch_overview/upstream/load_balancing/panic_threshold).
 */
import { Liveness } from "../instance.js";
import type { PickerOptions, ViewInstance } from "./picker.js";

/** Health ranks are below it; 0 is tried first. */
export const HEALTH_RANK_COUNT = 3;

const DOUBTED_RANK = 1;
const UNREACHABLE_RANK = 2;

export type HealthOptions = Pick<PickerOptions, "panicRatio" | "ejected">;

/** True when less than `panicRatio` of the reachable instances are usable. */
export function isPanicking(
  instances: readonly ViewInstance[],
  { panicRatio, ejected }: HealthOptions,
): boolean {
  let usableCount = 0;
  let reachableCount = 0;
  for (const instance of instances) {
    const rank = healthRank(instance, false, ejected);
    if (rank === UNREACHABLE_RANK) continue;
    reachableCount += 1;
    if (rank === 0) usableCount += 1;
  }
  return usableCount < panicRatio * reachableCount;
}

/** When an instance's turn comes by its health: 0 first. */
export function healthRank(
  { id, liveness }: ViewInstance,
  isPanic: boolean,
  ejected: ReadonlySet<string> | undefined,
): number {
  if (liveness === Liveness.unreachable) return UNREACHABLE_RANK;
  if (isPanic) return 0;
  return liveness === Liveness.suspect || ejected?.has(id) === true ? DOUBTED_RANK : 0;
}
