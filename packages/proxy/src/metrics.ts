/** The proxy's metrics. Label values are bounded: a service that is not known shares one value. */
import { Counter, Gauge, Registry } from "prom-client";
import { OTHER_SERVICE, type RequestLabels, RequestLabelTable } from "./request-labels.js";
import { RequestMeters } from "./request-meters.js";
import { TcpMetrics } from "./tcp/tcp-metrics.js";
import { TrafficMetrics } from "./traffic-metrics.js";

/** Services with label values of their own; later ones share {@link OTHER_SERVICE}. */
const SERVICE_LABEL_COUNT_MAX = 1_024;
/** No route, or a name that has no instance. */
export const UNKNOWN_SERVICE = "unknown";

/** Statuses that tell causes apart (RFC 9110 §15.6); the others are counted together. */
const TOLD_STATUSES: ReadonlySet<string> = new Set(
  [500, 502, 503, 504].map((one) => `status-${one}`),
);

/** The label value of why an attempt failed: an instance may answer any status. */
export function failureLabel(reason: string): string {
  return reason.startsWith("status-") && !TOLD_STATUSES.has(reason) ? "status-other" : reason;
}

export class ProxyMetrics {
  readonly registry = new Registry();
  readonly #services = new Set<string>();
  readonly #requestLabels = new RequestLabelTable();
  readonly #registers = [this.registry];
  readonly requests = new RequestMeters();
  readonly traffic = new TrafficMetrics(this.registry, (service) =>
    this.serviceLabel(service, true),
  );
  readonly tcp = new TcpMetrics(this.registry);
  /** Requests in work, asked for at each scrape. */
  readActiveCount: () => number = () => 0;
  readonly retries = new Counter({
    name: "proxy_retries_total",
    help: "Further attempts, by route and service.",
    labelNames: ["route", "service"],
    registers: this.#registers,
  });
  readonly retriesRefused = new Counter({
    name: "proxy_retries_refused_total",
    help: "Attempts that the retry budget did not allow.",
    registers: this.#registers,
  });
  readonly failures = new Counter({
    name: "proxy_attempt_failures_total",
    help: "Attempts that failed at an instance, by route, service and reason.",
    labelNames: ["route", "service", "reason"],
    registers: this.#registers,
  });
  readonly ejections = new Counter({
    name: "proxy_ejections_total",
    help: "Instances ejected for failing, by service.",
    labelNames: ["service"],
    registers: this.#registers,
  });
  readonly upgrades = new Counter({
    name: "proxy_upgrades_total",
    help: "Connections upgraded (WebSocket and others), by route and service.",
    labelNames: ["route", "service"],
    registers: this.#registers,
  });
  readonly upgradesActive = new Gauge({
    name: "proxy_upgrades_active",
    help: "Upgraded connections open.",
    registers: this.#registers,
  });
  readonly connectionsRefused = new Counter({
    name: "proxy_connections_refused_total",
    help: "Connections closed at once because too many are open.",
    registers: this.#registers,
  });
  readonly hostile = new Counter({
    name: "proxy_invalid_requests_total",
    help: "Requests that broke the protocol or a limit, by reason.",
    labelNames: ["reason"],
    registers: this.#registers,
  });
  readonly hedges = new Counter({
    name: "proxy_hedges_total",
    help: "Further instances asked because the first had not answered yet.",
    labelNames: ["route", "service"],
    registers: this.#registers,
  });
  readonly mirrored = new Counter({
    name: "proxy_mirrored_total",
    help: "Copies of requests for mirrors: sent, or left out because of too many or no instance.",
    labelNames: ["outcome"],
    registers: this.#registers,
  });
  readonly routeSets = new Gauge({
    name: "proxy_route_sets",
    help: "Route sets of the registry that are followed.",
    registers: this.#registers,
  });
  readonly routeSetsRefused = new Counter({
    name: "proxy_route_sets_refused_total",
    help: "Route sets, or routes of them, that could not be followed.",
    registers: this.#registers,
  });
  readonly routeSwitches = new Counter({
    name: "proxy_route_switches_total",
    help: "Tables of routes that took over from another one.",
    registers: this.#registers,
  });

  constructor() {
    const { requests, registry } = this;
    const readActiveCount = (): number => this.readActiveCount();
    new Counter({
      name: "proxy_requests_total",
      help: "Requests by route, service and class of the status; 0xx: the caller went away.",
      labelNames: ["route", "service", "code_class"],
      registers: this.#registers,
      collect() {
        requests.fill(this);
      },
    });
    new Gauge({
      name: "proxy_requests_active",
      help: "Requests in work.",
      registers: this.#registers,
      collect() {
        this.set(readActiveCount());
      },
    });
    registry.registerMetric(
      requests.histogram(
        "proxy_request_duration_seconds",
        "From the request's header to the end of the answer.",
      ),
    );
  }

  /** The label value of a service. */
  serviceLabel(service: string, isKnown: boolean): string {
    if (!isKnown || service === "") return UNKNOWN_SERVICE;
    if (this.#services.has(service)) return service;
    if (this.#services.size >= SERVICE_LABEL_COUNT_MAX) return OTHER_SERVICE;
    this.#services.add(service);
    return service;
  }

  /** The labels of a request's metrics. @param isKnown - Its service has an instance. */
  requestLabels(route: string, service: string, isKnown: boolean): RequestLabels {
    return this.#requestLabels.get(route, this.serviceLabel(service, isKnown));
  }
}
