import { avalanche } from "../hash.js";

const FNV_PRIME = 0x01000193;

/** A hash of some bytes of an array. */
export function hashByteRange(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let hash = seed;
  for (let index = start; index < end; index += 1) {
    hash = Math.imul(hash ^ bytes[index]!, FNV_PRIME);
  }
  return avalanche(hash);
}
