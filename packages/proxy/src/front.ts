/**
 * Where calls of all listeners arrive: limits, addressing, routing; then an exchange.
 *
 * Knows no protocol. Faults of framing were refused by the listener.
 *
 * @see RFC 9110 §7.6.2 (Max-Forwards and loops), §9.3.6 (CONNECT), §9.3.8 (TRACE).
 */
import { ErrorCode, type Instant } from "@fpzk/core";
import type { Call, Fields } from "./call.js";
import { Exchange, type ExchangePorts } from "./exchange.js";
import { firstValue, passedCount, requestHeaders } from "./headers.js";
import type { ProxyMetrics } from "./metrics.js";
import type { ResolvedProxyOptions } from "./options.js";
import type { Problem } from "./problem.js";
import { callerAddress, RateLimit } from "./rate-limit.js";
import { closeRequestRecord, createRequestRecord } from "./request-record.js";
import type { RouteTable, RouteTarget } from "./route-table.js";

export interface FrontPorts {
  readonly options: ResolvedProxyOptions;
  readonly routes: RouteTable;
  readonly metrics: ProxyMetrics;
  readonly exchange: Omit<ExchangePorts, "onEnded" | "onUpgraded">;
  readonly now: () => Instant;
}

/** More FPZK proxies than this in a row are taken for a loop. */
const PASSED_COUNT_MAX = 10;

export class Front {
  readonly #ports: FrontPorts;
  readonly #exchangePorts: ExchangePorts;
  readonly #active = new Set<Exchange>();
  readonly #rateLimit: RateLimit | undefined;
  #upgradedCount = 0;
  #onIdle: (() => void) | undefined;

  constructor(ports: FrontPorts) {
    this.#ports = ports;
    const { requestsPerSecondMax } = ports.options.limits;
    if (requestsPerSecondMax > 0) this.#rateLimit = new RateLimit(requestsPerSecondMax);
    ports.metrics.readActiveCount = () => this.#active.size;
    this.#exchangePorts = {
      ...ports.exchange,
      onEnded: (exchange) => this.#end(exchange),
      onUpgraded: () => {
        this.#upgradedCount += 1;
        this.#ports.metrics.upgradesActive.set(this.#upgradedCount);
      },
    };
  }

  /** Requests in work and upgraded connections. */
  get activeCount(): number {
    return this.#active.size;
  }

  get upgradedCount(): number {
    return this.#upgradedCount;
  }

  /** Resolves when nothing is in work. */
  idle(): Promise<void> {
    if (this.#active.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /** Breaks off upgraded connections; calls end with their connections. */
  destroyUpgraded(): void {
    for (const exchange of this.#active) exchange.destroy();
  }

  sweep(nowMs: number): void {
    for (const exchange of this.#active) exchange.sweep(nowMs);
  }

  /** Serves a call. */
  onCall(call: Call): void {
    const record = createRequestRecord(
      { method: call.method, host: call.authority, path: call.path },
      this.#ports.now(),
    );
    const exchange = new Exchange(call, record, this.#exchangePorts);
    this.#active.add(exchange);
    const target = this.#overload(call) ?? this.#target(call);
    if (isProblem(target)) {
      exchange.refuse(target);
      return;
    }
    record.route = target.routeName;
    record.service = target.service;
    record.isServiceKnown = !target.isDynamic;
    const tooMany = call.upgrade === undefined ? undefined : this.#upgradeOverload();
    if (tooMany !== undefined) {
      exchange.refuse(tooMany);
      return;
    }
    exchange.start(target, this.#headers(call, target.host ?? call.authority));
  }

  #target(call: Call): RouteTarget | Problem {
    const { method, fields } = call;
    if (method === "TRACE") return this.#invalid("method", "TRACE is not served", 405);
    if (method === "CONNECT") {
      const detail = "CONNECT is not served; send a request with a path";
      return { code: ErrorCode.unimplemented, detail, statusCode: 405, isHostile: true };
    }
    if (passedCount(fields) >= PASSED_COUNT_MAX) {
      const detail = `the request passed ${PASSED_COUNT_MAX} proxies; its route leads back here`;
      return this.#invalid("loop", detail, 508);
    }
    const match = this.#ports.routes.match({
      method,
      host: call.authority,
      path: call.path,
      clientAddress: call.remoteAddress,
      header: (name) => firstValue(fields, name),
    });
    if (match.type === "invalid") return this.#invalid("path", match.message, 400);
    if (match.type === "none") {
      const detail = `no route for host "${call.authority}" and this path`;
      return { code: ErrorCode.notFound, detail };
    }
    return match.target;
  }

  #upgradeOverload(): Problem | undefined {
    if (this.#upgradedCount < this.#ports.options.limits.upgradeCountMax) return undefined;
    const detail = `${this.#upgradedCount} upgraded connections are open, which is the most`;
    return { code: ErrorCode.resourceExhausted, detail, statusCode: 503 };
  }

  #overload({ fields, remoteAddress }: Call): Problem | undefined {
    const { limits, trustsForwarded } = this.#ports.options;
    if (this.#active.size > limits.requestCountMax) {
      const detail = `${limits.requestCountMax} requests are in work, which is the most; try again`;
      return { code: ErrorCode.resourceExhausted, detail, statusCode: 503 };
    }
    if (this.#rateLimit === undefined) return undefined;
    const noted = trustsForwarded ? firstValue(fields, "x-forwarded-for") : undefined;
    const address = callerAddress(remoteAddress, noted);
    if (this.#rateLimit.admits(address, this.#ports.now())) return undefined;
    const detail = `more than ${limits.requestsPerSecondMax} requests in a second; ask more slowly`;
    return { code: ErrorCode.resourceExhausted, detail, statusCode: 429, reason: "rate" };
  }

  #headers(call: Call, host: string): Fields {
    return requestHeaders(call.fields, {
      remoteAddress: call.remoteAddress,
      isTls: call.scheme === "https",
      host,
      httpVersion: call.httpVersion,
      trustsForwarded: this.#ports.options.trustsForwarded,
    });
  }

  #invalid(reason: string, detail: string, statusCode: number): Problem {
    this.#ports.metrics.hostile.inc({ reason });
    return { code: ErrorCode.invalidArgument, detail, statusCode, isHostile: true };
  }

  #end(exchange: Exchange): void {
    this.#active.delete(exchange);
    const { metrics } = this.#ports;
    if (exchange.isUpgraded) {
      this.#upgradedCount -= 1;
      metrics.upgradesActive.set(this.#upgradedCount);
    }
    closeRequestRecord(exchange.record, {
      metrics,
      accessLog: this.#ports.options.accessLog,
      now: this.#ports.now,
    });
    if (this.#active.size === 0) this.#onIdle?.();
  }
}

function isProblem(value: object): value is Problem {
  return "code" in value;
}
