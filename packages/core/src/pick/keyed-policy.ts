import type { GroupPolicy } from "./group-policy.js";
import { KeyLoadBound } from "./key-load-bound.js";
import type { PickerOptions, ViewInstance } from "./picker.js";

/**
 * What key affinity has in common: a key's own order of instances, the first of which that is
 * neither excluded nor full (see {@link KeyLoadBound}) takes the call.
 *
 * When all that are not excluded are full, the bound is given up rather than the call: the weights
 * of instances outside the bound's reach (excluded ones) can make that happen.
 */
export abstract class KeyedPolicy implements GroupPolicy {
  readonly #bound: KeyLoadBound | undefined;

  constructor(
    instances: readonly ViewInstance[],
    { keyLoadFactor = 0 }: Pick<PickerOptions, "keyLoadFactor">,
  ) {
    this.#bound = keyLoadFactor > 0 ? new KeyLoadBound(instances, keyLoadFactor) : undefined;
  }

  pick(key: string, excluded: ReadonlySet<string> | undefined): ViewInstance | undefined {
    if (this.#bound === undefined) return this.firstOf(key, excluded, undefined);
    this.#bound.count();
    return this.firstOf(key, excluded, this.#bound) ?? this.firstOf(key, excluded, undefined);
  }

  /** The first of the key's order that is neither excluded nor full. */
  protected abstract firstOf(
    key: string,
    excluded: ReadonlySet<string> | undefined,
    bound: KeyLoadBound | undefined,
  ): ViewInstance | undefined;
}
