/** FPZKProxy: puts the parts together, owns the clock, the listeners and the drain. */
import type { Server as AdminServer } from "node:http";
import type { AddressInfo, Server } from "node:net";
import { Server as TlsServer } from "node:tls";
import {
  BreakerState,
  ErrorCode,
  type Instant,
  instant,
  RegistryError,
  SeededRandom,
} from "@fpzk/core";
import { createAdminServer } from "./admin-listener.js";
import { Balancer } from "./balancer.js";
import type { Call } from "./call.js";
import { CallerTls } from "./caller-tls.js";
import { TickingClock } from "./coarse-clock.js";
import { createDiagnostics, type Diagnostics } from "./diagnostics/diagnostics.js";
import { RecentFailures } from "./diagnostics/recent-failures.js";
import { Front } from "./front.js";
import { Http1Listener } from "./http1/http1-listener.js";
import { Http2Listener } from "./http2/http2-listener.js";
import { InstanceTls } from "./instance-tls.js";
import { InstanceTransport } from "./instance-transport.js";
import { ProxyMetrics } from "./metrics.js";
import { Mirror } from "./mirror.js";
import { type ProxyOptions, type ResolvedProxyOptions, resolveProxyOptions } from "./options.js";
import { RouteFollower } from "./route-follower.js";
import { createRouteTable, destinationsOf, type Route } from "./route-table.js";
import { isWatched, SubscriptionTable } from "./subscription-table.js";
import { TcpListener } from "./tcp/tcp-listener.js";
import { type TcpRoute, tcpServices, tcpTarget } from "./tcp/tcp-route.js";

/** What a proxy shows and trusts. A listener in clear stays one. */
export type ProxyCertificates = Pick<
  ProxyOptions,
  "tls" | "certificates" | "instanceCa" | "instanceCertificate"
>;

/** A proxy that accepts requests. */
export interface RunningProxy extends AsyncDisposable {
  readonly host: string;
  /** As bound. */
  readonly port: number;
  /** `http://host:port`. */
  readonly url: string;
  /** Of the admin listener; undefined when there is none. */
  readonly adminPort: number | undefined;
  /** Of the TCP routes in their order, as bound. */
  readonly tcpPorts: readonly number[];
  readonly metrics: ProxyMetrics;
  /** Requests in work and upgraded connections. */
  readonly activeCount: number;
  /** What there is to see of it now, for people. */
  diagnostics(): Diagnostics;
  /** Resolves when the views of all configured routes are complete. */
  ready(options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<void>;
  /**
   * Shows and trusts others for connections from now on; those that are open go on.
   *
   * @throws Error when a text is no PEM; then nothing changes for its side.
   */
  replaceCertificates(next: ProxyCertificates): void;
  /**
   * Stops accepting, lets requests in work finish for at most `drainMs` (default 10000), then
   * breaks off the rest. Connections between two requests are kept for up to 5 s: a request that
   * comes by then is served. Idempotent.
   */
  close(options?: { drainMs?: number }): Promise<void>;
}

/** Also the version of every package of the workspace. */
const PROXY_VERSION = "0.1.0";
const SWEEP_INTERVAL_MS = 5_000;
/** Deadlines of requests are this exact. */
const TICK_MS = 50;
/** Timeouts of connections, idle ones by the thousand among them, are looked at less often. */
const CONNECTION_TICKS = 4;
const DRAIN_DEFAULT_MS = 10_000;
/** A caller that is silent for so long after the drain began is not waited for. */
const IDLE_GRACE_MS = 5_000;
const BREAK_OFF_MS = 1_000;
const CLOSE_MS = 500;
/** Longest that new routes wait for the views of the services that they name first. */
const PREPARE_MS = 1_000;
const READY_DEFAULT_MS = 10_000;

/**
 * Starts a proxy.
 *
 * It accepts requests at once; a service whose instances are not known yet answers 503.
 *
 * @throws RegistryError `invalid_argument` for wrong options, `unavailable` when it cannot listen.
 */
export async function startProxy(options: ProxyOptions): Promise<RunningProxy> {
  const proxy = new FpzkProxy(resolveProxyOptions(options));
  await proxy.start();
  return proxy;
}

class FpzkProxy implements RunningProxy {
  readonly metrics = new ProxyMetrics();
  readonly #options: ResolvedProxyOptions;
  readonly #subscriptions: SubscriptionTable;
  readonly #callerTls: CallerTls | undefined;
  readonly #instanceTls: InstanceTls;
  readonly #transport: InstanceTransport;
  readonly #routes: RouteFollower;
  readonly #balancer: Balancer;
  readonly #mirror: Mirror;
  readonly #front: Front;
  readonly #listener: Http1Listener;
  readonly #http2: Http2Listener;
  readonly #tcp: readonly TcpListener[];
  readonly #admin: AdminServer | undefined;
  readonly #failures = new RecentFailures();
  readonly #startedAt = new Date();
  readonly #startInstant = now();
  readonly #clock = new TickingClock(now());
  #tickTimer: NodeJS.Timeout | undefined;
  #tickCount = 0;
  #sweepTimer: NodeJS.Timeout | undefined;
  #isDraining = false;
  #closed: Promise<void> | undefined;

  constructor(options: ResolvedProxyOptions) {
    const { limits, logger } = options;
    this.#options = options;
    this.#subscriptions = new SubscriptionTable({
      directory: options.directory,
      outlier: options.outlier,
      retryBudget: options.retryBudget,
      onEjection: (service, instanceId) => {
        this.metrics.ejections.inc({ service: this.metrics.serviceLabel(service, true) });
        logger.warn("proxy.instance-ejected", { service, instanceId });
      },
      dynamicCountMax: limits.dynamicServiceCountMax,
      dynamicIdleMs: limits.dynamicServiceIdleMs,
    });
    const { tls, certificates } = options;
    this.#callerTls = tls && new CallerTls({ main: tls, further: certificates });
    this.#instanceTls = new InstanceTls(options);
    this.#transport = new InstanceTransport({
      clock: this.#clock,
      connectTimeoutMs: limits.connectTimeoutMs,
      answerIdleTimeoutMs: limits.answerIdleTimeoutMs,
      limits,
      connectionCountMax: limits.instanceConnectionCountMax,
      secureContext: () => this.#instanceTls.context,
    });
    this.#routes = this.#createRoutes();
    this.#balancer = this.#createBalancer();
    const balancer = this.#balancer;
    this.#mirror = new Mirror({
      balancer,
      transport: this.#transport,
      now,
      answerTimeoutMs: limits.answerTimeoutMs,
      onCopy: (isSent) => this.metrics.mirrored.inc({ outcome: isSent ? "sent" : "left-out" }),
    });
    this.#front = this.#createFront(balancer);
    this.#http2 = new Http2Listener(this.#callerPorts());
    this.#listener = this.#createListener();
    const { accessLog } = options;
    const tcpTold = { metrics: this.metrics.tcp, failures: this.#failures, accessLog };
    const tcpPorts = { balancer, limits, logger, now, ...tcpTold };
    const onConnectionRefused = (): void => this.metrics.connectionsRefused.inc();
    this.#tcp = options.tcp.map(
      (route) => new TcpListener(route, { ...tcpPorts, onConnectionRefused }),
    );
    if (options.admin !== undefined) {
      const { host, hostNames } = options.admin;
      this.#admin = createAdminServer({
        hostNames: [host, ...hostNames],
        metrics: this.metrics,
        unreadyReason: () => this.#unreadyReason(),
        diagnostics: () => this.diagnostics(),
      });
    }
  }

  get host(): string {
    return this.#options.host;
  }

  get port(): number {
    return (this.#listener.server.address() as AddressInfo | null)?.port ?? this.#options.port;
  }

  get url(): string {
    const host = this.host.includes(":") ? `[${this.host}]` : this.host;
    return `${this.#options.tls === undefined ? "http" : "https"}://${host}:${this.port}`;
  }

  get adminPort(): number | undefined {
    return (this.#admin?.address() as AddressInfo | null | undefined)?.port;
  }

  get tcpPorts(): readonly number[] {
    return this.#tcp.map(({ server }) => (server.address() as AddressInfo | null)?.port ?? 0);
  }

  get activeCount(): number {
    return this.#tcp.reduce((sum, one) => sum + one.connectionCount, this.#front.activeCount);
  }

  diagnostics(): Diagnostics {
    const { worker, directory, tcp } = this.#options;
    const ports = this.tcpPorts;
    return createDiagnostics({
      ...{ version: PROXY_VERSION, worker: worker ?? null },
      startedAt: this.#startedAt.toISOString(),
      uptimeMs: Math.round(now() - this.#startInstant),
      isDraining: this.#isDraining,
      unreadyReason: this.#unreadyReason() ?? null,
      registry: directory.registryConnections?.() ?? [],
      routes: this.#routes.inForce,
      tcp: tcp.map((route, index) => ({
        ...{ route, port: ports[index] ?? route.port },
        connectionCount: this.#tcp[index]?.connectionCount ?? 0,
      })),
      ...{ watched: this.#subscriptions, now: now() },
      connections: {
        http1: this.#listener.connectionCount,
        http2: this.#http2.connectionCount,
      },
      activeCount: this.activeCount,
      upgradedCount: this.#front.upgradedCount,
      failures: { count: this.#failures.count, recent: this.#failures.list() },
    });
  }

  async start(): Promise<void> {
    const options = this.#options;
    const subscriptions = this.#subscriptions;
    for (const target of [...pinnedTargets(options.routes), ...tcpTargets(options.tcp)]) {
      const watched = subscriptions.get(target, now());
      if (isWatched(watched)) continue;
      subscriptions.close();
      throw new RegistryError(ErrorCode.invalidArgument, `proxy routes: ${watched.detail}`);
    }
    // Before the first request: what was kept from before is in force.
    await this.#routes.start();
    try {
      await listen(this.#listener.server, options.host, options.port);
      for (const [index, { host = options.host, port }] of options.tcp.entries()) {
        const tcp = this.#tcp[index];
        if (tcp !== undefined) await listen(tcp.server, host, port);
      }
      if (this.#admin !== undefined && options.admin !== undefined) {
        await listen(this.#admin, options.admin.host, options.admin.port);
      }
    } catch (error) {
      await this.close({ drainMs: 0 });
      throw error;
    }
    this.#sweepTimer = setInterval(() => {
      this.#subscriptions.sweep(now());
    }, SWEEP_INTERVAL_MS);
    this.#sweepTimer.unref();
    this.#tickTimer = setInterval(() => this.#tick(), TICK_MS);
    this.#tickTimer.unref();
    options.logger.info("proxy.listening", { host: this.host, port: this.port });
  }

  async ready(options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<void> {
    await this.#routes.ready(options?.timeoutMs ?? READY_DEFAULT_MS);
    const { routes, tcp } = this.#options;
    const subscriptions = [...pinnedTargets(routes), ...tcpTargets(tcp)].map((target) =>
      this.#subscriptions.get(target, now()),
    );
    await Promise.all(
      subscriptions.filter(isWatched).map((watched) => watched.subscription.ready(options)),
    );
  }

  replaceCertificates(next: ProxyCertificates): void {
    const { tls, certificates = [], instanceCa, instanceCertificate } = next;
    const { server } = this.#listener;
    if (tls !== undefined && server instanceof TlsServer) {
      this.#callerTls?.replace({ main: tls, further: certificates }, server);
    }
    this.#instanceTls.replace({ instanceCa, instanceCertificate });
    this.#options.logger.info("proxy.certificates-replaced", {});
  }

  close(options?: { drainMs?: number }): Promise<void> {
    this.#closed ??= this.#drain(options?.drainMs ?? DRAIN_DEFAULT_MS);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #drain(drainMs: number): Promise<void> {
    const { logger } = this.#options;
    this.#isDraining = true;
    logger.info("proxy.draining", { activeCount: this.activeCount, drainMs });
    const deadlineMs = now() + drainMs;
    const stopped = stop(this.#listener.server);
    const tcpStopped = Promise.all(this.#tcp.map(({ server }) => stop(server)));
    this.#http2.notifyOfEnd();
    // A connection between two requests may have the next one on its way: that one is served, and
    // told to close. Only who stays silent is closed, after what has arrived by then was read.
    await waitAtMost(stopped, Math.min(drainMs, IDLE_GRACE_MS));
    await new Promise((resolve) => setImmediate(resolve));
    this.#listener.closeIdle();
    this.#http2.end();
    const idle = Promise.all([this.#front.idle(), tcpStopped]);
    await waitAtMost(idle, Math.max(0, deadlineMs - now()));
    const brokenOffCount = this.activeCount;
    // Callers who were told to close do so; their last answers must not be cut.
    if (brokenOffCount === 0) await waitAtMost(stopped, Math.min(drainMs, CLOSE_MS));
    this.#front.destroyUpgraded();
    for (const tcp of this.#tcp) tcp.destroyAll();
    this.#listener.destroyAll();
    this.#http2.destroyAll();
    await stopped;
    await tcpStopped;
    // Their `close` events, which write the access lines, follow within this turn or the next.
    await waitAtMost(this.#front.idle(), BREAK_OFF_MS);
    await this.#routes.close();
    this.#mirror.destroy();
    this.#subscriptions.close();
    clearInterval(this.#sweepTimer);
    clearInterval(this.#tickTimer);
    this.#transport.destroy();
    if (this.#admin !== undefined) {
      const adminStopped = stop(this.#admin);
      this.#admin.closeAllConnections();
      await adminStopped;
    }
    logger.info("proxy.closed", { brokenOffCount });
  }

  #unreadyReason(): string | undefined {
    if (this.#isDraining) return "draining";
    if (!this.#routes.isKnown) return "the route sets of the registry are not known yet";
    const service = this.#subscriptions.unready();
    return service === undefined ? undefined : `the instances of ${service} are not known yet`;
  }

  #createBalancer(): Balancer {
    const { metrics } = this;
    const { traffic } = metrics;
    traffic.readTraffic = () => this.#subscriptions.traffic;
    return new Balancer({
      subscriptions: this.#subscriptions,
      pending: this.#options.pending,
      onBreaker: (service, state) => {
        const counter = state === BreakerState.tripped ? traffic.tripped : traffic.reset;
        counter.inc({ service: metrics.serviceLabel(service, true) });
        this.#options.logger.info("proxy.breaker", { service, state });
      },
      onRefused: (service, reason) => {
        traffic.refused.inc({ service: metrics.serviceLabel(service, true), reason });
      },
      now,
    });
  }

  #createFront(balancer: Balancer): Front {
    const options = this.#options;
    const { limits } = options;
    return new Front({
      options,
      routes: this.#routes,
      metrics: this.metrics,
      now,
      exchange: {
        balancer,
        transport: this.#transport,
        mirror: this.#mirror,
        metrics: this.metrics,
        failures: this.#failures,
        now,
        answerTimeoutMs: limits.answerTimeoutMs,
        upgradeIdleTimeoutMs: limits.upgradeIdleTimeoutMs,
      },
    });
  }

  #createRoutes(): RouteFollower {
    const { routes, isDynamic, routeSets, directory, logger } = this.#options;
    const random = new SeededRandom(Math.floor(Math.random() * 4_294_967_296));
    return new RouteFollower({
      own: routes,
      watch: routeSets === undefined ? undefined : directory.watchRouteSets?.bind(directory),
      file: routeSets?.file,
      createTable: (table) => createRouteTable(table, { isDynamic, random }),
      prepare: (table) => this.#prepare(table),
      settle: (table) =>
        this.#subscriptions.pinOnly([...pinnedTargets(table), ...tcpTargets(this.#options.tcp)]),
      logger,
      metrics: this.metrics,
    });
  }

  /** Watches what routes name before they are followed; waits for it, but not for long. */
  async #prepare(routes: readonly Route[]): Promise<void> {
    const watched = pinnedTargets(routes)
      .map((target) => this.#subscriptions.get(target, now()))
      .filter(isWatched);
    const timeoutMs = PREPARE_MS;
    await Promise.allSettled(watched.map(({ subscription }) => subscription.ready({ timeoutMs })));
  }

  #createListener(): Http1Listener {
    return new Http1Listener({
      ...this.#callerPorts(),
      tls: this.#callerTls,
      onHttp2: (socket) => this.#http2.take(socket),
      onConnectionRefused: () => this.metrics.connectionsRefused.inc(),
    });
  }

  #callerPorts() {
    return {
      limits: this.#options.limits,
      clock: this.#clock,
      isDraining: () => this.#isDraining,
      onCall: (call: Call) => this.#front.onCall(call),
      onRefused: (reason: string) => this.metrics.hostile.inc({ reason }),
    };
  }

  /** The one timer behind every timeout of the request path. */
  #tick(): void {
    const nowMs = now();
    this.#clock.tick(nowMs);
    this.#balancer.sweep(nowMs);
    this.#front.sweep(nowMs);
    this.#mirror.sweep(nowMs);
    this.#tickCount += 1;
    if (this.#tickCount % CONNECTION_TICKS !== 0) return;
    this.#listener.sweep(nowMs);
    for (const tcp of this.#tcp) tcp.sweep(nowMs);
    this.#http2.sweep(nowMs);
    this.#transport.sweep(nowMs);
  }
}

function tcpTargets(routes: readonly TcpRoute[]) {
  return routes.flatMap((route) => tcpServices(route).map((service) => tcpTarget(route, service)));
}

function pinnedTargets(routes: readonly Route[]) {
  return routes.flatMap((route) =>
    destinationsOf(route).map((destination) => ({
      service: destination.service,
      namespace: destination.namespace ?? "",
      policy: route.policy,
      balancing: route.balancing,
      filter: destination.filter,
      ...{ isDynamic: false, isVersionChosen: false },
    })),
  );
}

function now(): Instant {
  return instant(performance.now());
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      const message = `listen on ${host}:${port}: ${error.message}`;
      reject(new RegistryError(ErrorCode.unavailable, message, { cause: error }));
    };
    server.once("error", onError);
    server.listen({ host, port, backlog: 511 }, () => {
      server.off("error", onError);
      resolve();
    });
  });
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    if (server.listening) server.close(() => resolve());
    else resolve();
  });
}

/** Resolves with the promise or after `ms`, whichever is first. */
async function waitAtMost(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, timeout]);
  clearTimeout(timer);
}
