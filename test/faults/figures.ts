/** Figures as people read them. */

export interface Spread {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Nearest-rank percentiles; undefined when there is nothing to rank. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  const max = sorted.at(-1);
  if (max === undefined) return undefined;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max };
}

export function spreadText(values: readonly number[]): string {
  const spread = spreadOf(values);
  if (spread === undefined) return "none measured";
  const { count, max, p50, p99 } = spread;
  return `p50 ${msText(p50)}, p99 ${msText(p99)}, max ${msText(max)} (${count})`;
}

export function msText(ms: number): string {
  if (ms < 100) return `${ms.toFixed(1)} ms`;
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

export function mebibyteText(bytes: number): string {
  return `${Math.round(bytes / 1_048_576)} MiB`;
}

export function countText(count: number): string {
  return count.toLocaleString("en-US");
}
