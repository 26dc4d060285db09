/**
 * Hashes for placement and for content digests. None of them is cryptographic.
 *
 * FNV-1a (Fowler, Noll, Vo) over UTF-16 code units with a final avalanche (MurmurHash3's fmix32),
 * because plain FNV-1a spreads short keys too poorly for rendezvous hashing.
 */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** A 32-bit hash of a text; `seed` gives independent functions. */
export function hashText(text: string, seed = 0): number {
  let hash = FNV_OFFSET ^ seed;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), FNV_PRIME);
  }
  return avalanche(hash);
}

/** A 32-bit hash of bytes, continued from `seed`. */
export function hashBytes(bytes: Uint8Array, seed = 0): number {
  let hash = FNV_OFFSET ^ seed;
  for (let index = 0; index < bytes.length; index += 1) {
    hash = Math.imul(hash ^ bytes[index]!, FNV_PRIME);
  }
  return avalanche(hash);
}

/** Mixes a number into a hash. */
export function hashNumber(value: number, seed: number): number {
  const low = value >>> 0;
  const high = Math.floor(value / 4294967296) >>> 0;
  return avalanche(Math.imul(seed ^ low, FNV_PRIME) ^ Math.imul(high, 0x85ebca6b));
}

/** MurmurHash3's fmix32 (Austin Appleby, public domain). */
export function avalanche(value: number): number {
  let hash = value;
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return hash >>> 0;
}

/**
 * The member that a key belongs to: highest random weight.
 *
 * One member leaving moves only its own keys. Ties go to the smaller member name, so that every
 * machine agrees.
 *
 * @returns The chosen member, or undefined for no members.
 * @see Thaler & Ravishankar, "A Name-Based Mapping Scheme for Rendezvous" (1996).
 */
export function rendezvous(key: string, members: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestWeight = -1;
  const keyHash = hashText(key);
  for (const member of members) {
    const weight = hashText(member, keyHash);
    if (weight > bestWeight || (weight === bestWeight && best !== undefined && member < best)) {
      best = member;
      bestWeight = weight;
    }
  }
  return best;
}

/** Members by falling rendezvous weight for a key: the first is {@link rendezvous}'s choice. */
export function rendezvousOrder(key: string, members: readonly string[]): string[] {
  const keyHash = hashText(key);
  const weighted = members.map((member) => ({ member, weight: hashText(member, keyHash) }));
  weighted.sort((a, b) => b.weight - a.weight || (a.member < b.member ? -1 : 1));
  return weighted.map((entry) => entry.member);
}

/**
 * An order-independent fingerprint of a set of records: two 32-bit sums.
 *
 * Adding and removing are the same cost and commute, so a view and a table can keep one each and
 * compare them at any time.
 */
export interface ContentDigest {
  readonly high: number;
  readonly low: number;
}

export const EMPTY_DIGEST: ContentDigest = { high: 0, low: 0 };

/** True when two digests stand for the same content (up to a collision of 64 bits). */
export function isSameDigest(a: ContentDigest, b: ContentDigest): boolean {
  return a.high === b.high && a.low === b.low;
}
