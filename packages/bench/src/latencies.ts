/** Latencies and their percentiles. */
import { build, type Histogram } from "hdr-histogram-js";

const LATENCY_MAX_MS = 3_600_000;

export class Latencies {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: LATENCY_MAX_MS * 1_000,
    numberOfSignificantValueDigits: 3,
  });

  get count(): number {
    return this.#histogram.totalCount;
  }

  record(ms: number): void {
    const micros = Math.round(ms * 1_000);
    this.#histogram.recordValue(Math.min(Math.max(micros, 1), LATENCY_MAX_MS * 1_000));
  }

  /** The value that `percent` of all are at or below, in ms. */
  percentile(percent: number): number {
    return this.#histogram.getValueAtPercentile(percent) / 1_000;
  }
}

export interface LatencySummary {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export function summaryOf(latencies: Latencies): LatencySummary {
  return {
    count: latencies.count,
    p50Ms: latencies.percentile(50),
    p99Ms: latencies.percentile(99),
    maxMs: latencies.percentile(100),
  };
}
