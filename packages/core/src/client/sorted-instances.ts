/** Arrays of instances sorted by id, replaced and never changed: pickers keep the old ones. */
import type { ViewInstance } from "../pick/picker.js";

/** Above this many changes at once, sorting anew is cheaper than moving the tail for each. */
const IN_PLACE_COUNT_MAX = 64;

export interface SortedChange {
  readonly type: "added" | "updated" | "removed";
  readonly instance: ViewInstance;
}

/** A new array with the changes, at most one per id, made. */
export function replaceSorted(
  instances: readonly ViewInstance[],
  changes: readonly SortedChange[],
): readonly ViewInstance[] {
  if (changes.length > IN_PLACE_COUNT_MAX) return sortAnew(instances, changes);
  const next = [...instances];
  for (const { type, instance } of changes) {
    const index = lowerBound(next, instance.id);
    if (type === "added") next.splice(index, 0, instance);
    else if (type === "removed") next.splice(index, 1);
    else next[index] = instance;
  }
  return next;
}

function sortAnew(
  instances: readonly ViewInstance[],
  changes: readonly SortedChange[],
): readonly ViewInstance[] {
  const byId = new Map(instances.map((instance) => [instance.id, instance]));
  for (const { type, instance } of changes) {
    if (type === "removed") byId.delete(instance.id);
    else byId.set(instance.id, instance);
  }
  return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

/** The first index whose id is not below `id`. */
function lowerBound(instances: readonly ViewInstance[], id: string): number {
  let low = 0;
  let high = instances.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const instance = instances[middle];
    if (instance !== undefined && instance.id < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
