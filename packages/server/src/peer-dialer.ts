/**
 * Opens WebSockets to a peer's address.
 *
 * A DNS name may stand for several nodes: all of its addresses are dialed. Only a refused
 * connection is evidence that no process listens there; everything else says nothing.
 */
import { lookup } from "node:dns/promises";
import { isIP, type TcpNetConnectOpts } from "node:net";
import { PEER_FRAME_MAX_BYTES } from "@fpzk/core";
import { type ClientOptions, WebSocket } from "ws";
import { formatHostPort, parseHostPort } from "./host-port.js";
import { PEER_DEFLATE, PEER_PATH, PEER_SYNCHRONOUS_EVENTS } from "./http-server.js";
import type { TlsMaterial } from "./tls-server.js";

export type DialCause = "refused" | "timeout" | "rejected" | "self";

export interface DialFailure {
  readonly cause: DialCause;
  readonly detail: string;
}

export interface ResolvedAddress {
  /** What was asked for: certificates are checked against its host. */
  readonly host: string;
  readonly port: number;
  readonly ip: string;
  readonly family: 4 | 6;
}

export const DIAL_TIMEOUT_MS = 3_000;
/** Addresses of one DNS name that are dialed. */
const RESOLVED_COUNT_MAX = 32;

/** All addresses behind `host:port`, or why there are none. */
export async function resolveAddress(address: string): Promise<ResolvedAddress[] | DialFailure> {
  let host: string;
  let port: number;
  try {
    ({ host, port } = parseHostPort(address));
  } catch (error) {
    return { cause: "rejected", detail: textOf(error) };
  }
  const family = isIP(host);
  if (family !== 0) return [{ host, port, ip: host, family: family === 6 ? 6 : 4 }];
  try {
    const found = await withDeadline(lookup(host, { all: true }), DIAL_TIMEOUT_MS);
    return found.slice(0, RESOLVED_COUNT_MAX).map((entry) => ({
      host,
      port,
      ip: entry.address,
      family: entry.family === 6 ? 6 : 4,
    }));
  } catch (error) {
    return { cause: "timeout", detail: `${host} cannot be resolved: ${textOf(error)}` };
  }
}

/** Starts to connect. The socket emits `open`, or `error` and `close`. */
export function openPeerSocket(target: ResolvedAddress, tls: TlsMaterial | undefined): WebSocket {
  const scheme = tls === undefined ? "ws" : "wss";
  const { ip, family } = target;
  // `ws` hands what it does not know itself to the connection.
  const options: ClientOptions & Pick<TcpNetConnectOpts, "lookup" | "autoSelectFamily"> = {
    handshakeTimeout: DIAL_TIMEOUT_MS,
    maxPayload: PEER_FRAME_MAX_BYTES,
    perMessageDeflate: PEER_DEFLATE,
    allowSynchronousEvents: PEER_SYNCHRONOUS_EVENTS,
    followRedirects: false,
    skipUTF8Validation: true,
    autoSelectFamily: false,
    lookup: (_host, options, callback) => {
      if (options.all) callback(null, [{ address: ip, family }]);
      else callback(null, ip, family);
    },
    ...(tls === undefined
      ? {}
      : {
          cert: tls.cert,
          key: tls.key,
          ...(tls.ca === undefined ? {} : { ca: tls.ca }),
          minVersion: "TLSv1.2",
          rejectUnauthorized: true,
        }),
  };
  return new WebSocket(`${scheme}://${formatHostPort(target)}${PEER_PATH}`, options);
}

/** What an error before `open` says about the peer. */
export function failureOf(error: Error): DialFailure {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  const detail = error.message === "" ? code : error.message;
  if (code === "ECONNREFUSED") return { cause: "refused", detail };
  if (/^Unexpected server response/.test(error.message)) return { cause: "rejected", detail };
  if (/CERT|SSL|TLS/.test(code)) return { cause: "rejected", detail };
  return { cause: "timeout", detail };
}

/**
 * What several failed dials of one address say together: `refused` and `self` only when all do,
 * else the most telling.
 */
export function combineFailures(failures: readonly DialFailure[]): DialFailure {
  const order: readonly DialCause[] = ["rejected", "timeout", "refused", "self"];
  for (const cause of order) {
    const found = failures.find((failure) => failure.cause === cause);
    if (found !== undefined) return found;
  }
  return { cause: "timeout", detail: "the name has no address" };
}

function withDeadline<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
