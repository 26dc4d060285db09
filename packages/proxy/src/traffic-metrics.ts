/** Metrics of what is under way at instances, of what waits for one, and of the breaker. */
import { Counter, Gauge, type Registry } from "prom-client";

/** What is told of one service, when metrics are asked for. */
export interface TrafficCounts {
  readonly service: string;
  /** Others are left out: any name may be asked for. */
  readonly isKnown: boolean;
  readonly activeCount: number;
  readonly pendingCount: number;
}

export class TrafficMetrics {
  /** Asked at each scrape. */
  readTraffic: () => Iterable<TrafficCounts> = () => [];
  readonly refused: Counter<"service" | "reason">;
  readonly tripped: Counter<"service">;
  readonly reset: Counter<"service">;

  /** @param label - The label value of a service that is known. */
  constructor(registry: Registry, label: (service: string) => string) {
    const registers = [registry];
    const read = (): Iterable<TrafficCounts> => this.readTraffic();
    gauge("proxy_calls_active", "Calls under way at instances, by service.", "activeCount");
    gauge(
      "proxy_requests_pending",
      "Requests that wait for an instance with room, by service.",
      "pendingCount",
    );
    this.refused = new Counter({
      name: "proxy_pending_refused_total",
      help: "Requests refused for lack of room at instances, by service and reason.",
      labelNames: ["service", "reason"],
      registers,
    });
    this.tripped = new Counter({
      name: "proxy_breaker_tripped_total",
      help: "Times that as many requests waited as may, by service.",
      labelNames: ["service"],
      registers,
    });
    this.reset = new Counter({
      name: "proxy_breaker_reset_total",
      help: "Times that half of them were gone again, by service.",
      labelNames: ["service"],
      registers,
    });

    function gauge(name: string, help: string, count: "activeCount" | "pendingCount"): void {
      new Gauge({
        ...{ name, help, registers, labelNames: ["service"] },
        collect() {
          this.reset();
          // Several services may share one label.
          for (const one of read()) {
            if (one.isKnown) this.inc({ service: label(one.service) }, one[count]);
          }
        },
      });
    }
  }
}
