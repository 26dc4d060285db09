/** `host:port` as people write it: names, IPv4, `[IPv6]:port`, and a port that may be left out. */
import { isIPv6 } from "node:net";
import { ErrorCode, RegistryError } from "@fpzk/core";

export const DEFAULT_PORT = 7100;

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

/** @throws RegistryError `invalid_argument` when it is neither `host` nor `host:port`. */
export function parseHostPort(text: string): HostPort {
  if (isIPv6(text)) return { host: text, port: DEFAULT_PORT };
  const match = /^(?:\[([^\]]+)\]|([^:[\]/\s]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? DEFAULT_PORT : Number(match[3]);
  if (host === undefined || port < 1 || port > 65_535 || (match?.[1] && !isIPv6(match[1]))) {
    const shown = JSON.stringify(text.slice(0, 300));
    throw new RegistryError(
      ErrorCode.invalidArgument,
      `address ${shown} must be host:port, [IPv6]:port or host, port 1 to 65535`,
    );
  }
  return { host, port };
}

/** The text that {@link parseHostPort} reads back. */
export function formatHostPort({ host, port }: HostPort): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}
