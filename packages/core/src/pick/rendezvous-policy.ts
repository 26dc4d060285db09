import { avalanche, hashText } from "../hash.js";
import type { KeyLoadBound } from "./key-load-bound.js";
import { KeyedPolicy } from "./keyed-policy.js";
import type { PickerOptions, ViewInstance } from "./picker.js";

const HASH_SPAN = 4294967296;

/**
 * Picks the instance that a key belongs to, the same for every caller with the same view.
 *
 * Each instance has a score for the key that depends on nothing else, and the highest wins: so an
 * instance that leaves moves only its own keys, and an excluded one gives its keys to the next in
 * the key's own order. The score `-weight / ln(u)`, u the hash in (0, 1), gives shares in
 * proportion to weights, and a changed weight moves only what it must.
 *
 * @see Thaler & Ravishankar, "A Name-Based Mapping Scheme for Rendezvous" (1996); Schindelhauer &
 * Schomaker, "Weighted Distributed Hash Tables" (2005), logarithmic method. CARP (Valloppillil &
 * Ross, 1998) is the same idea for web caches.
 */
export class RendezvousPolicy extends KeyedPolicy {
  readonly #instances: readonly ViewInstance[];
  readonly #idHashes: Int32Array;
  /** 1 / weight, infinite for weight 0; undefined when all weights are equal. */
  readonly #inverseWeights: Float64Array | undefined;

  constructor(
    instances: readonly ViewInstance[],
    options: Pick<PickerOptions, "keyLoadFactor"> = {},
  ) {
    super(instances, options);
    this.#instances = instances;
    this.#idHashes = Int32Array.from(instances, (instance) => hashText(instance.id));
    const weight = instances[0]?.weight;
    this.#inverseWeights = instances.every((instance) => instance.weight === weight)
      ? undefined
      : Float64Array.from(instances, (instance) => 1 / Math.max(0, instance.weight));
  }

  protected override firstOf(
    key: string,
    excluded: ReadonlySet<string> | undefined,
    bound: KeyLoadBound | undefined,
  ): ViewInstance | undefined {
    // Signed, because V8 boxes larger numbers when it passes them on.
    const keyHash = hashText(key) | 0;
    return this.#inverseWeights === undefined
      ? this.#pickByHash(keyHash, excluded, bound)
      : this.#pickByScore(keyHash, this.#inverseWeights, excluded, bound);
  }

  /** The highest hash: the same order as by score when weights are equal, without logarithms. */
  #pickByHash(
    keyHash: number,
    excluded: ReadonlySet<string> | undefined,
    bound: KeyLoadBound | undefined,
  ): ViewInstance | undefined {
    const instances = this.#instances;
    const idHashes = this.#idHashes;
    let best: ViewInstance | undefined;
    let bestHash = -1;
    for (let index = 0; index < idHashes.length; index += 1) {
      const hash = avalanche((idHashes[index] ?? 0) ^ keyHash);
      if (hash < bestHash) continue;
      const instance = instances[index];
      if (instance === undefined || excluded?.has(instance.id) === true) continue;
      if (bound?.isFull(instance) === true) continue;
      if (hash === bestHash && best !== undefined && best.id < instance.id) continue;
      best = instance;
      bestHash = hash;
    }
    return best;
  }

  #pickByScore(
    keyHash: number,
    inverseWeights: Float64Array,
    excluded: ReadonlySet<string> | undefined,
    bound: KeyLoadBound | undefined,
  ): ViewInstance | undefined {
    const instances = this.#instances;
    const idHashes = this.#idHashes;
    let best: ViewInstance | undefined;
    // Compared is ln(u) / weight, negative and highest where -weight / ln(u) is.
    let bestScore = Number.NEGATIVE_INFINITY;
    for (let index = 0; index < idHashes.length; index += 1) {
      const inverseWeight = inverseWeights[index] ?? Number.POSITIVE_INFINITY;
      const unit = (avalanche((idHashes[index] ?? 0) ^ keyHash) + 0.5) / HASH_SPAN;
      // ln(u) <= u - 1: most instances are ruled out without a logarithm.
      if ((unit - 1) * inverseWeight < bestScore) continue;
      const score = Math.log(unit) * inverseWeight;
      if (score < bestScore || score === Number.NEGATIVE_INFINITY) continue;
      const instance = instances[index];
      if (instance === undefined || excluded?.has(instance.id) === true) continue;
      if (bound?.isFull(instance) === true) continue;
      if (score === bestScore && best !== undefined && best.id < instance.id) continue;
      best = instance;
      bestScore = score;
    }
    return best;
  }
}
