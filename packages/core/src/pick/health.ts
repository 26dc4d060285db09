/**
 * How far health decides: which instances come first, and when it is ignored.
 *
 * Alive and orphaned instances are usable unless ejected; suspect and ejected ones follow only when
 * no usable one is left.
 * When too few of the reachable ones are usable, at every place, suspicion is probably wrong or
 * shedding everything onto the rest would topple them: then suspicion is ignored ("panic"). One
 * place with enough usable instances is where calls go instead: a region that is broken as a whole
 * is left, however many instances it has.
 *
 * Instances of an unreachable region take no part in that: they are no sign of trouble among the
 * reachable, and sending most calls over a cut link helps nobody. They come last, always.
 *
 * @see Envoy, "Panic threshold" (arch_overview/upstream/load_balancing/panic_threshold), with
 * several priorities: none panics while all together can take the load.
 */
import { Liveness } from "../instance.js";
import type { PickerOptions, ViewInstance } from "./picker.js";

/** Health ranks are below it; 0 is tried first. */
export const HEALTH_RANK_COUNT = 3;

const DOUBTED_RANK = 1;
const UNREACHABLE_RANK = 2;

export type HealthOptions = Pick<PickerOptions, "panicRatio" | "ejected">;

/**
 * True when at each place less than `panicRatio` of the reachable instances are usable.
 *
 * @param placeOf - The place's rank; below `placeCount`.
 */
export function isPanicking(
  instances: readonly ViewInstance[],
  { panicRatio, ejected }: HealthOptions,
  placeCount: number,
  placeOf: (instance: ViewInstance) => number,
): boolean {
  const usableCounts = new Uint32Array(placeCount);
  const reachableCounts = new Uint32Array(placeCount);
  for (const instance of instances) {
    const rank = healthRank(instance, false, ejected);
    if (rank === UNREACHABLE_RANK) continue;
    const place = placeOf(instance);
    reachableCounts[place] = (reachableCounts[place] ?? 0) + 1;
    if (rank === 0) usableCounts[place] = (usableCounts[place] ?? 0) + 1;
  }
  if (!reachableCounts.some((count) => count > 0)) return false;
  return reachableCounts.every(
    (count, place) => count === 0 || (usableCounts[place] ?? 0) < panicRatio * count,
  );
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
