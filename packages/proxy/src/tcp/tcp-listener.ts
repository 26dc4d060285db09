/**
 * Plain TCP: a port whose connections go to a service, or to the one whose name their TLS asks for.
 *
 * Bytes are joined as they are; TLS is not ended here. Each connection has its instance chosen
 * once; another is tried as long as none could be connected to, for nothing was sent by then.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import type { CallResult, Instant } from "@fpzk/core";
import { type AccessLog, silentAccessLog } from "../access-log.js";
import { type Balancer, type Choice, isChoice } from "../balancer.js";
import type { RecentFailures } from "../diagnostics/recent-failures.js";
import type { ProxyLogger } from "../logger.js";
import type { ProxyLimits } from "../options.js";
import type { RouteTarget } from "../route-table.js";
import { breakOff, Tunnel } from "../tunnel.js";
import { CLIENT_HELLO_MAX_BYTES, readServerName } from "./client-hello.js";
import type { TcpMetrics, TcpRecord } from "./tcp-metrics.js";
import { type TcpRoute, tcpTarget } from "./tcp-route.js";

export interface TcpListenerPorts {
  readonly balancer: Balancer;
  readonly limits: ProxyLimits;
  readonly logger: ProxyLogger;
  readonly metrics: TcpMetrics;
  readonly failures: RecentFailures;
  readonly accessLog: AccessLog;
  readonly now: () => Instant;
  readonly onConnectionRefused: () => void;
}

/** Instances that are tried for one connection. */
const ATTEMPT_COUNT_MAX = 3;

/** One caller's connection. */
class TcpConnection {
  readonly socket: Socket;
  tunnel: Tunnel | undefined;
  instance: Socket | undefined;
  choice: Choice | undefined;
  /** It must have an instance by then. */
  dueAtMs: number;
  readonly record: TcpRecord;

  constructor(socket: Socket, record: TcpRecord, dueAtMs: number) {
    this.socket = socket;
    this.record = record;
    this.dueAtMs = dueAtMs;
  }
}

export class TcpListener {
  /** Not yet listening. */
  readonly server: Server;
  readonly #route: TcpRoute;
  readonly #ports: TcpListenerPorts;
  readonly #connections = new Set<TcpConnection>();

  constructor(route: TcpRoute, ports: TcpListenerPorts) {
    this.#route = route;
    this.#ports = ports;
    const options = { allowHalfOpen: true, noDelay: true, keepAlive: true, pauseOnConnect: true };
    this.server = createServer(options, (socket) => this.#accept(socket));
    this.server.maxConnections = ports.limits.connectionCountMax;
    this.server.on("drop", ports.onConnectionRefused);
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  destroyAll(): void {
    for (const { socket } of this.#connections) breakOff(socket);
  }

  sweep(nowMs: number): void {
    for (const connection of this.#connections) {
      if (connection.tunnel !== undefined) connection.tunnel.sweep(nowMs);
      else if (nowMs >= connection.dueAtMs) breakOff(connection.socket);
    }
  }

  #accept(socket: Socket): void {
    const { limits, now } = this.#ports;
    const record: TcpRecord = {
      ...{ route: `tcp:${this.#route.port}`, startedAtMs: now(), service: "", serverName: "" },
      ...{ instanceId: "", attemptCount: 0, requestBodyBytes: 0, responseBodyBytes: 0 },
      outcome: "refused",
      reason: "",
    };
    const connection = new TcpConnection(socket, record, now() + limits.headerTimeoutMs);
    this.#connections.add(connection);
    this.#ports.metrics.begin(record);
    socket.on("error", ignore);
    socket.once("close", () => this.#closed(connection));
    const { serverNames, service } = this.#route;
    if (serverNames === undefined) this.#begin(connection, service);
    else this.#peek(connection, Buffer.alloc(0));
  }

  /** Waits for the whole ClientHello, which then goes on as it came. */
  #peek(connection: TcpConnection, before: Buffer): void {
    const { socket } = connection;
    socket.once("data", (chunk: Buffer) => {
      socket.pause();
      const bytes = before.length === 0 ? chunk : Buffer.concat([before, chunk]);
      const read = readServerName(bytes);
      if (read.type === "more" && bytes.length < CLIENT_HELLO_MAX_BYTES * 2) {
        this.#peek(connection, bytes);
        return;
      }
      const name = read.type === "name" ? read.name : "";
      const isTls = read.type === "name" || read.type === "none";
      const { serverNames, service } = this.#route;
      connection.record.serverName = name;
      socket.unshift(bytes);
      this.#begin(connection, isTls ? (serverNames?.[name] ?? service) : undefined);
    });
    socket.resume();
  }

  #begin(connection: TcpConnection, service: string | undefined): void {
    if (service === undefined) {
      this.#failed(connection, "no-route");
      breakOff(connection.socket);
      return;
    }
    connection.record.service = service;
    const { limits, now } = this.#ports;
    connection.dueAtMs = now() + limits.connectTimeoutMs * ATTEMPT_COUNT_MAX;
    const target = tcpTarget(this.#route, service, connection.socket.remoteAddress);
    this.#try(connection, target, new Set());
  }

  #try(connection: TcpConnection, target: RouteTarget, tried: Set<string>): void {
    const { balancer, limits, logger } = this.#ports;
    const choice = balancer.choose(target, tried, "tcp");
    if (!isChoice(choice)) {
      logger.debug("proxy.tcp-refused", { service: target.service, reason: choice.detail });
      this.#failed(connection, choice.reason ?? "no-instance", choice.detail);
      breakOff(connection.socket);
      return;
    }
    connection.choice = choice;
    connection.record.instanceId = choice.picked.instance.id;
    connection.record.attemptCount += 1;
    const { host, port } = choice.destination;
    const instance = connect({ host, port, allowHalfOpen: true, noDelay: true });
    connection.instance = instance;
    instance.setTimeout(limits.connectTimeoutMs, () => instance.destroy());
    instance.on("error", ignore);
    const onFailed = (): void => {
      this.#release(connection, "connect-failure");
      tried.add(choice.picked.instance.id);
      if (connection.socket.destroyed) return;
      connection.record.outcome = "failed";
      this.#failed(connection, "connect", `${host}:${port} could not be connected to`);
      if (tried.size < ATTEMPT_COUNT_MAX) this.#try(connection, target, tried);
      else breakOff(connection.socket);
    };
    instance.once("close", onFailed);
    instance.once("connect", () => {
      instance.off("close", onFailed);
      instance.setTimeout(0);
      this.#join(connection, instance);
    });
  }

  #join(connection: TcpConnection, instance: Socket): void {
    const { limits, now } = this.#ports;
    const { record } = connection;
    record.outcome = "aborted";
    connection.tunnel = new Tunnel(connection.socket, instance, now(), {
      idleTimeoutMs: limits.upgradeIdleTimeoutMs,
      record,
      onBroken: () => {
        record.outcome = "failed";
        this.#failed(connection, "closed");
      },
      onClosed: () => this.#release(connection, "success"),
    });
  }

  #release(connection: TcpConnection, result: CallResult): void {
    const { choice } = connection;
    connection.choice = undefined;
    if (choice !== undefined) this.#ports.balancer.finish(choice, result);
  }

  #closed(connection: TcpConnection): void {
    this.#connections.delete(connection);
    if (connection.tunnel === undefined) {
      this.#release(connection, "cancelled");
      connection.instance?.destroy();
    } else if (connection.socket.readableEnded && connection.instance?.readableEnded === true) {
      connection.record.outcome = "completed";
    }
    this.#tell(connection);
  }

  #failed({ record }: TcpConnection, reason: string, detail = ""): void {
    const { metrics, failures } = this.#ports;
    record.reason = reason;
    metrics.fail(record, reason);
    failures.add({ service: record.service, instanceId: record.instanceId, reason, detail });
  }

  /** Counts it, and writes its access line. */
  #tell({ record }: TcpConnection): void {
    const { metrics, accessLog, now } = this.#ports;
    metrics.end(record);
    if (accessLog === silentAccessLog) return;
    const { serverName, startedAtMs, ...same } = record;
    accessLog.write({
      ...{ method: "TCP", host: serverName, path: record.route, statusCode: 0 },
      ...same,
      durationMs: Math.round((now() - startedAtMs) * 1_000) / 1_000,
    });
  }
}

function ignore(): void {}
