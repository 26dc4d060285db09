/**
 * Counts and times of requests by route and service, as plain numbers that a scrape turns into metrics.
 *
 * prom-client looks labels up and checks them at each observation, which took a twelfth of a small
 * request's time. Here a request adds to four numbers.
 */
import type { Counter, Histogram } from "prom-client";
import type { RequestLabels } from "./request-labels.js";

const DURATION_BUCKETS_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];
const BUCKETS_MS = Float64Array.from(DURATION_BUCKETS_SECONDS, (seconds) => seconds * 1_000);
/** `0xx` to `5xx`. */
const CLASS_COUNT = 6;

interface Meter {
  readonly byClass: Float64Array;
  /** Of each bucket alone; what is above the last is in {@link count} only. */
  readonly byBucket: Float64Array;
  count: number;
  sumMs: number;
}

export class RequestMeters {
  readonly #meters = new Map<RequestLabels, Meter>();

  /** @param labels - One object for each pair, bounded by the caller. */
  add(labels: RequestLabels, statusCode: number, durationMs: number): void {
    let meter = this.#meters.get(labels);
    if (meter === undefined) {
      const byClass = new Float64Array(CLASS_COUNT);
      const byBucket = new Float64Array(BUCKETS_MS.length);
      meter = { byClass, byBucket, count: 0, sumMs: 0 };
      this.#meters.set(labels, meter);
    }
    const statusClass = Math.floor(statusCode / 100);
    meter.byClass[statusClass] = (meter.byClass[statusClass] ?? 0) + 1;
    meter.count += 1;
    meter.sumMs += durationMs;
    for (let index = 0; index < BUCKETS_MS.length; index += 1) {
      if (durationMs > (BUCKETS_MS[index] as number)) continue;
      meter.byBucket[index] = (meter.byBucket[index] as number) + 1;
      return;
    }
  }

  /** Sets a counter with labels `route`, `service` and `code_class` to what was counted. */
  fill(counter: Counter<"route" | "service" | "code_class">): void {
    counter.reset();
    for (const [labels, { byClass }] of this.#meters) {
      for (const [statusClass, count] of byClass.entries()) {
        if (count > 0) counter.inc({ ...labels, code_class: `${statusClass}xx` }, count);
      }
    }
  }

  /** The durations as a metric that a registry can hold in a histogram's place. */
  histogram(name: string, help: string): Histogram<"route" | "service"> {
    const metric = {
      name,
      help,
      type: "histogram",
      aggregator: "sum",
      get: () => Promise.resolve({ name, help, type: "histogram", values: this.#values(name) }),
      reset: () => this.#meters.clear(),
    };
    return metric as unknown as Histogram<"route" | "service">;
  }

  #values(name: string) {
    return [...this.#meters].flatMap(([labels, meter]) => {
      let below = 0;
      const buckets = DURATION_BUCKETS_SECONDS.map((le, index) => {
        below += meter.byBucket[index] as number;
        return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: below };
      });
      return [
        ...buckets,
        { metricName: `${name}_bucket`, labels: { le: "+Inf", ...labels }, value: meter.count },
        { metricName: `${name}_sum`, labels: { ...labels }, value: meter.sumMs / 1_000 },
        { metricName: `${name}_count`, labels: { ...labels }, value: meter.count },
      ];
    });
  }
}
