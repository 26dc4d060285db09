/** Latencies as histograms that processes can hand to each other. */
import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from "hdr-histogram-js";

const LATENCY_MAX_MICROS = 600_000_000;

/** A histogram of microseconds with three digits. */
export function createLatencies(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: LATENCY_MAX_MICROS,
    numberOfSignificantValueDigits: 3,
  });
}

export function recordLatency(latencies: Histogram, ms: number): void {
  const micros = Math.round(ms * 1_000);
  latencies.recordValue(Math.min(Math.max(micros, 1), LATENCY_MAX_MICROS));
}

/** The value that `percent` of all are at or below, in ms; 0 when there are none. */
export function percentileMs(latencies: Histogram, percent: number): number {
  return latencies.totalCount === 0 ? 0 : latencies.getValueAtPercentile(percent) / 1_000;
}

export function encodeLatencies(latencies: Histogram): string {
  return encodeIntoCompressedBase64(latencies);
}

export function addEncodedLatencies(latencies: Histogram, encoded: string): void {
  latencies.add(decodeFromCompressedBase64(encoded));
}
