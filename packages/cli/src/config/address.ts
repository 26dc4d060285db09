/** `host:port` texts, with IPv6 in brackets, as configuration and flags give them. */
import { isIP } from "node:net";

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const HOST_NAME_PATTERN = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_-]+)*\.?$/i;

/**
 * Reads `host:port`, `[v6]:port`, or a host alone when `defaultPort` is given.
 *
 * @returns undefined when it is neither.
 */
export function parseHostPort(text: string, defaultPort?: number): HostPort | undefined {
  const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text);
  if (bracketed !== null) {
    const host = bracketed[1] ?? "";
    return isIP(host) === 6 ? withPort(host, bracketed[2], defaultPort) : undefined;
  }
  if (isIP(text) === 6) return withPort(text, undefined, defaultPort);
  const plain = /^([^:]+)(?::(\d{1,5}))?$/.exec(text);
  if (plain === null || !isHost(plain[1] ?? "")) return undefined;
  return withPort(plain[1] ?? "", plain[2], defaultPort);
}

/** True for a host name or an IP address without brackets. */
export function isHost(text: string): boolean {
  if (isIP(text) !== 0) return true;
  // Digits and dots alone were meant as an address.
  return HOST_NAME_PATTERN.test(text) && !/^[\d.]+$/.test(text);
}

/** `host:port`, with brackets around IPv6. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** True when only this machine can connect to a socket bound there. */
export function isLoopbackHost(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** True for the addresses that stand for every interface: nobody can dial them. */
export function isWildcardHost(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

function withPort(host: string, portText: string | undefined, defaultPort: number | undefined) {
  const port = portText === undefined ? defaultPort : Number(portText);
  if (port === undefined || port < 1 || port > 65_535) return undefined;
  return { host, port };
}
