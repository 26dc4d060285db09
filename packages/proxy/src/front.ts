/**
 * The caller-facing HTTP/1.1 server: protocol checks, limits, routing; then an exchange or an
 * upgrade.
 *
 * Requests whose framing is ambiguous (both `Content-Length` and `Transfer-Encoding`, bad chunk
 * sizes, bare line feeds) are refused by Node's parser in strict mode, and tested here.
 *
 * @see RFC 9112 §3.2 (target and Host), §6.1 (framing), §11.2 (request smuggling).
 */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { ErrorCode, type Instant } from "@fpzk/core";
import { type ExchangePorts, type RunningExchange, startExchange } from "./exchange.js";
import { fieldCount, passedCount, requestHeaders } from "./headers.js";
import type { ProxyMetrics } from "./metrics.js";
import type { ResolvedProxyOptions } from "./options.js";
import { type Problem, rawProblem, sendProblem } from "./problem.js";
import { hasRequestBody } from "./request-body.js";
import { closeRequestRecord, createRequestRecord, type RequestRecord } from "./request-record.js";
import type { RouteTable, RouteTarget } from "./route-table.js";
import { breakOff, responseOver, startUpgrade, type UpgradePorts } from "./upgrade.js";

export interface FrontPorts {
  readonly options: ResolvedProxyOptions;
  readonly routes: RouteTable;
  readonly metrics: ProxyMetrics;
  readonly exchange: ExchangePorts;
  readonly upgrade: UpgradePorts;
  readonly now: () => Instant;
  readonly isDraining: () => boolean;
}

/** What a request line and its Host say, once checked. */
interface Addressed {
  readonly host: string;
  /** Origin form. */
  readonly path: string;
}

export class Front {
  readonly server: Server;
  readonly #ports: FrontPorts;
  readonly #upgraded = new Set<Duplex>();
  /** The latest exchange of each caller's connection. */
  readonly #exchanges = new WeakMap<Duplex, RunningExchange>();
  /** Connections with a request in work. */
  readonly #isAnswering = new WeakSet<Duplex>();
  #activeCount = 0;
  #onIdle: (() => void) | undefined;

  constructor(ports: FrontPorts) {
    this.#ports = ports;
    this.server = createServer(ports.options);
    this.server.on("request", (request, response) => this.#onRequest(request, response, false));
    this.server.on("checkContinue", (request, response) =>
      this.#onRequest(request, response, true),
    );
    this.server.on("checkExpectation", (request, response) => {
      const record = this.#begin(request, { host: "", path: request.url ?? "" });
      response.once("close", () => this.#end(record));
      const detail = `expectation ${request.headers.expect} is not known; use 100-continue`;
      this.#refuse(response, record, { code: ErrorCode.invalidArgument, detail, statusCode: 417 });
    });
    this.server.on("upgrade", (request, socket, head) => this.#onUpgrade(request, socket, head));
    this.server.on("connect", (_request, socket) => {
      const detail = "CONNECT is not served; send a request with a path";
      end(socket, { code: ErrorCode.unimplemented, detail, statusCode: 405 });
    });
    this.server.on("clientError", (error, socket) => this.#onClientError(error, socket));
    this.server.on("drop", () => ports.metrics.connectionsRefused.inc());
  }

  /** Requests in work and upgraded connections. */
  get activeCount(): number {
    return this.#activeCount;
  }

  /** Resolves when nothing is in work. */
  idle(): Promise<void> {
    if (this.#activeCount === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /** Breaks off upgraded connections and every other one. */
  destroyAll(): void {
    for (const socket of this.#upgraded) breakOff(socket);
    this.server.closeAllConnections();
  }

  #onRequest(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const addressed = this.#address(request);
    const record = this.#begin(request, isProblem(addressed) ? undefined : addressed);
    response.on("error", () => {
      // A broken caller's connection; `close` follows and ends the exchange.
    });
    const { socket } = request;
    this.#isAnswering.add(socket);
    this.#serve(request, response, addressed, record, expectsContinue);
    // After the exchange's own listener, which says how it ended.
    response.once("close", () => {
      this.#isAnswering.delete(socket);
      this.#end(record);
    });
  }

  #serve(
    request: IncomingMessage,
    response: ServerResponse,
    addressed: Addressed | Problem,
    record: RequestRecord,
    expectsContinue: boolean,
  ): void {
    if (isProblem(addressed)) {
      this.#refuse(response, record, addressed);
      return;
    }
    const target = this.#route(request, addressed);
    if (isProblem(target)) {
      this.#refuse(response, record, target);
      return;
    }
    record.service = target.service;
    record.isServiceKnown = !target.isDynamic;
    const exchange = startExchange(
      {
        request,
        response,
        target,
        headers: this.#headers(request, target.host ?? addressed.host),
        expectsContinue,
        record,
      },
      this.#ports.exchange,
    );
    this.#exchanges.set(request.socket, exchange);
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => {
      // A broken caller's connection; `close` follows.
    });
    if (request.headers.upgrade?.toLowerCase() === "h2c") {
      this.#onUnwantedUpgrade(request, socket, head);
      return;
    }
    const addressed = this.#address(request);
    const record = this.#begin(request, isProblem(addressed) ? undefined : addressed);
    const target = isProblem(addressed) ? addressed : this.#route(request, addressed);
    if (isProblem(addressed) || isProblem(target)) {
      const problem = isProblem(addressed) ? addressed : (target as Problem);
      socket.once("close", () => this.#end(record));
      this.#refuse(responseOver(request, socket), record, problem);
      return;
    }
    record.service = target.service;
    record.isServiceKnown = !target.isDynamic;
    if (this.#upgraded.size >= this.#ports.options.limits.upgradeCountMax) {
      socket.once("close", () => this.#end(record));
      const detail = `${this.#upgraded.size} upgraded connections are open, which is the most`;
      const problem = { code: ErrorCode.resourceExhausted, detail, statusCode: 503 };
      this.#refuse(responseOver(request, socket), record, problem);
      return;
    }
    this.#upgraded.add(socket);
    this.#ports.metrics.upgradesActive.set(this.#upgraded.size);
    const onEnded = (): void => {
      this.#upgraded.delete(socket);
      this.#ports.metrics.upgradesActive.set(this.#upgraded.size);
      this.#end(record);
    };
    (socket as Socket).setTimeout(0);
    const headers = this.#headers(request, target.host ?? addressed.host);
    startUpgrade({ request, socket, head, target, headers, record, onEnded }, this.#ports.upgrade);
  }

  /** An offer of HTTP/2 that is not taken up (RFC 9110 §7.8): the request is served as it is. */
  #onUnwantedUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (hasRequestBody(request) || head.length > 0) {
      const detail = "an upgrade to h2c with a body is not served; send it without Upgrade";
      end(socket, { code: ErrorCode.unimplemented, detail });
      return;
    }
    this.#onRequest(request, responseOver(request, socket), false);
  }

  /** Checks limits and the target; a problem when the request cannot be served at all. */
  #address(request: IncomingMessage): Addressed | Problem {
    const { limits } = this.#ports.options;
    const url = request.url ?? "";
    if (this.#activeCount >= limits.requestCountMax) {
      const detail = `${this.#activeCount} requests are in work, which is the most; try again`;
      return { code: ErrorCode.resourceExhausted, detail, statusCode: 503 };
    }
    const headerCount = request.rawHeaders.length / 2;
    if (headerCount > limits.headerCountMax) {
      const detail = `${headerCount} header fields were sent, at most ${limits.headerCountMax}`;
      return this.#invalid("header-count", detail, 431);
    }
    if (request.method === "TRACE") return this.#invalid("method", "TRACE is not served", 405);
    if (fieldCount(request.rawHeaders, "host") > 1) {
      return this.#invalid("host", "more than one Host field was sent");
    }
    if (passedCount(request.rawHeaders) >= PASSED_COUNT_MAX) {
      const detail = `the request passed ${PASSED_COUNT_MAX} proxies; its route leads back here`;
      return this.#invalid("loop", detail, 508);
    }
    if (url.startsWith("/") || url === "*") return { host: request.headers.host ?? "", path: url };
    const absolute = /^https?:\/\/([^/?#]+)(.*)$/i.exec(url);
    const authority = absolute?.[1];
    if (authority === undefined || authority.includes("@")) {
      return this.#invalid("target", "the request target must be a path or an http URL");
    }
    // RFC 9112 §3.2.2: the target's authority replaces Host.
    const rest = absolute?.[2] ?? "";
    return { host: authority, path: rest.startsWith("/") ? rest : `/${rest}` };
  }

  #route(request: IncomingMessage, addressed: Addressed): RouteTarget | Problem {
    const match = this.#ports.routes.match({
      method: request.method ?? "",
      host: addressed.host,
      path: addressed.path,
      clientAddress: request.socket.remoteAddress ?? "",
      header: (name) => headerText(request, name),
    });
    if (match.type === "target" && match.target.fanOut === undefined) return match.target;
    if (match.type === "target") {
      const detail = "broadcast and quorum are not served yet; choose a policy for one instance";
      return { code: ErrorCode.unimplemented, detail };
    }
    if (match.type === "invalid") return this.#invalid("path", match.message);
    const detail = `no route for host "${addressed.host}" and this path`;
    return { code: ErrorCode.notFound, detail };
  }

  #headers(request: IncomingMessage, host: string): string[] {
    return requestHeaders(request.rawHeaders, {
      remoteAddress: request.socket.remoteAddress ?? "unknown",
      isTls: (request.socket as TLSSocket).encrypted === true,
      host,
      httpVersion: request.httpVersion,
      trustsForwarded: this.#ports.options.trustsForwarded,
    });
  }

  #invalid(reason: string, detail: string, statusCode = 400): Problem {
    this.#ports.metrics.hostile.inc({ reason });
    return { code: ErrorCode.invalidArgument, detail, statusCode };
  }

  #refuse(response: ServerResponse, record: RequestRecord, problem: Problem): void {
    if (this.#ports.isDraining()) response.setHeader("connection", "close");
    record.statusCode = sendProblem(response, problem);
  }

  #begin(request: IncomingMessage, addressed: Addressed | undefined): RequestRecord {
    this.#activeCount += 1;
    this.#ports.metrics.active.set(this.#activeCount);
    return createRequestRecord(
      {
        method: request.method ?? "",
        host: addressed?.host ?? request.headers.host ?? "",
        path: addressed?.path ?? request.url ?? "",
      },
      this.#ports.now(),
    );
  }

  #end(record: RequestRecord): void {
    this.#activeCount -= 1;
    this.#ports.metrics.active.set(this.#activeCount);
    closeRequestRecord(record, {
      metrics: this.#ports.metrics,
      accessLog: this.#ports.options.accessLog,
      now: this.#ports.now,
    });
    if (this.#activeCount === 0) this.#onIdle?.();
  }

  /** The parser gave up: what it read cannot be trusted, so the connection ends. */
  #onClientError(error: Error & { code?: string }, socket: Duplex): void {
    const code = error.code ?? "";
    if (code === "ECONNRESET" || !socket.writable) {
      socket.destroy();
      return;
    }
    this.#ports.metrics.hostile.inc({ reason: clientErrorReason(code) });
    const exchange = this.#exchanges.get(socket);
    // The error is within the body of the request in work, or in what followed it. In the second
    // case, and when an answer is under way, adding to the connection would corrupt it.
    if (exchange?.isRefusable) exchange.refuse(clientErrorProblem(code));
    else if (this.#isAnswering.has(socket)) socket.destroy();
    else end(socket, clientErrorProblem(code));
  }
}

/** A silent caller's host is probed after this, so that a lost one is noticed. */
const TCP_KEEP_ALIVE_MS = 60_000;
/** More FPZK proxies than this in a row are taken for a loop. */
const PASSED_COUNT_MAX = 10;

function createServer(options: ResolvedProxyOptions): Server {
  const { limits } = options;
  const serverOptions = {
    maxHeaderSize: limits.headerMaxBytes,
    headersTimeout: limits.headerTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.idleTimeoutMs,
    connectionsCheckingInterval: Math.max(100, Math.min(1_000, limits.headerTimeoutMs / 4)),
    insecureHTTPParser: false,
    requireHostHeader: true,
    joinDuplicateHeaders: false,
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
    noDelay: true,
  };
  const server =
    options.tls === undefined
      ? createHttpServer(serverOptions)
      : createHttpsServer({ ...serverOptions, ...options.tls, ALPNProtocols: ["http/1.1"] });
  server.maxConnections = limits.connectionCountMax;
  // Node would drop fields above this silently; the front counts them and refuses instead.
  server.maxHeadersCount = 0;
  server.maxRequestsPerSocket = 0;
  server.timeout = limits.idleTimeoutMs;
  return server;
}

function clientErrorReason(code: string): string {
  if (code === "HPE_HEADER_OVERFLOW") return "header-size";
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return "timeout";
  return "parse";
}

function clientErrorProblem(code: string): Problem {
  const reason = clientErrorReason(code);
  if (reason === "header-size") {
    const detail = "the header section is larger than the limit";
    return { code: ErrorCode.invalidArgument, detail, statusCode: 431 };
  }
  if (reason === "timeout") {
    const detail = "the request did not arrive in time";
    return { code: ErrorCode.deadlineExceeded, detail, statusCode: 408 };
  }
  return { code: ErrorCode.invalidArgument, detail: `not a valid HTTP/1.1 request: ${code}` };
}

function end(socket: Duplex, problem: Problem): void {
  socket.on("error", () => {
    // The caller is gone already.
  });
  socket.end(rawProblem(problem), () => socket.destroy());
}

function headerText(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function isProblem(value: object): value is Problem {
  return "code" in value;
}
