/** Metrics of plain TCP. Bytes of open connections count at each scrape, for some stay for weeks. */
import { Counter, Gauge, type Registry } from "prom-client";
import type { AccessEntry } from "../access-log.js";

/** What is known of one connection. */
export interface TcpRecord {
  /** `tcp:PORT`, as configured. */
  readonly route: string;
  readonly startedAtMs: number;
  /** Empty while it is not known, or when the caller's name is not listed. */
  service: string;
  /** That the caller's TLS asked for; empty without. */
  serverName: string;
  instanceId: string;
  attemptCount: number;
  /** From the caller, and to it. */
  requestBodyBytes: number;
  responseBodyBytes: number;
  outcome: AccessEntry["outcome"];
  /** As in {@link AccessEntry.reason}. */
  reason: string;
}

interface Bytes {
  received: number;
  sent: number;
}

/** No service was found for it. */
const NO_SERVICE = "unknown";

export class TcpMetrics {
  readonly #open = new Set<TcpRecord>();
  /** Of connections that are closed, by service. */
  readonly #closed = new Map<string, Bytes>();
  readonly #connections: Counter<"route" | "service" | "outcome">;
  readonly #failures: Counter<"service" | "reason">;

  constructor(registry: Registry) {
    const registers = [registry];
    const open = this.#open;
    const totals = (): Map<string, Bytes> => this.#totals();
    this.#connections = new Counter({
      name: "proxy_tcp_connections_total",
      help: "Connections of plain TCP that ended, by route, service and outcome.",
      labelNames: ["route", "service", "outcome"],
      registers,
    });
    this.#failures = new Counter({
      name: "proxy_tcp_failures_total",
      help: "Why connections of plain TCP were refused, or an instance was not reached.",
      labelNames: ["service", "reason"],
      registers,
    });
    new Gauge({
      ...{ name: "proxy_tcp_connections_active", help: "Connections of plain TCP open." },
      ...{ labelNames: ["service"], registers },
      collect() {
        this.reset();
        for (const { service } of open) this.inc({ service: service || NO_SERVICE });
      },
    });
    new Counter({
      ...{ name: "proxy_tcp_bytes_total", help: "Bytes of plain TCP from and to callers." },
      ...{ labelNames: ["service", "direction"], registers },
      collect() {
        this.reset();
        for (const [service, { received, sent }] of totals()) {
          this.inc({ service, direction: "received" }, received);
          this.inc({ service, direction: "sent" }, sent);
        }
      },
    });
  }

  begin(record: TcpRecord): void {
    this.#open.add(record);
  }

  /** An instance was not reached, or there was none to try. */
  fail(record: TcpRecord, reason: string): void {
    this.#failures.inc({ service: record.service || NO_SERVICE, reason });
  }

  end(record: TcpRecord): void {
    if (!this.#open.delete(record)) return;
    const { route, outcome } = record;
    this.#connections.inc({ route, service: record.service || NO_SERVICE, outcome });
    addBytes(this.#closed, record);
  }

  #totals(): Map<string, Bytes> {
    const totals = new Map([...this.#closed].map(([service, bytes]) => [service, { ...bytes }]));
    for (const record of this.#open) addBytes(totals, record);
    return totals;
  }
}

/** Services are bounded: only configured ones come here. */
function addBytes(totals: Map<string, Bytes>, record: TcpRecord): void {
  const service = record.service || NO_SERVICE;
  const bytes = totals.get(service) ?? { received: 0, sent: 0 };
  bytes.received += record.requestBodyBytes;
  bytes.sent += record.responseBodyBytes;
  totals.set(service, bytes);
}
