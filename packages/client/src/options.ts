/** The options of `connect`, complete and checked. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { ErrorCode, RegistryError } from "@fpzk/core";
import { checkName, TOKEN_MAX_BYTES } from "@fpzk/protocol";
import type { ClientNote, ConnectOptions, ServiceOptions } from "./api.js";
import { serviceFaults } from "./service-options.js";

export const PORT_DEFAULT = 7100;
export const CONNECT_TIMEOUT_DEFAULT_MS = 10_000;
export const REQUEST_TIMEOUT_DEFAULT_MS = 5_000;
export const DRAIN_TIMEOUT_DEFAULT_MS = 10_000;
export const LINGER_DEFAULT_MS = 1_000;
/** A day: above it a timer would overflow or a mistake was made. */
const TIMEOUT_MAX_MS = 86_400_000;
const SERVER_COUNT_MAX = 1_024;

export interface TlsOptions {
  /** PEM of a private CA. */
  readonly ca: string | undefined;
  readonly serverName: string | undefined;
}

export interface ClientOptions {
  readonly servers: readonly HostPort[];
  readonly namespace: string;
  readonly token: string;
  readonly region: string;
  readonly zone: string;
  readonly clientId: string;
  readonly tls: TlsOptions | undefined;
  readonly snapshotDirectory: string | undefined;
  readonly services: ReadonlyMap<string, ServiceOptions>;
  readonly drainsOnSigterm: boolean;
  readonly lingerMs: number;
  readonly finish: (() => Promise<unknown>) | undefined;
  readonly drainTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly onNote: ((note: ClientNote) => void) | undefined;
}

export interface HostPort {
  /** IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** @throws {@link RegistryError} `invalid_argument` with every option that is wrong. */
export function completeOptions(options: ConnectOptions): ClientOptions {
  const problems: string[] = [];
  const name = (kind: "namespace" | "region" | "zone" | "clientId", value: string): string => {
    const refusal = checkName(kind, value);
    if (refusal !== undefined) problems.push(refusal.message);
    return value;
  };
  const duration = (key: string, value: number, minMs = 1): number => {
    const isGood = Number.isFinite(value) && value >= minMs && value <= TIMEOUT_MAX_MS;
    if (!isGood) problems.push(`${key} ${value} must be >= ${minMs} and <= ${TIMEOUT_MAX_MS}`);
    return value;
  };
  const token = options.token ?? "";
  if (Buffer.byteLength(token) > TOKEN_MAX_BYTES) {
    problems.push(`token must have at most ${TOKEN_MAX_BYTES} bytes`);
  }
  problems.push(...serviceFaults(options.services ?? {}));
  const complete: ClientOptions = {
    servers: parseServers(options.servers ?? [`127.0.0.1:${PORT_DEFAULT}`], problems),
    namespace: name("namespace", options.namespace ?? "default"),
    token,
    region: name("region", options.region ?? ""),
    zone: name("zone", options.zone ?? ""),
    clientId: name("clientId", options.clientId ?? randomUUID()),
    tls: readTls(options.tls, problems),
    snapshotDirectory: options.snapshotDirectory,
    services: new Map(Object.entries(options.services ?? {})),
    drainsOnSigterm: options.drainsOnSigterm ?? false,
    lingerMs: duration("lingerMs", options.lingerMs ?? LINGER_DEFAULT_MS, 0),
    finish: options.finish,
    drainTimeoutMs: duration("drainTimeoutMs", options.drainTimeoutMs ?? DRAIN_TIMEOUT_DEFAULT_MS),
    connectTimeoutMs: duration(
      "connectTimeoutMs",
      options.connectTimeoutMs ?? CONNECT_TIMEOUT_DEFAULT_MS,
    ),
    requestTimeoutMs: duration(
      "requestTimeoutMs",
      options.requestTimeoutMs ?? REQUEST_TIMEOUT_DEFAULT_MS,
    ),
    onNote: options.onNote,
  };
  if (problems.length > 0) {
    throw new RegistryError(ErrorCode.invalidArgument, `connect: ${problems.join("; ")}`);
  }
  return complete;
}

/** `host`, `host:port`, `[v6]:port` or a bare IPv6 address; undefined for anything else. */
export function parseHostPort(text: string): HostPort | undefined {
  const match =
    /^\[(?<v6>[0-9a-fA-F:.]+)\](?::(?<v6Port>\d{1,5}))?$/.exec(text) ??
    /^(?<host>[^\s:/[\]@?#]{1,255})(?::(?<port>\d{1,5}))?$/.exec(text);
  const groups = match?.groups;
  const host = groups?.["v6"] ?? groups?.["host"];
  if (host === undefined) return undefined;
  const port = Number(groups?.["v6Port"] ?? groups?.["port"] ?? PORT_DEFAULT);
  return port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

/** `host:port`, IPv6 in brackets. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function parseServers(texts: readonly string[], problems: string[]): readonly HostPort[] {
  if (texts.length < 1 || texts.length > SERVER_COUNT_MAX) {
    problems.push(`servers count ${texts.length} must be >= 1 and <= ${SERVER_COUNT_MAX}`);
  }
  return texts.slice(0, SERVER_COUNT_MAX).flatMap((text) => {
    const server = parseHostPort(text);
    if (server === undefined) problems.push(`server ${JSON.stringify(text)} must be host:port`);
    return server === undefined ? [] : [server];
  });
}

function readTls(tls: ConnectOptions["tls"], problems: string[]): TlsOptions | undefined {
  if (tls === undefined) return undefined;
  const { caFile, serverName } = tls;
  if (caFile === undefined) return { ca: undefined, serverName };
  try {
    return { ca: readFileSync(caFile, "utf8"), serverName };
  } catch (fault) {
    problems.push(`tls.caFile ${caFile}: ${fault instanceof Error ? fault.message : fault}`);
    return { ca: undefined, serverName };
  }
}
