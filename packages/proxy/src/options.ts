/** What a proxy is started with: options, limits, their defaults and their check. */
import {
  checkOutlierOptions,
  checkOwnNames,
  checkRetryBudgetOptions,
  checkRoutes,
  ErrorCode,
  OUTLIER_DEFAULTS,
  type OutlierOptions,
  RETRY_BUDGET_DEFAULTS,
  RegistryError,
  type RetryBudgetOptions,
  type Route,
} from "@fpzk/core";
import { type AccessLog, silentAccessLog } from "./access-log.js";
import type { Directory } from "./directory.js";
import { type ProxyLogger, silentProxyLogger } from "./logger.js";
import { checkPendingOptions, PENDING_DEFAULTS, type PendingOptions } from "./pending-requests.js";
import { checkTcpRoutes, type TcpRoute } from "./tcp/tcp-route.js";

/** Times and sizes that bound what one caller or instance can cost. */
export interface ProxyLimits {
  /** Bytes of one request's or answer's header section; more is 431 or 502. Default 16384. */
  readonly headerMaxBytes: number;
  /** Fields of one request's header section; more is 431. Default 128. */
  readonly headerCountMax: number;
  /** Until a caller has sent its header; then 408. Default 10000. */
  readonly headerTimeoutMs: number;
  /** Until a caller has sent its whole request; then 408. Default 300000; 0 for no end. */
  readonly requestTimeoutMs: number;
  /** Without a byte from or to a caller: its connection ends. Default 75000. */
  readonly idleTimeoutMs: number;
  /** From the last byte of a request to the answer's header; then 504. Default 60000. */
  readonly answerTimeoutMs: number;
  /** Between two pieces of an instance's answer; then it counts as broken. Default 300000. */
  readonly answerIdleTimeoutMs: number;
  /** Until an instance accepted a connection. Default 3000. */
  readonly connectTimeoutMs: number;
  /** Without a byte in either direction, an upgraded connection ends. Default 3600000. */
  readonly upgradeIdleTimeoutMs: number;
  /** Callers' connections; more are closed at once. Default 20000. */
  readonly connectionCountMax: number;
  /** Requests in work; more are 503. Default 10000. */
  readonly requestCountMax: number;
  /** Upgraded connections; more are 503. Default 10000. */
  readonly upgradeCountMax: number;
  /** Requests of one caller's address in a second; more are 429. Default 0: no limit. */
  readonly requestsPerSecondMax: number;
  /** Streams of one caller's HTTP/2 connection; more are refused. Default 256. */
  readonly streamCountMax: number;
  /** Streams that an HTTP/2 caller resets within a second; then its connection ends. Default 200. */
  readonly resetsPerSecondMax: number;
  /** Connections to one instance; further requests wait for one. Default 512. */
  readonly instanceConnectionCountMax: number;
  /** Services that dynamic mode watches at once. Default 1024. */
  readonly dynamicServiceCountMax: number;
  /** After the last request for it, dynamic mode forgets a service. Default 600000. */
  readonly dynamicServiceIdleMs: number;
}

export const PROXY_LIMIT_DEFAULTS: ProxyLimits = {
  headerMaxBytes: 16_384,
  headerCountMax: 128,
  headerTimeoutMs: 10_000,
  requestTimeoutMs: 300_000,
  idleTimeoutMs: 75_000,
  answerTimeoutMs: 60_000,
  answerIdleTimeoutMs: 300_000,
  connectTimeoutMs: 3_000,
  upgradeIdleTimeoutMs: 3_600_000,
  connectionCountMax: 20_000,
  requestCountMax: 10_000,
  upgradeCountMax: 10_000,
  requestsPerSecondMax: 0,
  streamCountMax: 256,
  resetsPerSecondMax: 200,
  instanceConnectionCountMax: 512,
  dynamicServiceCountMax: 1_024,
  dynamicServiceIdleMs: 600_000,
};

const MAY_BE_ZERO = ["requestTimeoutMs", "requestsPerSecondMax"];

/** PEM texts of a certificate chain and its key. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface AdminOptions {
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Names that others call it by, without a port. */
  readonly hostNames?: readonly string[];
}

export interface ProxyOptions {
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Default: none. */
  readonly routes?: readonly Route[];
  /** Ports whose connections are passed on as they are. Default: none. */
  readonly tcp?: readonly TcpRoute[];
  /** Whether `/{service}/…` reaches any service that the directory sees. Default false. */
  readonly isDynamic?: boolean;
  /**
   * Also follow the route sets of the directory's namespace; `file` keeps the last good ones for a
   * start without a registry. Default: they are not followed.
   */
  readonly routeSets?: { readonly file?: string };
  readonly directory: Directory;
  /**
   * Serves `/metrics`, `/healthz`, `/readyz`, `/v1/diagnostics` and a page of it. Default: no admin
   * listener.
   *
   * It asks for no token, so of requests from its own machine it answers only those whose `Host` is
   * an IP address, `localhost`, its own `host` or one of `hostNames` (at most 64, default none): a
   * web page of another site cannot read it through a visitor's browser (DNS rebinding).
   */
  readonly admin?: AdminOptions;
  /** Which of several processes this is, from 1; the diagnostics say it. Default: the only one. */
  readonly worker?: number;
  /** What callers are shown; absent speaks plain HTTP. */
  readonly tls?: Certificate;
  /** Further ones, shown to callers that ask for a name in them (SNI). Only with `tls`. */
  readonly certificates?: readonly Certificate[];
  /** PEM of a CA that instances' certificates chain to. Default: the system's. */
  readonly instanceCa?: string;
  /** Shown to instances that ask for one (mutual TLS). Default: none. */
  readonly instanceCertificate?: Certificate;
  /** Keep and extend `x-forwarded-*` and `forwarded` of callers. Default false: replace them. */
  readonly trustsForwarded?: boolean;
  readonly limits?: Partial<ProxyLimits>;
  readonly outlier?: Partial<OutlierOptions>;
  /** Of each service. */
  readonly retryBudget?: Partial<RetryBudgetOptions>;
  /**
   * Requests that wait for an instance with room, where the directory bounds calls at one instance:
   * default 1000 of a service, each for 5000 ms.
   */
  readonly pending?: Partial<PendingOptions>;
  readonly accessLog?: AccessLog;
  readonly logger?: ProxyLogger;
}

/** {@link ProxyOptions} with every default filled in. */
export interface ResolvedProxyOptions {
  readonly host: string;
  readonly port: number;
  readonly routes: readonly Route[];
  readonly tcp: readonly TcpRoute[];
  readonly isDynamic: boolean;
  readonly routeSets: { readonly file?: string } | undefined;
  readonly directory: Directory;
  readonly admin: Required<AdminOptions> | undefined;
  readonly worker: number | undefined;
  readonly tls: Certificate | undefined;
  readonly certificates: readonly Certificate[];
  readonly instanceCa: string | undefined;
  readonly instanceCertificate: Certificate | undefined;
  readonly trustsForwarded: boolean;
  readonly limits: ProxyLimits;
  readonly outlier: OutlierOptions;
  readonly retryBudget: RetryBudgetOptions;
  readonly pending: PendingOptions;
  readonly accessLog: AccessLog;
  readonly logger: ProxyLogger;
}

const LIMIT_MAX = 2_147_483_647;

/**
 * Fills in the defaults.
 *
 * @throws RegistryError `invalid_argument` that names every fault at once.
 */
export function resolveProxyOptions(options: ProxyOptions): ResolvedProxyOptions {
  const limits = { ...PROXY_LIMIT_DEFAULTS, ...options.limits };
  const outlier = { ...OUTLIER_DEFAULTS, ...options.outlier };
  const retryBudget = { ...RETRY_BUDGET_DEFAULTS, ...options.retryBudget };
  const pending = { ...PENDING_DEFAULTS, ...options.pending };
  const routes = options.routes ?? [];
  const faults = [
    ...checkRoutes(routes),
    ...checkTcpRoutes(options.tcp ?? []),
    ...checkNumbers("limits", { ...limits }, 1, LIMIT_MAX, MAY_BE_ZERO),
    ...checkOutlierOptions(outlier),
    ...checkRetryBudgetOptions(retryBudget),
    ...checkPendingOptions(pending),
    ...checkPort("port", options.port),
    ...checkAdmin(options.admin),
  ];
  if (options.tls === undefined && (options.certificates ?? []).length > 0) {
    faults.push("certificates: given without tls, whose certificate is the one for other names");
  }
  if (routes.length === 0 && options.isDynamic !== true && options.routeSets === undefined) {
    faults.push(
      "routes: none given, isDynamic is false and routeSets not asked for: nothing could be reached",
    );
  }
  if (options.routeSets !== undefined && options.directory.watchRouteSets === undefined) {
    faults.push("routeSets: the directory knows of none; leave it out");
  }
  if (limits.requestTimeoutMs > 0 && limits.headerTimeoutMs > limits.requestTimeoutMs) {
    faults.push(
      `limits.headerTimeoutMs ${limits.headerTimeoutMs} must be at most ` +
        `limits.requestTimeoutMs ${limits.requestTimeoutMs}`,
    );
  }
  if (faults.length > 0) {
    throw new RegistryError(ErrorCode.invalidArgument, `proxy options: ${faults.join("; ")}`);
  }
  return {
    host: options.host ?? "127.0.0.1",
    port: options.port,
    routes,
    tcp: options.tcp ?? [],
    isDynamic: options.isDynamic ?? false,
    routeSets: options.routeSets,
    directory: options.directory,
    admin: options.admin && { host: "127.0.0.1", hostNames: [], ...options.admin },
    worker: options.worker,
    tls: options.tls,
    certificates: options.certificates ?? [],
    instanceCa: options.instanceCa,
    instanceCertificate: options.instanceCertificate,
    trustsForwarded: options.trustsForwarded ?? false,
    limits,
    outlier,
    retryBudget,
    pending,
    accessLog: options.accessLog ?? silentAccessLog,
    logger: options.logger ?? silentProxyLogger,
  };
}

function checkNumbers(
  at: string,
  values: Readonly<Record<string, number>>,
  min: number,
  max: number,
  mayBeZero: readonly string[],
): string[] {
  const faults: string[] = [];
  for (const [name, value] of Object.entries(values)) {
    const lowest = mayBeZero.includes(name) ? 0 : min;
    if (!Number.isSafeInteger(value) || value < lowest || value > max) {
      faults.push(`${at}.${name} ${value} must be a whole number, ${lowest} to ${max}`);
    }
  }
  return faults;
}

function checkAdmin(admin: AdminOptions | undefined): string[] {
  if (admin === undefined) return [];
  const names = checkOwnNames(admin.hostNames ?? [], "admin.hostNames");
  return [...checkPort("admin.port", admin.port), ...names];
}

function checkPort(name: string, port: number): string[] {
  const isPort = Number.isSafeInteger(port) && port >= 0 && port <= 65_535;
  return isPort ? [] : [`${name} ${port} must be 0 to 65535`];
}
