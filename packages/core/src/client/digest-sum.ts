import type { ContentDigest } from "../hash.js";

/** A sum of digests with one more in it, or one less. */
export function sumOf(sum: ContentDigest, one: ContentDigest, sign: 1 | -1): ContentDigest {
  return { high: (sum.high + sign * one.high) >>> 0, low: (sum.low + sign * one.low) >>> 0 };
}
