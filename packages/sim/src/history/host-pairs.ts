/** Every pair of hosts across two groups, both ways. */
export function pairsOf(a: readonly string[], b: readonly string[]): (readonly [string, string])[] {
  return a.flatMap((left) =>
    b.flatMap((right) => [[left, right] as const, [right, left] as const]),
  );
}
