/**
 * Upgraded connections (WebSocket and others): the request goes to an instance, and after its
 * `101` the two sockets are joined, byte for byte, each paused while the other is full.
 *
 * Half-close is passed: when one side ends, the other may still send. `node:http` serves here
 * instead of undici because an instance may also answer with an ordinary status, which undici
 * treats as an error.
 */
import {
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  ServerResponse,
} from "node:http";
import { connect as connectTcp, isIP, Socket } from "node:net";
import { type Duplex, pipeline } from "node:stream";
import { type ConnectionOptions, connect as connectTls, TLSSocket } from "node:tls";
import { ErrorCode } from "@fpzk/core";
import { type Balancer, type Choice, isChoice } from "./balancer.js";
import { responseHeaders } from "./headers.js";
import type { ProxyMetrics } from "./metrics.js";
import { type Problem, sendProblem } from "./problem.js";
import type { RequestRecord } from "./request-record.js";
import type { RouteTarget } from "./route-table.js";

export interface UpgradePorts {
  readonly balancer: Balancer;
  readonly metrics: ProxyMetrics;
  readonly connectTimeoutMs: number;
  readonly answerTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly headerMaxBytes: number;
  readonly ca: string | undefined;
}

export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** Bytes that followed the header. */
  readonly head: Buffer;
  readonly target: RouteTarget;
  /** Fields that the instance sees, without `connection` and `upgrade`. */
  readonly headers: readonly string[];
  readonly record: RequestRecord;
  /** Called once, when the connection is over. */
  readonly onEnded: () => void;
}

/** An ordinary response over a socket that `node:http` handed out for an upgrade; it closes it. */
export function responseOver(request: IncomingMessage, socket: Duplex): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket as Socket);
  response.once("finish", () => {
    response.detachSocket(socket as Socket);
    socket.end();
  });
  return response;
}

/** Ends a connection so that the other end can tell it from an orderly end (a TCP reset). */
export function breakOff(socket: Duplex): void {
  const isPlain = socket instanceof Socket && !(socket instanceof TLSSocket);
  if (isPlain && !socket.destroyed) socket.resetAndDestroy();
  else socket.destroy();
}

/** Finds an instance and relays; ends by `onEnded`. */
export function startUpgrade(input: UpgradeRequest, ports: UpgradePorts): void {
  new Upgrade(input, ports).start();
}

class Upgrade {
  readonly #input: UpgradeRequest;
  readonly #ports: UpgradePorts;
  #choice: Choice | undefined;
  #outgoing: ClientRequest | undefined;
  #tried: Set<string> | undefined;
  #isEnded = false;

  constructor(input: UpgradeRequest, ports: UpgradePorts) {
    this.#input = input;
    this.#ports = ports;
  }

  start(): void {
    const { socket } = this.#input;
    // Broken sockets end by `close`, which follows every error.
    socket.on("error", () => {});
    socket.once("close", () => this.#end());
    this.#ports.balancer.onRequest();
    this.#try(undefined);
  }

  #try(earlier: Problem | undefined): void {
    const { target, record } = this.#input;
    const choice = this.#ports.balancer.choose(target, this.#tried);
    if (!isChoice(choice)) {
      this.#refuse(earlier ?? choice);
      return;
    }
    this.#choice = choice;
    record.isServiceKnown = true;
    record.instanceId = choice.picked.instance.id;
    record.attemptCount += 1;
    this.#dial(choice);
  }

  #dial(choice: Choice): void {
    const { request, target, headers } = this.#input;
    const protocol = request.headers.upgrade ?? "";
    let isConnected = false;
    const outgoing = httpRequest({
      method: request.method ?? "GET",
      path: target.path,
      // Names and values in turn keep their order and case.
      headers: [...headers, "connection", "upgrade", "upgrade", protocol] as never,
      setHost: false,
      maxHeaderSize: this.#ports.headerMaxBytes,
      createConnection: () => {
        const upstream = this.#connect(choice);
        upstream.setTimeout(this.#ports.connectTimeoutMs);
        upstream.once(upstream.isTlsSocket ? "secureConnect" : "connect", () => {
          isConnected = true;
          upstream.setTimeout(this.#ports.answerTimeoutMs);
        });
        upstream.on("timeout", () => {
          if (this.#outgoing === outgoing) upstream.destroy(new Error("timed out"));
        });
        return upstream;
      },
    });
    this.#outgoing = outgoing;
    outgoing.once("upgrade", (answer, upstream, head) => this.#relay(answer, upstream, head));
    outgoing.once("response", (answer) => this.#pass(answer));
    outgoing.on("error", (error) => this.#onFailed(choice, isConnected, error));
    outgoing.end();
  }

  #connect(choice: Choice): Socket & { isTlsSocket?: boolean } {
    const { host, port } = choice.endpoint;
    if (!choice.origin.startsWith("https:")) {
      return connectTcp({ host, port, allowHalfOpen: true, noDelay: true });
    }
    const { ca } = this.#ports;
    const upstream = connectTls({
      host,
      port,
      allowHalfOpen: true,
      servername: isIP(host) === 0 ? host : "",
      ...(ca === undefined ? undefined : { ca }),
    } as ConnectionOptions);
    return Object.assign(upstream, { isTlsSocket: true });
  }

  /** The instance agreed: from here on only bytes move. */
  #relay(answer: IncomingMessage, upstream: Socket, head: Buffer): void {
    const { socket, record, request } = this.#input;
    const service = this.#ports.metrics.serviceLabel(record.service, true);
    this.#ports.metrics.upgrades.inc({ service });
    record.statusCode = answer.statusCode ?? 101;
    record.outcome = "upgraded";
    const headers = responseHeaders(answer.rawHeaders);
    headers.push("connection", "upgrade");
    headers.push("upgrade", answer.headers.upgrade ?? request.headers.upgrade ?? "");
    socket.write(headText(answer, headers), "latin1");
    if (head.length > 0) socket.write(head);
    if (this.#input.head.length > 0) upstream.write(this.#input.head);
    upstream.setTimeout(this.#ports.idleTimeoutMs);
    upstream.on("timeout", () => upstream.destroy());
    upstream.on("error", () => {});
    // Either side's abrupt end is the other's; an orderly end closes one direction only.
    upstream.once("close", () => {
      if (!upstream.readableEnded) breakOff(socket);
    });
    socket.once("close", () => {
      if (!socket.readableEnded) breakOff(upstream);
    });
    upstream.on("data", (chunk: Buffer) => {
      record.responseBodyBytes += chunk.length;
    });
    socket.on("data", (chunk: Buffer) => {
      record.requestBodyBytes += chunk.length;
    });
    socket.pipe(upstream);
    upstream.pipe(socket);
    if (socket.destroyed) upstream.destroy();
  }

  /** The instance declined with an ordinary answer. */
  #pass(answer: IncomingMessage): void {
    const { request, socket, record } = this.#input;
    const response = responseOver(request, socket);
    record.statusCode = answer.statusCode ?? 502;
    record.outcome = "completed";
    response.writeHead(record.statusCode, answer.statusMessage, [
      ...responseHeaders(answer.rawHeaders),
      "connection",
      "close",
    ]);
    answer.on("data", (chunk: Buffer) => {
      record.responseBodyBytes += chunk.length;
    });
    pipeline(answer, response, (error) => {
      if (error != null) socket.destroy();
    });
  }

  #onFailed(choice: Choice, isConnected: boolean, error: Error): void {
    const { record, target } = this.#input;
    if (this.#isEnded || this.#choice !== choice || record.statusCode !== 0) return;
    this.#choice = undefined;
    this.#ports.balancer.finish(choice, isConnected ? "error" : "connect-failure");
    const id = choice.picked.instance.id;
    const problem: Problem = {
      code: ErrorCode.unavailable,
      detail: `instance ${id} of ${record.service} did not upgrade: ${error.message}`,
      statusCode: isConnected ? 502 : 503,
    };
    const canRetry = !isConnected && record.attemptCount <= target.retryCount;
    if (!canRetry || !this.#ports.balancer.tryRetry()) {
      this.#refuse(problem);
      return;
    }
    this.#tried ??= new Set();
    this.#tried.add(id);
    this.#ports.metrics.retries.inc({
      service: this.#ports.metrics.serviceLabel(record.service, true),
    });
    this.#try(problem);
  }

  #refuse(problem: Problem): void {
    const { request, socket, record } = this.#input;
    if (socket.destroyed) return;
    record.statusCode = sendProblem(responseOver(request, socket), problem);
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const choice = this.#choice;
    this.#choice = undefined;
    const { record } = this.#input;
    if (choice !== undefined) {
      const isAnswered = record.statusCode !== 0;
      this.#ports.balancer.finish(choice, isAnswered ? "success" : undefined);
    }
    if (record.statusCode === 0) record.outcome = "aborted";
    if (record.outcome !== "upgraded") this.#outgoing?.destroy();
    this.#input.onEnded();
  }
}

function headText(answer: IncomingMessage, headers: readonly string[]): string {
  let text = `HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\n`;
  for (let index = 0; index + 1 < headers.length; index += 2) {
    text += `${headers[index]}: ${headers[index + 1]}\r\n`;
  }
  return `${text}\r\n`;
}
