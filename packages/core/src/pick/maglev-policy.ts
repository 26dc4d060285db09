import { avalanche, hashText } from "../hash.js";
import type { KeyLoadBound } from "./key-load-bound.js";
import { KeyedPolicy } from "./keyed-policy.js";
import type { PickerOptions, ViewInstance } from "./picker.js";

/** Prime, as the permutations need it; the paper's small table. */
const TABLE_SIZE = 65_537;
/** Entries that a pick looks at before it walks the instances instead. */
const PROBE_COUNT_MAX = 64;

/**
 * Picks by one look into a table that instances have filled in turn, each in its own order.
 *
 * Constant time for any number of instances, and the most even of the keyed policies: shares differ
 * by one entry of 65,537. The price is a table that takes milliseconds to fill after each change,
 * and a few keys that move although their instance stayed (about 1 % per change for 100 instances).
 *
 * An instance of a smaller weight sits out turns, as in Envoy. When the table's choice is excluded
 * or full, the entries after it are tried.
 *
 * @see Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer" (2016),
 * section 3.4; Envoy `MAGLEV` for weights.
 */
export class MaglevPolicy extends KeyedPolicy {
  readonly #instances: readonly ViewInstance[];
  /** Index of the instance of each entry. */
  readonly #table: Int32Array;

  constructor(
    instances: readonly ViewInstance[],
    options: Pick<PickerOptions, "keyLoadFactor"> = {},
  ) {
    super(instances, options);
    // By id, so that turns are taken in the same order everywhere.
    this.#instances = instances.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    this.#table = tableOf(this.#instances);
  }

  protected override firstOf(
    key: string,
    excluded: ReadonlySet<string> | undefined,
    bound: KeyLoadBound | undefined,
  ): ViewInstance | undefined {
    const table = this.#table;
    let entry = hashText(key) % TABLE_SIZE;
    for (let probe = 0; probe < PROBE_COUNT_MAX; probe += 1) {
      const instance = this.#instances[table[entry] ?? 0];
      if (instance !== undefined && isFree(instance, excluded, bound)) return instance;
      entry = entry + 1 < TABLE_SIZE ? entry + 1 : 0;
    }
    const start = table[entry] ?? 0;
    const { length } = this.#instances;
    for (let step = 0; step < length; step += 1) {
      const instance = this.#instances[(start + step) % length];
      if (instance !== undefined && isFree(instance, excluded, bound)) return instance;
    }
    return undefined;
  }
}

function isFree(
  instance: ViewInstance,
  excluded: ReadonlySet<string> | undefined,
  bound: KeyLoadBound | undefined,
): boolean {
  return excluded?.has(instance.id) !== true && bound?.isFull(instance) !== true;
}

/** The paper's figure "Pseudocode for Maglev hashing": offset and skip make a permutation each. */
function tableOf(instances: readonly ViewInstance[]): Int32Array {
  const table = new Int32Array(TABLE_SIZE).fill(-1);
  const entries = Int32Array.from(instances, ({ id }) => hashText(id) % TABLE_SIZE);
  const skips = Int32Array.from(
    instances,
    ({ id }) => (avalanche(hashText(id, 1)) % (TABLE_SIZE - 1)) + 1,
  );
  let weightMax = 0;
  for (const { weight } of instances) weightMax = Math.max(weightMax, weight);
  /** Share of a turn in each round, 1 for the heaviest; and what has added up of it. */
  const shares = instances.map(({ weight }) => (weightMax > 0 ? weight / weightMax : 1));
  const credits = new Float64Array(instances.length);
  let filledCount = 0;
  while (filledCount < TABLE_SIZE) {
    for (let index = 0; index < shares.length && filledCount < TABLE_SIZE; index += 1) {
      const credit = (credits[index] ?? 0) + (shares[index] ?? 1);
      credits[index] = credit >= 1 ? credit - 1 : credit;
      if (credit < 1) continue;
      const skip = skips[index] ?? 1;
      let entry = entries[index] ?? 0;
      while (table[entry] !== -1) entry = (entry + skip) % TABLE_SIZE;
      table[entry] = index;
      entries[index] = entry;
      filledCount += 1;
    }
  }
  return table;
}
