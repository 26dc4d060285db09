import { assert } from "../assert.js";
import { avalanche, hashText } from "../hash.js";
import { WEIGHT_DEFAULT } from "../limits.js";
import type { KeyLoadBound } from "./key-load-bound.js";
import { KeyedPolicy } from "./keyed-policy.js";
import type { PickerOptions, ViewInstance } from "./picker.js";

/** Points on the ring of an instance of default weight; shares then differ by about 6 %. */
const POINT_COUNT = 256;
/** Points of all instances together; beyond it each has half as many, or a quarter, and so on. */
const RING_POINT_COUNT_MAX = 65_536;
/** Indexes of instances are below it: a point is one number, its hash above its index. */
const INDEX_SPAN = 2 ** 21;

/**
 * Picks the instance whose point on a ring of hashes follows the key's.
 *
 * An instance has points in proportion to its weight, at places that depend on nothing but its id:
 * one that leaves gives its arcs to its neighbours and moves no other key. Logarithmic in the
 * number of points, where rendezvous walks all instances; rings differ from one kind of software
 * to another, so keys go elsewhere than with Envoy's or ketama's.
 *
 * @see Karger et al., "Consistent Hashing and Random Trees" (1997); gRFC A42; Envoy `RING_HASH`.
 */
export class RingHashPolicy extends KeyedPolicy {
  readonly #instances: readonly ViewInstance[];
  /** Hash · {@link INDEX_SPAN} + index of the instance, ascending. */
  readonly #points: Float64Array;

  constructor(
    instances: readonly ViewInstance[],
    options: Pick<PickerOptions, "keyLoadFactor"> = {},
  ) {
    super(instances, options);
    assert(instances.length < INDEX_SPAN, `a ring holds less than ${INDEX_SPAN} instances`);
    // By id, so that two points at the same place are in the same order everywhere.
    this.#instances = instances.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    this.#points = pointsOf(this.#instances);
  }

  protected override firstOf(
    key: string,
    excluded: ReadonlySet<string> | undefined,
    bound: KeyLoadBound | undefined,
  ): ViewInstance | undefined {
    const points = this.#points;
    const start = this.#firstAtOrAfter(hashText(key));
    for (let step = 0; step < points.length; step += 1) {
      const at = start + step;
      const point = points[at < points.length ? at : at - points.length] ?? 0;
      const instance = this.#instances[point % INDEX_SPAN];
      if (instance === undefined || excluded?.has(instance.id) === true) continue;
      if (bound?.isFull(instance) !== true) return instance;
    }
    return undefined;
  }

  #firstAtOrAfter(hash: number): number {
    const points = this.#points;
    let low = 0;
    let high = points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((points[middle] ?? 0) < hash * INDEX_SPAN) low = middle + 1;
      else high = middle;
    }
    return low < points.length ? low : 0;
  }
}

function pointsOf(instances: readonly ViewInstance[]): Float64Array {
  let pointCount = POINT_COUNT;
  let counts = pointCounts(instances, pointCount);
  while (pointCount > 1 && sumOf(counts) > RING_POINT_COUNT_MAX) {
    pointCount /= 2;
    counts = pointCounts(instances, pointCount);
  }
  const points = new Float64Array(sumOf(counts));
  let at = 0;
  for (const [index, instance] of instances.entries()) {
    const idHash = hashText(instance.id);
    for (let turn = 0; turn < (counts[index] ?? 0); turn += 1) {
      points[at] = avalanche(idHash ^ avalanche(turn + 1)) * INDEX_SPAN + index;
      at += 1;
    }
  }
  return points.sort();
}

/** Depends on the instance's own weight alone, so that others' changes do not move its points. */
function pointCounts(instances: readonly ViewInstance[], pointCount: number): number[] {
  const hasWeight = instances.some(({ weight }) => weight > 0);
  return instances.map(({ weight }) =>
    hasWeight ? Math.ceil((weight / WEIGHT_DEFAULT) * pointCount) : pointCount,
  );
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
