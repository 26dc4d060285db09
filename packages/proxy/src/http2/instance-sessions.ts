/**
 * HTTP/2 connections to instances: a few sessions for each destination, many streams on each.
 *
 * A stream goes to the session with the fewest; another session is opened when all are as full as
 * the instance allows. Above the bound, attempts wait in order of arrival.
 *
 * A session whose instance owes an answer and is silent is pinged ({@link SessionWatch}).
 */
import { type ClientHttp2Session, connect } from "node:http2";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type SecureContext } from "node:tls";
import type { AttemptReceiver, Destination, InstanceRequest } from "../call.js";
import type { CoarseClock } from "../coarse-clock.js";
import { PooledTransport } from "../pooled-transport.js";
import { Http2Attempt, type Http2AttemptOwner } from "./http2-attempt.js";
import { PING_TIMEOUT_MS, SessionWatch } from "./session-watch.js";

export interface Http2TransportOptions {
  readonly clock: CoarseClock;
  readonly connectTimeoutMs: number;
  readonly answerIdleTimeoutMs: number;
  readonly headerMaxBytes: number;
  readonly headerCountMax: number;
  /** Read for each connection, so that certificates may change. */
  readonly secureContext: () => SecureContext | undefined;
}

/** Sessions to one destination. */
const SESSION_COUNT_MAX = 4;
/** Streams of one session, if the instance allows as many. */
const STREAM_COUNT_MAX = 256;
/** A session without streams is closed after this. */
const IDLE_MS = 60_000;
const STREAM_WINDOW_BYTES = 262_144;
const SESSION_WINDOW_BYTES = 1_048_576;

class InstanceSession {
  readonly session: ClientHttp2Session;
  readonly attempts = new Set<Http2Attempt>();
  isConnected = false;
  isTimedOut = false;
  streamCount = 0;
  movedAtMs: number;
  readonly watch = new SessionWatch();
  error: Error | undefined;

  constructor(session: ClientHttp2Session, nowMs: number) {
    this.session = session;
    this.movedAtMs = nowMs;
  }

  get isUsable(): boolean {
    return this.isConnected && !this.session.closed && !this.session.destroyed;
  }

  get hasRoom(): boolean {
    const allowed = this.session.remoteSettings.maxConcurrentStreams ?? STREAM_COUNT_MAX;
    return this.isUsable && this.streamCount < Math.min(allowed, STREAM_COUNT_MAX);
  }
}

class SessionPool implements Http2AttemptOwner {
  readonly #destination: Destination;
  readonly #options: Http2TransportOptions;
  readonly #sessions = new Set<InstanceSession>();
  /** Attempts without a stream; bounded by the calls in work. */
  readonly #waiting: Http2Attempt[] = [];

  constructor(destination: Destination, options: Http2TransportOptions) {
    this.#destination = destination;
    this.#options = options;
  }

  get clock(): CoarseClock {
    return this.#options.clock;
  }

  get headerMaxBytes(): number {
    return this.#options.headerMaxBytes;
  }

  get isUnused(): boolean {
    return this.#sessions.size === 0 && this.#waiting.length === 0;
  }

  send(request: InstanceRequest, receiver: AttemptReceiver): Http2Attempt {
    const attempt = new Http2Attempt(request, receiver, this);
    const session = this.#roomiest();
    if (session !== undefined && this.#waiting.length === 0) this.#attach(attempt, session);
    else {
      this.#waiting.push(attempt);
      this.#dial();
    }
    return attempt;
  }

  forget(attempt: Http2Attempt): void {
    const index = this.#waiting.indexOf(attempt);
    if (index >= 0) this.#waiting.splice(index, 1);
  }

  onStreamClosed(): void {
    this.#serve();
  }

  sweep(nowMs: number): void {
    const { connectTimeoutMs, answerIdleTimeoutMs } = this.#options;
    for (const one of this.#sessions) {
      const quietMs = nowMs - one.movedAtMs;
      if (!one.isConnected) {
        if (quietMs < connectTimeoutMs) continue;
        one.isTimedOut = true;
        one.session.destroy(new Error(`no connection within ${connectTimeoutMs} ms`));
        continue;
      }
      for (const attempt of one.attempts) attempt.sweep(nowMs, answerIdleTimeoutMs);
      if (one.streamCount === 0 && quietMs >= IDLE_MS) one.session.close();
      this.#watch(one, nowMs);
    }
  }

  destroy(): void {
    for (const { session } of this.#sessions) session.destroy();
  }

  #watch({ session, watch, streamCount }: InstanceSession, nowMs: number): void {
    if (session.destroyed) return;
    const verdict = watch.look(session.socket.bytesRead, streamCount, nowMs);
    if (verdict === "gone") {
      session.destroy(new Error(`a ping was not answered within ${PING_TIMEOUT_MS} ms`));
    } else if (verdict === "ping") {
      session.ping((error) => {
        if (error !== null || session.destroyed) return;
        watch.answered(session.socket.bytesRead, this.#options.clock.nowMs);
      });
    }
  }

  #roomiest(): InstanceSession | undefined {
    let best: InstanceSession | undefined;
    for (const one of this.#sessions) {
      if (one.hasRoom && (best === undefined || one.streamCount < best.streamCount)) best = one;
    }
    return best;
  }

  #attach(attempt: Http2Attempt, one: InstanceSession): void {
    one.streamCount += 1;
    one.watch.asked(this.#options.clock.nowMs);
    one.attempts.add(attempt);
    attempt.onDetached = () => {
      one.streamCount -= 1;
      one.attempts.delete(attempt);
      one.movedAtMs = this.#options.clock.nowMs;
    };
    attempt.attach(one.session, this.#destination.isTls ? "https" : "http");
  }

  /** Hands streams to those that wait. */
  #serve(): void {
    while (this.#waiting.length > 0) {
      const session = this.#roomiest();
      if (session === undefined) {
        this.#dial();
        return;
      }
      const attempt = this.#waiting.shift();
      if (attempt === undefined) return;
      this.#attach(attempt, session);
      attempt.receiver.onReady();
    }
  }

  /** Opens a session for those that wait, one at a time. */
  #dial(): void {
    let usableCount = 0;
    for (const one of this.#sessions) {
      if (!one.isConnected) return;
      if (one.isUsable) usableCount += 1;
    }
    if (usableCount >= SESSION_COUNT_MAX || this.#waiting.length === 0) return;
    this.#open();
  }

  #open(): void {
    const { clock, headerMaxBytes, headerCountMax } = this.#options;
    const { host, port, isTls } = this.#destination;
    const shownHost = host.includes(":") ? `[${host}]` : host;
    const session = connect(`${isTls ? "https" : "http"}://${shownHost}:${port}`, {
      createConnection: () => connectTo(this.#destination, this.#options.secureContext()),
      maxHeaderListPairs: headerCountMax,
      settings: {
        enablePush: false,
        initialWindowSize: STREAM_WINDOW_BYTES,
        maxHeaderListSize: headerMaxBytes,
      },
    });
    const one = new InstanceSession(session, clock.nowMs);
    this.#sessions.add(one);
    session.once("remoteSettings", () => {
      if (session.closed || session.destroyed) return;
      one.isConnected = true;
      one.movedAtMs = clock.nowMs;
      session.setLocalWindowSize(SESSION_WINDOW_BYTES);
      this.#serve();
    });
    session.on("remoteSettings", () => this.#serve());
    session.on("error", (error) => {
      one.error = error;
    });
    session.on("close", () => this.#onClosed(one, isTls));
  }

  #onClosed(one: InstanceSession, isTls: boolean): void {
    this.#sessions.delete(one);
    if (one.isConnected) {
      this.#dial();
      return;
    }
    const detail = one.error?.message ?? "it ended the connection before its settings";
    const reason = one.isTimedOut ? "connect-timeout" : isTls ? tlsReason(one.error) : "connect";
    // Each of them may go elsewhere: none is worth another wait.
    for (const attempt of this.#waiting.splice(0)) attempt.failUnsent(reason, detail);
  }
}

/** Sends requests by HTTP/2. */
export class Http2Transport extends PooledTransport<Http2Attempt> {
  constructor(options: Http2TransportOptions) {
    super((destination) => new SessionPool(destination, options));
  }
}

function connectTo({ host, port, isTls }: Destination, context: SecureContext | undefined): Socket {
  if (!isTls) return connectTcp({ host, port, noDelay: true });
  return connectTls({
    ...{ host, port, servername: isIP(host) === 0 ? host : "", ALPNProtocols: ["h2"] },
    ...(context === undefined ? {} : { secureContext: context }),
  }).setNoDelay(true);
}

/** A refused or reset connection is none of the handshake's. */
function tlsReason(error: Error | undefined): "connect" | "connect-tls" {
  const code = error !== undefined && "code" in error ? String(error.code) : "";
  return /^E[A-Z]+$/.test(code) && code !== "EPROTO" ? "connect" : "connect-tls";
}
