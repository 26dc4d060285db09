import type { GroupPolicy } from "./group-policy.js";
import type { ViewInstance } from "./picker.js";

/**
 * Picks the longest-registered instance: a simple leader.
 *
 * Every caller with the same view picks the same one, and it changes only when that one goes: the
 * bully rule with age in place of the process number. No lock: for a moment after a change two
 * callers may see two leaders.
 *
 * @see Garcia-Molina, "Elections in a Distributed Computing System" (1982).
 */
export class OldestPolicy implements GroupPolicy {
  readonly #byAge: readonly ViewInstance[];

  constructor(instances: readonly ViewInstance[]) {
    this.#byAge = instances.toSorted(compareByAge);
  }

  pick(_key: string, excluded: ReadonlySet<string> | undefined): ViewInstance | undefined {
    if (excluded === undefined) return this.#byAge[0];
    for (const instance of this.#byAge) if (!excluded.has(instance.id)) return instance;
    return undefined;
  }
}

function compareByAge(a: ViewInstance, b: ViewInstance): number {
  if (a.since !== b.since) return a.since - b.since;
  if (a.id !== b.id) return a.id < b.id ? -1 : 1;
  return 0;
}
