/**
 * Callers' HTTP/2 connections: each is handed over by the listener of the port, which told it from
 * HTTP/1.1 by ALPN or by its first bytes.
 *
 * Limits against one caller's costs: streams at once, the header list, and streams that the caller
 * resets (CVE-2023-44487, rapid reset) by us; pings, settings and invalid frames by node:http2.
 *
 * Ends in two steps (RFC 9113 §6.8): a GOAWAY that names the last stream, then, after the grace for
 * silent callers, the connection's end. A stream that crosses the GOAWAY is above the one named:
 * its caller knows at once that nobody looked at it. (A GOAWAY that names none yet would let it
 * hang: nghttp2 takes no stream after any GOAWAY.)
 */
import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { ErrorCode } from "@fpzk/core";
import type { Call } from "../call.js";
import type { CoarseClock } from "../coarse-clock.js";
import type { RefusalReason } from "../http1/request-head.js";
import type { ProxyLimits } from "../options.js";
import { answerProblem, type Problem } from "../problem.js";
import { Http2Call } from "./http2-call.js";
import { isHeadFault, readHttp2Request } from "./http2-fields.js";

export interface Http2ListenerPorts {
  readonly limits: ProxyLimits;
  readonly clock: CoarseClock;
  readonly onCall: (call: Call) => void;
  readonly onRefused: (reason: RefusalReason | "resets" | "frames") => void;
}

/** Bytes of one stream that may be on their way here. */
const STREAM_WINDOW_BYTES = 262_144;
/** The same of all streams of one connection. */
const SESSION_WINDOW_BYTES = 1_048_576;
/** Pseudo-header fields of a request beside the fields that are counted. */
const PSEUDO_COUNT = 4;
/** Resets are counted over this. */
const RESET_WINDOW_MS = 1_000;

/** One caller's connection. */
class CallerSession {
  readonly session: ServerHttp2Session;
  readonly calls = new Set<Http2Call>();
  idleSinceMs: number;
  #resetCount = 0;
  #resetsSinceMs: number;
  /** As seen last; it grows with every frame, answers to pings included. */
  #receivedBytes = 0;
  #receivedAtMs: number;
  #isPinged = false;

  constructor(session: ServerHttp2Session, nowMs: number) {
    this.session = session;
    this.idleSinceMs = nowMs;
    this.#resetsSinceMs = nowMs;
    this.#receivedAtMs = nowMs;
  }

  /** Asks a silent caller whether it is still there. @returns Whether it did not answer. */
  isGone(nowMs: number, silentMaxMs: number): boolean {
    const receivedBytes = this.session.socket.bytesRead;
    if (receivedBytes !== this.#receivedBytes) {
      this.#receivedBytes = receivedBytes;
      this.#receivedAtMs = nowMs;
      this.#isPinged = false;
      return false;
    }
    const silentMs = nowMs - this.#receivedAtMs;
    if (silentMs >= silentMaxMs) return true;
    if (silentMs >= silentMaxMs / 2 && !this.#isPinged && !this.session.closed) {
      this.#isPinged = true;
      this.session.ping(ignore);
    }
    return false;
  }

  /** Counts a stream that its caller reset. @returns Whether it is too many. */
  isFlooding(nowMs: number, resetsPerSecondMax: number): boolean {
    if (nowMs - this.#resetsSinceMs >= RESET_WINDOW_MS) {
      this.#resetsSinceMs = nowMs;
      this.#resetCount = 0;
    }
    this.#resetCount += 1;
    return this.#resetCount > resetsPerSecondMax;
  }
}

export class Http2Listener {
  readonly #ports: Http2ListenerPorts;
  /** Never listens: it is given connections. */
  readonly #server: Http2Server;
  readonly #sessions = new Map<ServerHttp2Session, CallerSession>();

  constructor(ports: Http2ListenerPorts) {
    this.#ports = ports;
    const { limits } = ports;
    this.#server = createServer({
      maxHeaderListPairs: limits.headerCountMax + PSEUDO_COUNT,
      settings: {
        maxConcurrentStreams: limits.streamCountMax,
        maxHeaderListSize: limits.headerMaxBytes,
        initialWindowSize: STREAM_WINDOW_BYTES,
        enablePush: false,
      },
    });
    this.#server.on("session", (session) => this.#begin(session));
    // Sessions that break close, which is all that is needed.
    this.#server.on("sessionError", ignore);
  }

  get connectionCount(): number {
    return this.#sessions.size;
  }

  /** Takes a connection whose bytes, those read already included, are HTTP/2. */
  take(socket: Socket): void {
    // HTTP/1.1 lets a caller end its side first. One of HTTP/2 that does can open no window any
    // more: it is gone, and a silent or full stream would not notice.
    socket.allowHalfOpen = false;
    socket.once("end", () => socket.destroy());
    this.#server.emit("connection", socket);
  }

  /** Takes no further streams, and says so; the connections stay, for callers to end. */
  notifyOfEnd(): void {
    for (const { session } of this.#sessions.values()) notify(session);
  }

  /** Takes no further streams; a connection ends with its last one. */
  end(): void {
    for (const { session } of this.#sessions.values()) {
      if (!session.closed && !session.destroyed) session.close();
    }
  }

  destroyAll(): void {
    for (const { session } of this.#sessions.values()) session.destroy();
  }

  sweep(nowMs: number): void {
    const { limits } = this.#ports;
    for (const caller of this.#sessions.values()) {
      if (caller.session.destroyed) continue;
      if (caller.isGone(nowMs, limits.idleTimeoutMs) && caller.calls.size > 0) {
        caller.session.destroy();
      } else if (caller.calls.size > 0) {
        for (const call of caller.calls) call.sweep(nowMs, limits, LATE);
      } else if (nowMs - caller.idleSinceMs >= limits.idleTimeoutMs) {
        // The second time round it has not even taken the GOAWAY.
        if (caller.session.closed) caller.session.destroy();
        else caller.session.close();
        caller.idleSinceMs = nowMs;
      }
    }
  }

  #begin(session: ServerHttp2Session): void {
    const caller = new CallerSession(session, this.#ports.clock.nowMs);
    this.#sessions.set(session, caller);
    const scheme = session.socket instanceof TLSSocket ? "https" : "http";
    const remoteAddress = session.socket.remoteAddress ?? "unknown";
    session.setLocalWindowSize(SESSION_WINDOW_BYTES);
    session.on("error", (error: Error & { code?: string }) => {
      // Of the protocol; others are of the connection, which was lost.
      if (error.code?.startsWith("ERR_HTTP2_") === true) this.#ports.onRefused("frames");
    });
    session.on("close", () => this.#sessions.delete(session));
    session.on("stream", (stream, _headers: IncomingHttpHeaders, flags, raw?: string[]) => {
      const isEnded = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      this.#onStream(caller, stream, { raw: raw ?? [], isEnded, scheme, remoteAddress });
    });
    // During a drain a new connection is not told of the end before end(): nghttp2 takes no stream
    // after a GOAWAY, whatever it names, and who came here was refused once already.
  }

  #onStream(caller: CallerSession, stream: ServerHttp2Stream, opened: OpenedStream): void {
    const { clock, limits } = this.#ports;
    const head = readHttp2Request(opened.raw, limits);
    const shownHead = isHeadFault(head) ? UNREADABLE : head;
    const call = new Http2Call(stream, shownHead, {
      ...{ ...opened, clock },
      headerMaxBytes: limits.headerMaxBytes,
    });
    caller.calls.add(call);
    stream.on("close", () => {
      caller.calls.delete(call);
      caller.idleSinceMs = clock.nowMs;
      const isReset = stream.aborted && stream.rstCode !== constants.NGHTTP2_NO_ERROR;
      if (isReset && caller.isFlooding(clock.nowMs, limits.resetsPerSecondMax)) {
        this.#ports.onRefused("resets");
        cutOff(caller.session);
      }
    });
    if (!isHeadFault(head)) {
      this.#ports.onCall(call);
      return;
    }
    this.#ports.onRefused(head.reason);
    const { detail, reason } = head;
    const statusCode = STATUS_CODES[reason] ?? 400;
    answerProblem(call, { code: ErrorCode.invalidArgument, detail, statusCode });
  }
}

interface OpenedStream {
  readonly raw: readonly string[];
  readonly isEnded: boolean;
  readonly scheme: "http" | "https";
  readonly remoteAddress: string;
}

/** Of refusals that are not 400. */
const STATUS_CODES: Partial<Record<RefusalReason, number>> = {
  expectation: 417,
  "header-size": 431,
};

/** Stands for a head that is refused. */
const UNREADABLE = {
  ...{ method: "", authority: "", path: "/", fields: [], lengthBytes: undefined },
  expectsContinue: false,
};

const LATE: Problem = {
  code: ErrorCode.deadlineExceeded,
  detail: "the request did not arrive in time",
  statusCode: 408,
};

function notify(session: ServerHttp2Session): void {
  if (session.closed || session.destroyed) return;
  session.goaway(constants.NGHTTP2_NO_ERROR);
}

/** Ends a connection and says why. */
function cutOff(session: ServerHttp2Session): void {
  if (session.destroyed) return;
  session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
}

function ignore(): void {}
